/** A registry in the memory of the only process of its cluster: what the option `cluster` costs without a network. */
import type {
  ClusterRegistry,
  Entry,
  NodeRecord,
  OwnerMark,
  Renewal,
  Tombstone,
} from '../../lib/options/cluster-adapter.ts';

export class LoneRegistry implements ClusterRegistry {
  readonly #entries = new Map<string, Entry>();
  #node: NodeRecord | undefined;

  async renew(node: NodeRecord): Promise<Renewal> {
    const hadLease = this.#node !== undefined;
    this.#node = node;
    return { hadLease, epoch: '1', nodes: [node] };
  }

  async remove(): Promise<void> {
    this.#node = undefined;
  }

  async node(): Promise<NodeRecord | undefined> {
    return this.#node;
  }

  async claim(sessionId: string, owner: OwnerMark): Promise<Entry | undefined> {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) {
      this.#entries.set(sessionId, { kind: 'owned', owner });
    }
    return entry;
  }

  async find(sessionId: string): Promise<Entry | undefined> {
    return this.#entries.get(sessionId);
  }

  async release(sessionId: string): Promise<void> {
    this.#entries.delete(sessionId);
  }

  async end(sessionId: string, _owner: OwnerMark, tombstone: Tombstone): Promise<Entry | undefined> {
    const entry: Entry = { kind: 'ended', tombstone };
    this.#entries.set(sessionId, entry);
    return entry;
  }

  async reassert(): Promise<readonly string[]> {
    return [];
  }
}
