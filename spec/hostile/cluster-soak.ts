/**
 * A soak test of a cluster: real processes with a Redis, behind a balancer that gives consecutive requests of a session to
 * different processes. Clients break off, processes are killed and replaced, connections to Redis are cut.
 *
 * No session may have a gap. None may end without a fault that explains it. In the end, nothing may be left.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Balancer } from '../support/cluster/balancer.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import type { Measure } from '../support/cluster/node-reports.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import { ClusterProcesses, type NodeProcess } from '../support/cluster/processes.ts';
import type { RedisServer } from '../support/redis/redis-server.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';
import { checkKeys, type KeysLeft } from './cluster-keys.ts';
import { Random } from './random.ts';

export interface ClusterSoakOptions {
  readonly sessions: number;
  /** How long new rounds begin. The run lasts until each fault has occurred. */
  readonly seconds: number;
  readonly seed: number;
  readonly redis: RedisServer;
  /** ms after which processes give each other up: longer than any stall of a busy machine. */
  readonly nodeTimeout: number;
}

export interface ClusterSoakResult extends KeysLeft {
  readonly sessions: number;
  readonly rounds: number;
  readonly aborted: number;
  readonly faults: Readonly<Record<Fault, number>>;
  /** Sessions that faults have ended. */
  readonly ended: number;
  /** Requests for a new session that got 503, since Redis was cut. */
  readonly refused: number;
  /** Bytes of heap after the run, minus those before, of the process where they are most. */
  readonly heapGrowth: number;
}

type Fault = 'kill' | 'redis cut';

const PROCESSES = 3;

/** Connections of an idle process: two links with each of the others, and the one to Redis. */
const SOCKETS = 2 * (PROCESSES - 1) + 1;

/** Clients that play a round at the same time. */
const CONCURRENCY = 16;

/** ms between two faults, at most. */
const PAUSE = 2000;

/** ms: no session ends for want of a client while the machine is busy. */
const DISCONNECT_DELAY = 5000;

/** ms after which all that was left must have gone. */
const LIMIT = 90_000;

let runs = 0;

/** Runs the soak test. Rejects where a session had a gap, has ended for no reason, or where something was left. */
export function clusterSoak(options: ClusterSoakOptions): Promise<ClusterSoakResult> {
  return new ClusterSoak(options).run();
}

/** A session, as its client sees it. */
interface Played {
  readonly client: NumberedClient;
  sent: number;
  /** How many faults of each kind there had been when its last successful round began. */
  seen: Readonly<Record<Fault, number>>;
  isAborted: boolean;
}

class ClusterSoak {
  readonly #options: ClusterSoakOptions;
  readonly #random: Random;
  readonly #name: string;
  readonly #processes: ClusterProcesses;
  #nodes: NodeProcess[] = [];
  #balancer: Balancer | undefined;
  /** Those that have a session, by their place; and all that had one. */
  readonly #live = new Map<number, Played>();
  readonly #all: Played[] = [];
  readonly #errors: string[] = [];
  /** Counted when a fault begins, and again when its effect is over. */
  #faults: Record<Fault, number> = { kill: 0, 'redis cut': 0 };
  #rounds = 0;
  #aborted = 0;
  #ended = 0;
  #refused = 0;
  #isOver = false;

  constructor(options: ClusterSoakOptions) {
    runs += 1;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#name = `soak-${runs}`;
    this.#processes = new ClusterProcesses({
      client: 'node-redis',
      redisPort: options.redis.port,
      name: this.#name,
      nodeTimeout: options.nodeTimeout,
      responseLimit: 4096,
      disconnectDelay: DISCONNECT_DELAY,
    });
  }

  async run(): Promise<ClusterSoakResult> {
    this.#nodes = await this.#processes.start(PROCESSES);
    this.#balancer = await Balancer.start(this.#nodes);
    await this.#warmUp();
    const before = await this.#settled();
    await Promise.all([this.#play(), this.#disturb()]);
    await this.#playLastRounds();
    this.#checkMessages();
    await this.#allEnded();
    const { orphans, tombstones } = await checkKeys(
      this.#options.redis,
      this.#name,
      this.#nodes.map(({ nodeId }) => nodeId),
    );
    const { heap } = await this.#settled();
    const { seed } = this.#options;
    assert.deepEqual(this.#errors.slice(0, 10), [], `${this.#errors.length} errors with seed ${seed}`);
    return {
      sessions: this.#all.length,
      rounds: this.#rounds,
      aborted: this.#aborted,
      faults: { kill: this.#faults.kill / 2, 'redis cut': this.#faults['redis cut'] / 2 },
      ended: this.#ended,
      refused: this.#refused,
      heapGrowth: heap - before.heap,
      orphans,
      tombstones,
    };
  }

  // ---- The clients

  /** Fills caches and loads modules: each process owns a session of each transport, and relays others. */
  async #warmUp(): Promise<void> {
    for (let place = 0; place < PROCESSES * HTTP_RECEIVERS.length; place += 1) {
      await this.#playRound(place);
    }
    await this.#allEnded();
  }

  /** Plays rounds until the time is over, each fault has occurred, and each place has a session. */
  async #play(): Promise<void> {
    const { sessions, seconds } = this.#options;
    const until = Date.now() + seconds * 1000;
    const idle = Array.from({ length: sessions }, (_, place) => place);
    const isDone = () => Date.now() >= until && Object.values(this.#faults).every((count) => count >= 2);
    const worker = async () => {
      while (!isDone() && this.#errors.length === 0) {
        const [place] = idle.splice(this.#random.below(idle.length), 1);
        if (place !== undefined) {
          await this.#playRound(place);
          idle.push(place);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    this.#isOver = true;
  }

  async #playRound(place: number): Promise<void> {
    const played = this.#live.get(place) ?? (await this.#open(place));
    if (played === undefined) {
      return;
    }
    const seen = { ...this.#faults };
    const round = this.#round(played);
    if (this.#random.chance(0.02)) {
      this.#aborted += 1;
      played.isAborted = true;
      this.#live.delete(place);
      played.client.abort();
      await round;
      return;
    }
    const problem = await round;
    if (problem === undefined) {
      played.seen = seen;
      this.#rounds += 1;
    } else {
      this.#onEnd(place, played, problem);
    }
  }

  async #open(place: number): Promise<Played | undefined> {
    const transport = HTTP_RECEIVERS[place % HTTP_RECEIVERS.length];
    assert.ok(transport !== undefined);
    const client = new NumberedClient(transport, () => this.#balancer ?? assert.fail());
    const played: Played = { client, sent: 0, seen: { ...this.#faults }, isAborted: false };
    this.#all.push(played);
    client.start();
    await client.until(() => client.isOpen || client.end !== undefined, 'the open frame');
    if (client.end !== undefined) {
      this.#onEnd(place, played, 'no session');
      return undefined;
    }
    this.#live.set(place, played);
    return played;
  }

  /** Sends some numbers, and waits for all of them. Settles with what went wrong. */
  async #round(played: Played): Promise<string | undefined> {
    const { client } = played;
    const texts = Array.from({ length: 1 + this.#random.below(3) }, (_, i) => String(played.sent + i));
    played.sent += texts.length;
    try {
      const { status } = await client.send(...texts);
      if (status !== 200 && status !== 204) {
        return `a send got ${status}`;
      }
      const hasAll = () => client.received.length >= played.sent;
      await client.until(() => hasAll() || client.end !== undefined || played.isAborted, 'the answers');
      return client.end === undefined ? undefined : 'the session ended';
    } catch (error) {
      return String(error);
    }
  }

  /** A session has ended, or its client has given it up. Only a fault may have done that. */
  #onEnd(place: number, played: Played, problem: string): void {
    const { client, seen } = played;
    const isUnavailable = client.end?.kind === 'answered' && client.end.status === 503;
    const wasUnavailable = isUnavailable || problem === 'a send got 503';
    const wasKilled = seen.kill !== this.#faults.kill || this.#faults.kill % 2 === 1;
    const wasCut = seen['redis cut'] !== this.#faults['redis cut'] || this.#faults['redis cut'] % 2 === 1;
    if (!wasKilled && !(wasUnavailable && wasCut)) {
      this.#errors.push(`${client.id}: ${problem} ${JSON.stringify(client.end)}, with no fault to explain it`);
    }
    this.#refused += wasUnavailable && !client.isOpen ? 1 : 0;
    this.#ended += client.isOpen ? 1 : 0;
    this.#live.delete(place);
    client.abort();
  }

  /** Idle clients may have missed something. A last round shows it. */
  async #playLastRounds(): Promise<void> {
    for (const place of [...this.#live.keys()]) {
      await this.#playRound(place);
    }
  }

  // ---- The faults

  async #disturb(): Promise<void> {
    for (let count = 0; !this.#isOver && this.#errors.length === 0; count += 1) {
      await delay(this.#random.below(PAUSE));
      // Every fourth, so that there are times in which Redis alone can be at fault.
      await (count % 4 === 1 ? this.#during('kill', () => this.#kill()) : this.#cutRedis());
    }
  }

  #cutRedis(): Promise<void> {
    return this.#during('redis cut', async () => {
      await this.#options.redis.cutConnections();
      // Clients connect again.
      await delay(PAUSE / 4);
    });
  }

  async #during(fault: Fault, cause: () => Promise<void>): Promise<void> {
    this.#faults[fault] += 1;
    await cause();
    this.#faults[fault] += 1;
  }

  /** Kills a process, and has another take its place. */
  async #kill(): Promise<void> {
    const killed = this.#random.pick(this.#nodes);
    await killed.kill();
    this.#nodes = this.#nodes.filter((node) => node !== killed);
    const balancer = this.#balancer ?? assert.fail();
    balancer.targets = this.#nodes;
    this.#nodes = [...this.#nodes, ...(await this.#processes.start(1, this.#nodes))];
    balancer.targets = this.#nodes;
  }

  // ---- What is left

  /** What clients and applications have got is a beginning of what was sent; all of it while the session lives. */
  #checkMessages(): void {
    assert.deepEqual(this.#processes.doubles, []);
    const live = new Set(this.#live.values());
    for (const played of this.#all) {
      const { client, sent } = played;
      const [owner] = this.#processes.ownersOf(client.id);
      const messages = owner?.messagesOf(client.id) ?? [];
      assert.deepEqual(client.received, numbers(client.received.length), client.id);
      assert.deepEqual(messages, numbers(messages.length), client.id);
      assert.ok(client.received.length <= messages.length && messages.length <= sent, client.id);
      if (live.has(played)) {
        assert.deepEqual([client.received.length, messages.length], [sent, sent], client.id);
      }
    }
  }

  /** Has the application close all sessions. Settles when their clients have heard of it, and no process has any. */
  async #allEnded(): Promise<void> {
    for (const { client } of this.#live.values()) {
      this.#processes.ownerOf(client.id).tell({ type: 'close', id: client.id });
    }
    for (const { client } of this.#live.values()) {
      assert.equal((await client.ended()).kind, 'closed', client.id);
    }
    this.#live.clear();
    // Those whose clients broke off between two polls.
    const open = () => this.#nodes.flatMap(({ sessions }) => [...sessions].filter(([, { end }]) => end === undefined));
    const deadline = Date.now() + LIMIT;
    while (open().length > 0) {
      assert.ok(Date.now() < deadline, `${open().length} sessions do not end with seed ${this.#options.seed}`);
      await delay(10);
    }
  }

  /** Measures until no process holds a connection of a client: some are still on their way to be closed. */
  async #settled(): Promise<Measure> {
    const deadline = Date.now() + LIMIT;
    for (;;) {
      const measure = await this.#measure();
      if (measure.sockets <= SOCKETS) {
        return measure;
      }
      assert.ok(Date.now() < deadline, `${measure.sockets} connections where ${SOCKETS} are for links and Redis`);
      await delay(10);
    }
  }

  /** The most that any process holds. */
  async #measure(): Promise<Measure> {
    const all = await Promise.all(this.#nodes.map((node) => node.measure()));
    return {
      heap: Math.max(...all.map(({ heap }) => heap)),
      sockets: Math.max(...all.map(({ sockets }) => sockets)),
    };
  }
}
