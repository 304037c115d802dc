/** Registries that fail as those over a network do: for models, and for specs of those who call them. */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../../lib/options/cluster-adapter.ts';
import type { MemoryStore } from './memory-registry.ts';

/**
 * Remembers what is in a store. The function that it returns has the store forget all that was written since, as a
 * failover or an old backup does. Each of them may be called, in any order.
 */
export function remember(store: MemoryStore): () => void {
  const leases = [...store.leases];
  const entries = [...store.entries];
  return () => {
    refill(store.leases, leases);
    refill(store.entries, entries);
    store.epoch += 1;
  };
}

function refill<Value>(map: Map<string, Value>, values: readonly (readonly [string, Value])[]): void {
  map.clear();
  for (const [key, value] of values) {
    map.set(key, value);
  }
}

/**
 * What becomes of a call.
 *
 * - `away`: it is not done, and rejects
 * - `answer lost`: it is done, and rejects
 * - `late`: it rejects, and is done by `FaultyRegistry.runLate()`
 */
export type Fault = 'none' | 'away' | 'answer lost' | 'late';

/** Puts faults between a caller and a registry. */
export class FaultyRegistry implements ClusterRegistry {
  readonly #make: () => ClusterRegistry;
  /** Does the calls whose answers arrive. What it knows is what the caller knows. */
  readonly #registry: ClusterRegistry;
  readonly #late: (() => Promise<unknown>)[] = [];
  /** Decides what becomes of the next call of a method. */
  nextFault: (method: keyof ClusterRegistry) => Fault = () => 'none';

  /** @param make makes a registry on the store that all share; a call whose answer does not arrive gets one of its own */
  constructor(make: () => ClusterRegistry) {
    this.#make = make;
    this.#registry = make();
  }

  /** How many late calls have not been done yet. */
  get late(): number {
    return this.#late.length;
  }

  /** Does one of the late calls, by default the first. Does nothing where there is none. */
  async runLate(index = 0): Promise<void> {
    for (const call of this.#late.splice(index, 1)) {
      await call();
    }
  }

  renew(node: NodeRecord, lease: number): Promise<Renewal> {
    return this.#call('renew', (registry) => registry.renew(node, lease));
  }

  remove(nodeId: string): Promise<void> {
    return this.#call('remove', (registry) => registry.remove(nodeId));
  }

  node(nodeId: string): Promise<NodeRecord | undefined> {
    return this.#call('node', (registry) => registry.node(nodeId));
  }

  claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#call('claim', (registry) => registry.claim(sessionId, owner, life));
  }

  find(sessionId: string): Promise<Entry | undefined> {
    return this.#call('find', (registry) => registry.find(sessionId));
  }

  release(sessionId: string, owner: OwnerMark): Promise<void> {
    return this.#call('release', (registry) => registry.release(sessionId, owner));
  }

  end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    return this.#call('end', (registry) => registry.end(sessionId, owner, tombstone, life, deadNode));
  }

  reassert(sessions: ReadonlyMap<string, OwnerMark>, life: number): Promise<readonly string[]> {
    // The map of the caller may have changed by the time that a late call is done.
    const copy = new Map(sessions);
    return this.#call('reassert', (registry) => registry.reassert(copy, life));
  }

  async #call<Result>(
    method: keyof ClusterRegistry,
    work: (registry: ClusterRegistry) => Promise<Result>,
  ): Promise<Result> {
    const fault = this.nextFault(method);
    switch (fault) {
      case 'none':
        return work(this.#registry);
      case 'answer lost':
        await work(this.#make());
        break;
      case 'late':
        this.#late.push(() => work(this.#make()));
        break;
      case 'away':
        break;
    }
    throw new Error(`the registry fails: ${fault}`);
  }
}
