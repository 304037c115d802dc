/** The shortest complete adapter for the option `cluster`, with its registry in memory; and an endpoint of three nodes. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import express from 'express';
import {
  attachUpgrade,
  type ClusterEntry,
  type ClusterNodeRecord,
  type ClusterOwnerMark,
  type ClusterRegistry,
  type ClusterRenewal,
  type ClusterTombstone,
  sockjs,
} from 'express-sockjs';

/** Values by key, each until its end. One clock tells the ends for all nodes. */
type Expiring<Value> = Map<string, { readonly value: Value; readonly expires: number }>;

/** What all nodes share: elsewhere, a database. */
export interface MemoryStore {
  /** By node id. `beginning` stands for the renewal that began the lease; those that follow keep it. */
  readonly leases: Expiring<{ readonly node: ClusterNodeRecord; readonly beginning: object }>;
  /** By session id. */
  readonly entries: Expiring<ClusterEntry>;
  /** Rises when the store may have lost what it had acknowledged. */
  epoch: number;
}

export function memoryStore(): MemoryStore {
  return { leases: new Map(), entries: new Map(), epoch: 1 };
}

/** The registry of one node. A method does all of its work in one turn of the event loop, so no other comes in between. */
export class MemoryRegistry implements ClusterRegistry {
  readonly #store: MemoryStore;
  /** By node id, the beginning of its lease as the last answer told it. A lost answer may have told of another one. */
  readonly #known = new Map<string, object>();

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async renew(node: ClusterNodeRecord, lease: number): Promise<ClusterRenewal> {
    const { leases, epoch } = this.#store;
    const beginning = read(leases, node.id)?.beginning ?? {};
    write(leases, node.id, { node, beginning }, lease);
    const hadLease = this.#known.get(node.id) === beginning;
    this.#known.set(node.id, beginning);
    return { hadLease, epoch: String(epoch), nodes: [...leases.keys()].flatMap((id) => read(leases, id)?.node ?? []) };
  }

  async remove(nodeId: string): Promise<void> {
    this.#store.leases.delete(nodeId);
  }

  async node(nodeId: string): Promise<ClusterNodeRecord | undefined> {
    return read(this.#store.leases, nodeId)?.node;
  }

  async claim(sessionId: string, owner: ClusterOwnerMark, life: number): Promise<ClusterEntry | undefined> {
    const entry = read(this.#store.entries, sessionId);
    if (compare(entry, owner) !== 'free') {
      return entry;
    }
    write(this.#store.entries, sessionId, { kind: 'owned', owner }, life);
    return undefined;
  }

  async find(sessionId: string): Promise<ClusterEntry | undefined> {
    return read(this.#store.entries, sessionId);
  }

  async release(sessionId: string, owner: ClusterOwnerMark): Promise<void> {
    if (isOwnedBy(read(this.#store.entries, sessionId), owner)) {
      this.#store.entries.delete(sessionId);
    }
  }

  async end(
    sessionId: string,
    owner: ClusterOwnerMark,
    tombstone: ClusterTombstone,
    life: number,
    deadNode?: string,
  ): Promise<ClusterEntry | undefined> {
    const { entries, leases } = this.#store;
    const isAlive = deadNode !== undefined && read(leases, deadNode) !== undefined;
    if (!isAlive && isOwnedBy(read(entries, sessionId), owner)) {
      write(entries, sessionId, { kind: 'ended', tombstone }, life);
    }
    return read(entries, sessionId);
  }

  async reassert(sessions: ReadonlyMap<string, ClusterOwnerMark>, life: number): Promise<readonly string[]> {
    const taken: string[] = [];
    for (const [sessionId, owner] of sessions) {
      const relation = compare(read(this.#store.entries, sessionId), owner);
      if (relation === 'free') {
        write(this.#store.entries, sessionId, { kind: 'owned', owner }, life);
      } else if (relation === 'taken') {
        taken.push(sessionId);
      }
    }
    return taken;
  }
}

/** Whether a mark may be written; comes too late, after another of the same node; or finds something else in its way. */
function compare(entry: ClusterEntry | undefined, mark: ClusterOwnerMark): 'free' | 'late' | 'taken' {
  if (entry === undefined) {
    return 'free';
  }
  if (entry.kind === 'ended' || entry.owner.nodeId !== mark.nodeId) {
    return 'taken';
  }
  return entry.owner.reservation <= mark.reservation ? 'free' : 'late';
}

function isOwnedBy(entry: ClusterEntry | undefined, { nodeId, reservation }: ClusterOwnerMark): boolean {
  return entry?.kind === 'owned' && entry.owner.nodeId === nodeId && entry.owner.reservation === reservation;
}

function read<Value>(values: Expiring<Value>, key: string): Value | undefined {
  const held = values.get(key);
  if (held !== undefined && held.expires <= performance.now()) {
    values.delete(key);
    return undefined;
  }
  return held?.value;
}

function write<Value>(values: Expiring<Value>, key: string, value: Value, life: number): void {
  values.set(key, { value, expires: performance.now() + life });
}

/** One endpoint of three nodes. Each request goes to the next of them, as behind a balancer without sticky sessions. */
function serve(port: number): void {
  const limits = {
    allowedOrigins: 'same-origin',
    maxMessageSize: 4_096,
    maxSessions: 10_000,
    maxSessionsPerClient: 20,
  } as const;
  const store = memoryStore();
  const nodes = Array.from({ length: 3 }, () => {
    const cluster = { name: 'echo', registry: new MemoryRegistry(store) };
    return sockjs({ ...limits, cluster }, (session) => {
      session.on('message', (message) => session.send(message));
    });
  });
  let requests = 0;
  const app = express().set('trust proxy', 'loopback');
  app.use('/echo', (req, res, next) => nodes[requests++ % nodes.length]?.(req, res, next));
  const server = createServer(app);
  attachUpgrade(server);
  server.on('error', ({ message }) => {
    console.error(message); // Such as that the port is taken.
    process.exit(1);
  });
  server.listen(port, '127.0.0.1', () => {
    console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  process.once('SIGTERM', async () => {
    await Promise.all(nodes.map((node) => node.close()));
    server.close();
    setTimeout(() => server.closeAllConnections(), 5_000).unref();
  });
}

const { PORT = '8080' } = process.env;

// Only where this is the program that was started: another module may import the registry.
if (basename(process.argv[1] ?? '') === 'cluster-adapter.ts') {
  serve(Number(PORT));
}
