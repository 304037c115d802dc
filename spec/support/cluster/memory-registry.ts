/**
 * The shortest complete registry: an example of the interface, and what models run on. Registries that are given the
 * same store belong to one cluster.
 *
 * Each method does all of its work before it gives the event loop back, so no two claims see the same state.
 */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../lib/options/cluster-adapter.ts';

/** What all processes share. */
export interface MemoryStore {
  /** By node id. */
  readonly leases: Expiring<Lease>;
  /** By session id. */
  readonly entries: Expiring<Entry>;
  /** Rises when the store may have lost what it had acknowledged. */
  epoch: number;
}

/** Values by key, each with the time at which it is forgotten. */
type Expiring<Value> = Map<string, { readonly value: Value; readonly expires: number }>;

/** The right of a node to count as alive. */
interface Lease {
  readonly node: NodeRecord;
  /** Stands for the renewal that began the lease. Those that follow keep it. */
  readonly beginning: object;
}

/** Makes a store that is empty. */
export function memoryStore(): MemoryStore {
  return { leases: new Map(), entries: new Map(), epoch: 1 };
}

/** The registry of one process. */
export class MemoryRegistry implements ClusterRegistry {
  readonly #store: MemoryStore;
  /** By node id, the beginning of its lease as the last answer told it. A lost answer may have told of another one. */
  readonly #beginnings = new Map<string, object>();

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async renew(node: NodeRecord, lease: number): Promise<Renewal> {
    const { leases, epoch } = this.#store;
    const beginning = read(leases, node.id)?.beginning ?? {};
    write(leases, node.id, { node, beginning }, lease);
    const hadLease = this.#beginnings.get(node.id) === beginning;
    this.#beginnings.set(node.id, beginning);
    const nodes = [...leases.keys()].flatMap((id) => read(leases, id)?.node ?? []);
    return { hadLease, epoch: String(epoch), nodes };
  }

  async remove(nodeId: string): Promise<void> {
    this.#store.leases.delete(nodeId);
  }

  async node(nodeId: string): Promise<NodeRecord | undefined> {
    return read(this.#store.leases, nodeId)?.node;
  }

  async claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    const entry = read(this.#store.entries, sessionId);
    if (compare(entry, owner) !== 'free') {
      return entry;
    }
    write(this.#store.entries, sessionId, { kind: 'owned', owner }, life);
    return undefined;
  }

  async find(sessionId: string): Promise<Entry | undefined> {
    return read(this.#store.entries, sessionId);
  }

  async release(sessionId: string, owner: OwnerMark): Promise<void> {
    if (isOwnedBy(read(this.#store.entries, sessionId), owner)) {
      this.#store.entries.delete(sessionId);
    }
  }

  async end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    const { entries, leases } = this.#store;
    const isAlive = deadNode !== undefined && read(leases, deadNode) !== undefined;
    if (!isAlive && isOwnedBy(read(entries, sessionId), owner)) {
      write(entries, sessionId, { kind: 'ended', tombstone }, life);
    }
    return read(entries, sessionId);
  }

  async reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    const { entries } = this.#store;
    const taken: string[] = [];
    for (const [sessionId, owner] of sessions) {
      const relation = compare(read(entries, sessionId), owner);
      if (relation === 'free') {
        write(entries, sessionId, { kind: 'owned', owner }, life);
      } else if (relation === 'taken') {
        taken.push(sessionId);
      }
    }
    return taken;
  }
}

/**
 * Compares an entry with a mark: `free` where the mark may be written, `later` where it comes too late, `taken` where
 * another node or a tombstone is in the way.
 */
function compare(entry: Entry | undefined, { nodeId, reservation }: OwnerMark): 'free' | 'later' | 'taken' {
  if (entry === undefined) {
    return 'free';
  }
  if (entry.kind === 'ended' || entry.owner.nodeId !== nodeId) {
    return 'taken';
  }
  return entry.owner.reservation <= reservation ? 'free' : 'later';
}

function isOwnedBy(entry: Entry | undefined, { nodeId, reservation }: OwnerMark): boolean {
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
