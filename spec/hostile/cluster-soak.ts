/**
 * A soak test of a cluster: real processes behind a balancer that gives consecutive requests of a session to different
 * ones. Clients break off, processes are killed and replaced. They share a Redis, connections to which are cut; or they are
 * workers of a primary, which stalls.
 *
 * No session may have a gap. None may end without a fault that explains it. In the end, nothing may be left.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Balancer } from '../support/cluster/balancer.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import type { Measure } from '../support/cluster/node-reports.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { FaultyNode, ObservedNodes } from '../support/cluster/observed-nodes.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';
import { Random } from './random.ts';

export interface ClusterSoakOptions {
  readonly sessions: number;
  /** How long new rounds begin. The run lasts until each fault has occurred. */
  readonly seconds: number;
  readonly seed: number;
}

/** The settings of the processes of a soak test. */
export const SOAK_SETTINGS = {
  responseLimit: 4096,
  /** ms: no session ends for want of a client while the machine is busy. */
  disconnectDelay: 5000,
};

/** ms between two faults, at most. */
export const PAUSE = 2000;

/** The processes of a soak test, and where they share their sessions. */
export interface SoakedCluster<Node extends FaultyNode> {
  readonly processes: ObservedNodes<Node>;
  /** TCP connections of an idle process, of three. */
  readonly sockets: number;
  /** Has the registry fail for a while. Requests for new sessions may get 503. */
  disturb(random: Random): Promise<void>;
  /** Called when all is warm, before the first fault. */
  begin(): Promise<void>;
  /** Rejects where something is left of sessions that have ended. Settles with what may be. */
  checkLeft(nodes: readonly Node[]): Promise<Readonly<Record<string, number>>>;
}

export interface ClusterSoakResult {
  readonly sessions: number;
  readonly rounds: number;
  readonly aborted: number;
  readonly faults: Readonly<Record<Fault, number>>;
  /** Sessions that faults have ended. */
  readonly ended: number;
  /** Requests for a new session that got 503, since the registry failed. */
  readonly refused: number;
  /** What may be left of ended sessions. */
  readonly left: Readonly<Record<string, number>>;
  /** Bytes of heap after the run, minus those before, of the process where they are most. */
  readonly heapGrowth: number;
}

type Fault = 'kill' | 'outage';

const PROCESSES = 3;

/** Clients that play a round at the same time. */
const CONCURRENCY = 16;

/** ms after which all that was left must have gone. */
const LIMIT = 90_000;

/** Runs the soak test. Rejects where a session had a gap, has ended for no reason, or where something was left. */
export function clusterSoak<Node extends FaultyNode>(
  cluster: SoakedCluster<Node>,
  options: ClusterSoakOptions,
): Promise<ClusterSoakResult> {
  return new ClusterSoak(cluster, options).run();
}

/** A session, as its client sees it. */
interface Played {
  readonly client: NumberedClient;
  sent: number;
  /** How many faults of each kind there had been when its last successful round began. */
  seen: Readonly<Record<Fault, number>>;
  isAborted: boolean;
}

class ClusterSoak<Node extends FaultyNode> {
  readonly #cluster: SoakedCluster<Node>;
  readonly #options: ClusterSoakOptions;
  readonly #random: Random;
  readonly #processes: ObservedNodes<Node>;
  #nodes: Node[] = [];
  #balancer: Balancer | undefined;
  /** Those that have a session, by their place; and all that had one. */
  readonly #live = new Map<number, Played>();
  readonly #all: Played[] = [];
  readonly #errors: string[] = [];
  /** Counted when a fault begins, and again when its effect is over. */
  #faults: Record<Fault, number> = { kill: 0, outage: 0 };
  #rounds = 0;
  #aborted = 0;
  #ended = 0;
  #refused = 0;
  #isOver = false;

  constructor(cluster: SoakedCluster<Node>, options: ClusterSoakOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#processes = cluster.processes;
  }

  async run(): Promise<ClusterSoakResult> {
    this.#nodes = await this.#processes.start(PROCESSES);
    this.#balancer = await Balancer.start(this.#nodes);
    await this.#warmUp();
    const before = await this.#settled();
    await this.#cluster.begin();
    await Promise.all([this.#play(), this.#disturb()]);
    await this.#playLastRounds();
    this.#checkMessages();
    await this.#allEnded();
    const left = await this.#cluster.checkLeft(this.#nodes);
    const { heap } = await this.#settled(before.pipes);
    const { seed } = this.#options;
    assert.deepEqual(this.#errors.slice(0, 10), [], `${this.#errors.length} errors with seed ${seed}`);
    return {
      sessions: this.#all.length,
      rounds: this.#rounds,
      aborted: this.#aborted,
      faults: { kill: this.#faults.kill / 2, outage: this.#faults.outage / 2 },
      ended: this.#ended,
      refused: this.#refused,
      heapGrowth: heap - before.heap,
      left,
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
    const wasAway = seen.outage !== this.#faults.outage || this.#faults.outage % 2 === 1;
    if (!wasKilled && !(wasUnavailable && wasAway)) {
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
      // Every fourth, so that there are times in which the registry alone can be at fault.
      await (count % 4 === 1
        ? this.#during('kill', () => this.#kill())
        : this.#during('outage', () => this.#cluster.disturb(this.#random)));
    }
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
  async #settled(pipes = Number.POSITIVE_INFINITY): Promise<Measure> {
    const { sockets } = this.#cluster;
    const deadline = Date.now() + LIMIT;
    for (;;) {
      const measure = await this.#measure();
      if (measure.sockets <= sockets && measure.pipes <= pipes) {
        return measure;
      }
      assert.ok(
        Date.now() < deadline,
        `${measure.sockets} TCP connections, not ${sockets}, and ${measure.pipes} pipes, ${pipes} before`,
      );
      await delay(10);
    }
  }

  /** The most that any process holds. */
  async #measure(): Promise<Measure> {
    const all = await Promise.all(this.#nodes.map((node) => node.measure()));
    return {
      heap: Math.max(...all.map(({ heap }) => heap)),
      sockets: Math.max(...all.map(({ sockets }) => sockets)),
      pipes: Math.max(...all.map(({ pipes }) => pipes)),
    };
  }
}
