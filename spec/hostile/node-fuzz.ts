/**
 * Runs hostile cases against the processes of a cluster, with healthy sessions beside them that one process owns and
 * the other relays:
 *
 * - hostile peers dial a process, and know its token or not
 * - processes dial hostile owners, since node records and session keys in the registry are forged
 * - clients ask for sessions of odd ids and forged keys
 * - further processes join and leave meanwhile
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { machineId } from '../../lib/cluster/machine.ts';
import { attachUpgrade, type Session, type SockjsRouter, sockjs } from '../../lib/index.ts';
import type { NodeRecord } from '../../lib/options/cluster-adapter.ts';
import { memoryStore } from '../support/cluster/memory-registry.ts';
import { ForgedRegistry, type Forgeries } from './forged-registry.ts';
import { type FuzzOptions, runCase, unharmed } from './fuzz.ts';
import { HealthyStream } from './healthy-stream.ts';
import { dialAndForge, HostileOwner } from './hostile-peer.ts';
import { entryText, nodeText, ODD_IDS, requesterBytes } from './node-cases.ts';
import { Random } from './random.ts';

/** ms: longer than a run takes. No process gives another one up, and no session ends, because the machine is busy. */
const NODE_TIMEOUT = 3_600_000;

/** The client of the healthy sessions, which no forger knows. */
const HEALTHY = 'the client that is not hostile';

/** Part of all messages of the healthy sessions: no hostile node may hear it. */
const SECRET = 'for the healthy client only';

const HEALTHY_IDS = ['healthy-0', 'healthy-1'] as const;

/** How many node records and session keys are forged at a time. */
const FORGED_NODES = 12;
const FORGED_ENTRIES = 200;

/** Every so many cases, the healthy client is asked, and a process joins and leaves. */
const CHECK_EVERY = 100;
const JOIN_EVERY = 500;

/**
 * Runs the cases.
 *
 * @throws AssertionError or Error with seed and case, if the process, a node, the healthy session or its link was affected
 */
export function fuzzNodes({ seed, cases, concurrency = 32 }: FuzzOptions): Promise<void> {
  return unharmed(seed, (uncaught) =>
    withoutWarnings(async () => {
      const attack = await Attack.begin(seed);
      await attack.run(cases, concurrency, uncaught);
    }),
  );
}

/** One process of the cluster under attack. */
interface Target {
  readonly router: SockjsRouter;
  readonly server: Server;
  readonly port: number;
}

class Attack {
  readonly #seed: number;
  readonly #random: Random;
  readonly #store = memoryStore();
  readonly #forged: Forgeries = { nodes: new Map(), entries: new Map() };
  readonly #targets: Target[] = [];
  readonly #owners: HostileOwner[] = [];
  /** What went wrong that no assertion of a case shows. */
  readonly #faults: string[] = [];
  #healthySessions = 0;
  #isOver = false;
  readonly #healthy: HealthyStream[] = [];

  private constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
  }

  static async begin(seed: number): Promise<Attack> {
    const attack = new Attack(seed);
    for (let count = 0; count < 2; count += 1) {
      attack.#owners.push(await new HostileOwner(`hostile-${count}`, attack.#random, attack.#overhear).listen());
      attack.#targets.push(await attack.#start());
    }
    await attack.#openHealthy();
    return attack;
  }

  async run(cases: number, concurrency: number, uncaught: readonly unknown[]): Promise<void> {
    let started = 0;
    const worker = async () => {
      while (started < cases && uncaught.length === 0) {
        const number = started;
        started += 1;
        await this.#runCase(`seed ${this.#seed}, case ${number}`);
        if (number % CHECK_EVERY === 0) {
          await this.#checkHealthy(number);
        }
        if (number % JOIN_EVERY === 0) {
          await this.#joinAndLeave();
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    await this.#checkHealthy(started);
    assert.equal(
      this.#healthySessions,
      HEALTHY_IDS.length,
      `a healthy session was opened again with seed ${this.#seed}`,
    );
    this.#isOver = true;
    for (const stream of this.#healthy) {
      stream.close();
    }
    for (const target of this.#targets) {
      await stop(target, this.#seed);
    }
    for (const owner of this.#owners) {
      await owner.close();
    }
    assert.deepEqual(this.#faults, [], `seed ${this.#seed}`);
  }

  readonly #overhear = (bytes: Buffer): void => {
    if (bytes.includes(SECRET)) {
      this.#faults.push('a hostile node has got a message of a healthy session');
    }
  };

  async #runCase(name: string): Promise<void> {
    const random = this.#random;
    const forgedId = this.#forge();
    const target = random.pick(this.#targets);
    if (random.chance(0.4)) {
      const record = this.#recordOf(target);
      const id = `peer-${random.below(8)}`;
      const ids = [...HEALTHY_IDS, ...ODD_IDS, ...this.#forged.entries.keys()];
      const client = random.pick(['', '', '', 'a hostile client', HEALTHY.slice(1)]);
      const said = Array.from({ length: 1 + random.below(3) }, () => requesterBytes(random, ids, client));
      await dialAndForge(random, record, id, said, this.#overhear);
    } else {
      await runCase(
        target.port,
        { pieces: [this.#request(forgedId)], ending: random.pick(['wait', 'end', 'reset']) },
        name,
      );
    }
  }

  /** Writes in the registry what forgers may. Returns the session id whose key is forged. */
  #forge(): string {
    const random = this.#random;
    const { nodes, entries } = this.#forged;
    for (const { id, address, token } of this.#owners) {
      // The right record, or one that is wrong for the node that listens there.
      const record = JSON.stringify([id, address, token, machineId(), 1, 1]);
      nodes.set(id, random.chance(0.7) ? record : nodeText(random, id, address));
    }
    const nodeId = `forged-${random.below(FORGED_NODES)}`;
    nodes.set(nodeId, nodeText(random, nodeId, random.pick(this.#owners).address));
    const entryId = random.chance(0.1) ? random.pick(ODD_IDS) : `forged-${random.below(FORGED_ENTRIES)}`;
    const owner = random.pick(this.#owners).id;
    const other = random.pick([...nodes.keys(), ...this.#store.leases.keys()]);
    entries.set(entryId, entryText(random, random.chance(0.7) ? owner : other));
    return entryId;
  }

  /** A request of a hostile client, mostly for a session whose key is forged. */
  #request(forgedId: string): Buffer {
    const random = this.#random;
    const id = random.pick([
      () => forgedId,
      () => forgedId,
      () => forgedId,
      () => random.pick([...this.#forged.entries.keys()]),
      () => random.pick(ODD_IDS),
      () => random.pick(HEALTHY_IDS),
      () => `own-${random.below(20)}`,
    ])();
    const path = `/echo/000/${encodeId(id)}`;
    const [method, endpoint, body] = random.pick([
      ['POST', 'xhr', ''],
      ['POST', 'xhr_streaming', ''],
      ['GET', 'eventsource', ''],
      ['GET', 'htmlfile?c=cb', ''],
      ['GET', 'jsonp?c=cb', ''],
      ['POST', 'xhr_send', '["forged"]'],
      ['POST', 'jsonp_send', 'd=["forged"]'],
    ] as const);
    const type = endpoint === 'jsonp_send' ? 'application/x-www-form-urlencoded' : 'text/plain';
    const head = [`${method} ${path}/${endpoint} HTTP/1.1`, 'Host: x', 'Connection: close', `Content-Type: ${type}`];
    return Buffer.from([...head, `Content-Length: ${body.length}`, '', body].join('\r\n'));
  }

  #recordOf({ router }: Target): NodeRecord {
    return this.#store.leases.get(router.cluster?.nodeId ?? '')?.value.node ?? assert.fail('a node has no lease');
  }

  // ---- The processes

  async #start(): Promise<Target> {
    const registry = new ForgedRegistry(this.#store, this.#forged);
    const router = sockjs(
      {
        cluster: { name: 'fuzz', registry, nodeTimeout: NODE_TIMEOUT },
        disconnectDelay: NODE_TIMEOUT,
        // No poll of a hostile client waits for longer.
        heartbeatDelay: 200,
        // The streams of healthy clients last.
        responseLimit: Number.MAX_SAFE_INTEGER,
        identify: ({ headers }) => String(headers['x-client'] ?? ''),
      },
      (session) => this.#onSession(session),
    );
    const app = express();
    app.set('env', 'test');
    app.use('/echo', router);
    const server = createServer(app);
    attachUpgrade(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { router, server, port: (server.address() as AddressInfo).port };
  }

  /** A process that reads all forged records at its first renewal, gets some requests, and shuts down. */
  async #joinAndLeave(): Promise<void> {
    const target = await this.#start();
    for (let count = 0; count < 5; count += 1) {
      await runCase(
        target.port,
        { pieces: [this.#request(this.#forge())], ending: 'reset' },
        `a joining process, ${this.#seed}`,
      );
    }
    await stop(target, this.#seed);
  }

  #onSession(session: Session<unknown, IncomingMessage>): void {
    const isHealthy = session.request.headers['x-client'] === HEALTHY;
    this.#healthySessions += isHealthy ? 1 : 0;
    session.on('message', (text) => {
      if (isHealthy && !text.startsWith(SECRET)) {
        this.#faults.push(`a healthy session has got ${text}`);
      }
      session.send(text);
    });
    session.on('close', ({ code }) => {
      if (isHealthy && !this.#isOver) {
        this.#faults.push(`a healthy session was closed with ${code}`);
      }
    });
  }

  // ---- The healthy clients

  /** Each process owns the session of one, and relays the stream of the other. */
  async #openHealthy(): Promise<void> {
    const [one, other] = this.#targets;
    assert.ok(one !== undefined && other !== undefined);
    const streams = [
      new HealthyStream(HEALTHY_IDS[0], HEALTHY, [one, other]),
      new HealthyStream(HEALTHY_IDS[1], HEALTHY, [other, one]),
    ];
    for (const stream of streams) {
      this.#healthy.push(await stream.open());
    }
  }

  async #checkHealthy(number: number): Promise<void> {
    await Promise.all(this.#healthy.map((stream) => stream.check(`${SECRET} ${number}`)));
  }
}

async function stop({ router, server }: Target, seed: number): Promise<void> {
  server.close();
  await router.close({ timeout: 1000 });
  assert.equal(router.sessions.size, 0, `sessions left by seed ${seed}`);
  server.closeAllConnections();
  if (server.listening) {
    await once(server, 'close');
  }
}

/** As a URL can carry it: half a surrogate pair becomes the replacement character. */
function encodeId(id: string): string {
  return encodeURIComponent(id.replace(/\p{Surrogate}/gu, '\ufffd'));
}

/** Nodes warn of names that are taken and of addresses that lead nowhere, which is what hostile ones have. */
async function withoutWarnings(run: () => Promise<void>): Promise<void> {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    await run();
  } finally {
    process.emitWarning = emitWarning;
  }
}
