/**
 * Several mounts of one endpoint in one process: routers with the option `cluster`, whose links are real sockets.
 *
 * A real link takes its time. `Mounts.settled()` waits until nothing is on its way between them.
 */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import {
  attachUpgrade,
  type SessionHandler,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
} from '../../../lib/index.ts';
import type {
  ClusterAdapter,
  ClusterRegistry,
  Entry,
  LinkListen,
  LinkTls,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../lib/options/cluster-adapter.ts';
import { afterTest } from '../cleanup.ts';
import { socketPath, until } from '../link-nodes.ts';
import { endOpenSessions } from '../session-cleanup.ts';
import { echo, listen, type serve } from '../test-server.ts';
import { MemoryRegistry, memoryStore } from './memory-registry.ts';
import { watchLinks, watchSockets, watchTimers } from './watched.ts';

/** ms without a sign of life until a mount is given up: the longest, since tests move a stopped clock in leaps. */
export const NODE_TIMEOUT = 3_600_000;

/** Turns of the event loop in a row in which nothing was on its way. */
const QUIET_TURNS = 6;

/** Makes the adapter of one mount. All adapters of one endpoint are made by one maker. */
export type MakeAdapter = (options: { nodeTimeout: number }) => ClusterAdapter | Promise<ClusterAdapter>;

/** How the mounts of one endpoint reach one another. */
export interface MountSettings {
  /** How many mounts; 3 by default. */
  readonly count?: number;
  /** Returns the maker of adapters of a new endpoint; by default with a registry in memory. */
  readonly adapters?: () => MakeAdapter | Promise<MakeAdapter>;
  /** Where each of them listens for links; on 127.0.0.1 by default. */
  readonly listen?: () => LinkListen;
  /** By the index of the mount. */
  readonly tls?: (index: number) => LinkTls;
}

/** Adapters with one registry in memory. */
export function inMemory(): MakeAdapter {
  const store = memoryStore();
  return (options) => ({ name: 'mounts', registry: new MemoryRegistry(store), ...options });
}

/** Unix sockets, each at a path of its own. */
export const overUnixSockets = (): LinkListen => ({ path: socketPath() });

/** Counts the commands on their way to a registry. */
export class CountingRegistry implements ClusterRegistry {
  readonly #registry: ClusterRegistry;
  readonly #others: () => Promise<void>;
  /** The commands that a request or a session has caused. */
  readonly commands: string[] = [];
  /** How many were not answered yet. */
  pending = 0;
  #record: NodeRecord | undefined;

  /** @param others settles once the other nodes have written their records, so that the first answer lists them all */
  constructor(registry: ClusterRegistry, others: () => Promise<void>) {
    this.#registry = registry;
    this.#others = others;
  }

  renew(node: NodeRecord, lease: number): Promise<Renewal> {
    return this.#await(this.#record === undefined ? this.#join(node, lease) : this.#registry.renew(node, lease));
  }

  async #join(node: NodeRecord, lease: number): Promise<Renewal> {
    await this.#registry.renew(node, lease);
    this.#record = node;
    await this.#others();
    return this.#registry.renew(node, lease);
  }

  /** The record that this node has written. */
  get record(): NodeRecord | undefined {
    return this.#record;
  }

  remove(nodeId: string): Promise<void> {
    return this.#await(this.#registry.remove(nodeId));
  }

  node(nodeId: string): Promise<NodeRecord | undefined> {
    return this.#count('node', this.#registry.node(nodeId));
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#count('claim', this.#registry.claim(sessionId, owner, life));
  }

  find(sessionId: string): Promise<Entry | undefined> {
    return this.#count('find', this.#registry.find(sessionId));
  }

  release(sessionId: string, owner: OwnerMark): Promise<void> {
    return this.#count('release', this.#registry.release(sessionId, owner));
  }

  end(id: string, owner: OwnerMark, tombstone: Tombstone, life: number, dead?: string): Promise<Entry | undefined> {
    return this.#count('end', this.#registry.end(id, owner, tombstone, life, dead));
  }

  reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    return this.#await(this.#registry.reassert(sessions, life));
  }

  #count<T>(command: string, answer: Promise<T>): Promise<T> {
    this.commands.push(command);
    return this.#await(answer);
  }

  #await<T>(answer: Promise<T>): Promise<T> {
    this.pending += 1;
    return answer.finally(() => {
      this.pending -= 1;
    });
  }
}

/** One mount: a router, and the registry as it sees it. */
export interface Mount {
  readonly router: SockjsRouter;
  readonly registry: CountingRegistry;
}

/** The mounts of one endpoint. */
export class Mounts {
  readonly all: Mount[] = [];
  /** The mount that gets the next request. Each request moves it on, unless `isTurning` is false. */
  next = 0;
  isTurning = true;
  readonly #sockets: ReadonlySet<Socket>;
  readonly #runningTimers: () => number;
  #timersAtRest = 0;

  /** @param isEncrypted whether links use TLS, whose bytes cannot be counted: then `settled()` does not wait for them */
  constructor(isEncrypted: boolean) {
    this.#sockets = isEncrypted ? new Set() : watchSockets();
    this.#runningTimers = watchTimers();
    watchLinks(this.messages);
  }

  /** The mount with this index. */
  at(index: number): Mount {
    const mount = this.all[index];
    if (mount === undefined) {
      throw new Error(`there is no mount ${index}`);
    }
    return mount;
  }

  /** The mount that gets this request. */
  take(): Mount {
    const mount = this.at(this.next % this.all.length);
    if (this.isTurning) {
      this.next += 1;
    }
    return mount;
  }

  /** Has this mount get all further requests. */
  stayAt(index: number): void {
    this.isTurning = false;
    this.next = index;
  }

  /** Commands of all mounts that requests and sessions have caused. */
  get commands(): string[] {
    return this.all.flatMap(({ registry }) => registry.commands);
  }

  /** The types of all messages that were sent on links. */
  readonly messages: string[] = [];

  /** Bytes that were written on links, pings included. */
  get linkBytes(): number {
    return this.links.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
  }

  /** The two ends of each link. */
  get links(): Socket[] {
    const ports = this.all.map(({ registry }) => Number(registry.record?.address.split(':').at(-1)));
    return [...this.#sockets].filter(({ localPort, remotePort }) =>
      // Of sockets, those without a port are at a path.
      localPort === undefined
        ? remotePort === undefined
        : ports.includes(localPort) || ports.includes(Number(remotePort)),
    );
  }

  /** Timers of requests and sessions: beyond those that renew leases, and that watch links. */
  countTimers(): number {
    return this.#runningTimers() - this.#timersAtRest;
  }

  /** Waits until so many mounts have written their records. No clock that stands still would have them look again. */
  joined(count: number): Promise<void> {
    return until(() => this.all.filter(({ registry }) => registry.record !== undefined).length === count);
  }

  /** Waits until each mount has a link to each other. */
  async linked(): Promise<void> {
    await until(() =>
      this.all.every(
        ({ router: { cluster } }) => cluster?.status === 'up' && cluster.peers.length === this.all.length - 1,
      ),
    );
    await this.settled();
    this.#timersAtRest = this.#runningTimers();
  }

  /** Waits until no byte and no command is on its way between mounts and registry. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await turn();
      if (!this.#isQuiet) {
        quiet = -1;
      }
    }
  }

  get #isQuiet(): boolean {
    const sockets = this.links;
    const read = sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    return (
      this.all.every(({ registry }) => registry.pending === 0) &&
      sockets.every(({ connecting }) => !connecting) &&
      read === this.linkBytes
    );
  }
}

/** Makes the mounts of one endpoint, and waits until they are linked. They are closed after the test. */
export async function makeMounts(
  { count = 3, adapters = inMemory, listen: listenAt, tls }: MountSettings,
  options: SockjsOptions,
  onSession: SessionHandler,
): Promise<Mounts> {
  const mounts = new Mounts(tls !== undefined);
  const make = await adapters();
  for (let index = 0; index < count; index += 1) {
    const adapter = await make({ nodeTimeout: NODE_TIMEOUT });
    const registry = new CountingRegistry(adapter.registry, () => mounts.joined(count));
    const cluster = {
      ...adapter,
      registry,
      ...(listenAt === undefined ? {} : { listen: listenAt() }),
      ...(tls === undefined ? {} : { tls: tls(index) }),
    };
    const router = withoutWarning(() => sockjs({ ...options, cluster }, onSession));
    mounts.all.push({ router, registry });
  }
  afterTest(async () => {
    endOpenSessions();
    await Promise.all(mounts.all.map(({ router }) => router.close()));
  });
  await mounts.linked();
  return mounts;
}

/** Makes a router of several in this process. They warn that they share their sessions, which is what they are for. */
export function withoutWarning<T>(make: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return make();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** As `serve`, with mounts that get the requests to `/echo` in turns. `onMounts` gets them. */
export function serveMounts(settings: MountSettings, onMounts: (mounts: Mounts) => void): typeof serve {
  return async (options: SockjsOptions = {}, onSession: SessionHandler = echo, { before, ...upgrade } = {}) => {
    const mounts = await makeMounts(settings, options, onSession);
    onMounts(mounts);
    const app = express();
    before?.(app);
    app.use('/echo', (req, res, next) => mounts.take().router(req, res, next));
    const server = createServer(app);
    attachUpgrade(server, upgrade);
    return listen(server);
  };
}
