/** Leases and entries of one endpoint in the memory of one process. A method is one step: nothing comes between. */
import type { Entry, NodeRecord, OwnerMark, Tombstone } from '../../options/cluster-adapter.ts';
import { LOST, LOST_LIFE } from '../lost-session.ts';

/** Entries from which on a store looks for those whose time is over. */
const MIN_SWEEP = 1024;

/** A lease: the record, and a number of the renewal that began it. */
interface Lease {
  readonly node: NodeRecord;
  readonly began: number;
}

interface HeldEntry {
  readonly entry: Entry;
  /** ms of `performance.now()`. */
  readonly expires: number;
}

/** The answer to a renewal: how the lease began, and all that there are. */
export interface StoreRenewal {
  readonly began: number;
  readonly nodes: readonly NodeRecord[];
}

/** What the processes of one endpoint share. Leases last until they are removed, entries for their time. */
export class MemoryStore {
  readonly #leases = new Map<string, Lease>();
  readonly #entries = new Map<string, HeldEntry>();
  #begun = 0;
  #sweepAt = MIN_SWEEP;

  /** Entries that are held; some of them may be over. */
  get size(): number {
    return this.#entries.size;
  }

  renew(node: NodeRecord): StoreRenewal {
    let began = this.#leases.get(node.id)?.began;
    if (began === undefined) {
      this.#begun += 1;
      began = this.#begun;
    }
    this.#leases.set(node.id, { node, began });
    return { began, nodes: Array.from(this.#leases.values(), (lease) => lease.node) };
  }

  remove(nodeId: string): void {
    this.#leases.delete(nodeId);
  }

  node(nodeId: string): NodeRecord | undefined {
    return this.#leases.get(nodeId)?.node;
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Entry | undefined {
    const entry = this.find(sessionId);
    if (compare(entry, owner) !== 'free') {
      return entry;
    }
    this.#write(sessionId, { kind: 'owned', owner }, life);
    return undefined;
  }

  find(sessionId: string): Entry | undefined {
    const held = this.#entries.get(sessionId);
    if (held !== undefined && held.expires <= performance.now()) {
      this.#entries.delete(sessionId);
      return undefined;
    }
    return held?.entry;
  }

  release(sessionId: string, owner: OwnerMark): void {
    if (isOwnedBy(this.find(sessionId), owner)) {
      this.#entries.delete(sessionId);
    }
  }

  end(sessionId: string, owner: OwnerMark, tombstone: Tombstone, life: number, deadNode?: string): Entry | undefined {
    const isAlive = deadNode !== undefined && this.#leases.has(deadNode);
    if (!isAlive && isOwnedBy(this.find(sessionId), owner)) {
      this.#write(sessionId, { kind: 'ended', tombstone }, life);
    }
    return this.find(sessionId);
  }

  /** @returns the ids that are in other hands */
  reassert(sessions: Iterable<readonly [id: string, owner: OwnerMark]>, life: number): string[] {
    const taken: string[] = [];
    for (const [sessionId, owner] of sessions) {
      const relation = compare(this.find(sessionId), owner);
      if (relation === 'free') {
        this.#write(sessionId, { kind: 'owned', owner }, life);
      } else if (relation === 'taken') {
        taken.push(sessionId);
      }
    }
    return taken;
  }

  /** A node is dead, for certain: its lease goes, and its sessions become tombstones. */
  bury(nodeId: string): void {
    this.#leases.delete(nodeId);
    for (const [sessionId, { entry }] of this.#entries) {
      // One that is over must not come to life again.
      if (entry.kind === 'owned' && entry.owner.nodeId === nodeId && this.find(sessionId) !== undefined) {
        this.#write(sessionId, { kind: 'ended', tombstone: LOST }, LOST_LIFE);
      }
    }
  }

  #write(sessionId: string, entry: Entry, life: number): void {
    this.#entries.set(sessionId, { entry, expires: performance.now() + life });
    if (this.#entries.size >= this.#sweepAt) {
      this.#sweep();
    }
  }

  /** Deletes entries that no client asks for any more. Each time the rest may double, so that a write costs no more. */
  #sweep(): void {
    const now = performance.now();
    for (const [sessionId, { expires }] of this.#entries) {
      if (expires <= now) {
        this.#entries.delete(sessionId);
      }
    }
    this.#sweepAt = Math.max(MIN_SWEEP, 2 * this.#entries.size);
  }
}

/** Whether a mark may be written; comes too late, after another of the same node; or finds something else in its way. */
function compare(entry: Entry | undefined, mark: OwnerMark): 'free' | 'late' | 'taken' {
  if (entry === undefined) {
    return 'free';
  }
  if (entry.kind === 'ended' || entry.owner.nodeId !== mark.nodeId) {
    return 'taken';
  }
  return entry.owner.reservation <= mark.reservation ? 'free' : 'late';
}

function isOwnedBy(entry: Entry | undefined, { nodeId, reservation }: OwnerMark): boolean {
  return entry?.kind === 'owned' && entry.owner.nodeId === nodeId && entry.owner.reservation === reservation;
}
