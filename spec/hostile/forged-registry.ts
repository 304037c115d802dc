/** A registry in memory that forgers write to: texts as another release, or another application, may leave in Redis. */
import { decodeEntry, decodeNode, encodeMark, encodeTombstone } from '../../lib/cluster/redis/encoding.ts';
import type { Entry, NodeRecord, OwnerMark, Renewal, Tombstone } from '../../lib/options/cluster-adapter.ts';
import { MemoryRegistry, type MemoryStore } from '../support/cluster/memory-registry.ts';

/** What forgers have written, for all processes of a cluster. */
export interface Forgeries {
  /** Texts in the place of node records, by node id. */
  readonly nodes: Map<string, string>;
  /** Texts in the place of entries, by session id. */
  readonly entries: Map<string, string>;
}

/** The registry of one process. It reads what is forged as the registry in Redis does. */
export class ForgedRegistry extends MemoryRegistry {
  readonly #forged: Forgeries;

  constructor(store: MemoryStore, forged: Forgeries) {
    super(store);
    this.#forged = forged;
  }

  override async renew(node: NodeRecord, lease: number): Promise<Renewal> {
    const renewal = await super.renew(node, lease);
    const forged = [...this.#forged.nodes.values()].flatMap((text) => decodeNode(text) ?? []);
    return { ...renewal, nodes: [...renewal.nodes, ...forged] };
  }

  override async remove(nodeId: string): Promise<void> {
    this.#forged.nodes.delete(nodeId);
    await super.remove(nodeId);
  }

  override async node(nodeId: string): Promise<NodeRecord | undefined> {
    const text = this.#forged.nodes.get(nodeId);
    return text === undefined ? super.node(nodeId) : decodeNode(text);
  }

  override async claim(sessionId: string, owner: OwnerMark, life: number): Promise<Entry | undefined> {
    return this.#forgedEntry(sessionId) ?? super.claim(sessionId, owner, life);
  }

  override async find(sessionId: string): Promise<Entry | undefined> {
    return this.#forgedEntry(sessionId) ?? super.find(sessionId);
  }

  override async release(sessionId: string, owner: OwnerMark): Promise<void> {
    if (this.#forged.entries.get(sessionId) === encodeMark(owner)) {
      this.#forged.entries.delete(sessionId);
    }
    await super.release(sessionId, owner);
  }

  override async end(
    sessionId: string,
    owner: OwnerMark,
    tombstone: Tombstone,
    life: number,
    deadNode?: string,
  ): Promise<Entry | undefined> {
    const text = this.#forged.entries.get(sessionId);
    if (text === undefined) {
      return super.end(sessionId, owner, tombstone, life, deadNode);
    }
    if (text === encodeMark(owner) && (deadNode === undefined || !this.#forged.nodes.has(deadNode))) {
      this.#forged.entries.set(sessionId, encodeTombstone(tombstone));
    }
    return this.#forgedEntry(sessionId);
  }

  /** @throws Error for what is no entry */
  #forgedEntry(sessionId: string): Entry | undefined {
    const text = this.#forged.entries.get(sessionId);
    return text === undefined ? undefined : decodeEntry(text);
  }
}
