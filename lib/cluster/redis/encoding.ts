/** How nodes, entries and session ids are written in Redis. */
import type { Entry, NodeRecord, OwnerMark, Tombstone } from '../../options/cluster-adapter.ts';
import { withHelp } from '../../util/help.ts';

/** Texts with half a surrogate pair, which UTF-8 cannot carry: all of them would become the same key. */
const ILL_FORMED = /\p{Surrogate}/u;

/** The keys of one cluster. All of them are in one slot of Redis Cluster, which the braces name. */
export class Keys {
  readonly #base: string;
  /** The hash of all nodes: lease and record by id. */
  readonly nodes: string;

  constructor(prefix: string, name: string) {
    this.#base = `{${prefix}:${name}}:`;
    this.nodes = `${this.#base}nodes`;
  }

  /** The key of the entry of a session. Two ids never have the same. */
  session(id: string): string {
    return ILL_FORMED.test(id) ? `${this.#base}j:${JSON.stringify(id)}` : `${this.#base}s:${id}`;
  }
}

/** Writes the mark of an owner: node id, colon, number. */
export function encodeMark({ nodeId, reservation }: OwnerMark): string {
  return `${nodeId}:${reservation}`;
}

/** Writes a tombstone: JSON, which never looks like a mark and carries every reason. */
export function encodeTombstone({ code, reason, identityHash }: Tombstone): string {
  return JSON.stringify([code, reason, identityHash]);
}

/**
 * Reads an entry.
 *
 * @throws Error for text that is neither a mark nor a tombstone
 */
export function decodeEntry(text: string): Entry {
  const [, nodeId, digits] = /^([^[].*):(\d+)$/s.exec(text) ?? [];
  if (nodeId !== undefined) {
    return { kind: 'owned', owner: { nodeId, reservation: Number(digits) } };
  }
  const [code, reason, identityHash]: unknown[] = listOf(text);
  if (typeof code === 'number' && typeof reason === 'string' && typeof identityHash === 'string') {
    return { kind: 'ended', tombstone: { code, reason, identityHash } };
  }
  throw withHelp(
    'a-key-holds-something-else',
    new Error('sockjs: a key of the cluster in Redis holds something else; give the cluster a name of its own'),
  );
}

/** Writes the record of a node. */
export function encodeNode({ id, address, token, machine, versions }: NodeRecord): string {
  return JSON.stringify([id, address, token, machine, ...versions]);
}

/** Reads the record of a node. Undefined for one that this release does not understand. */
export function decodeNode(text: string): NodeRecord | undefined {
  const [id, address, token, machine, lowest, highest]: unknown[] = listOf(text);
  return typeof id === 'string' &&
    typeof address === 'string' &&
    typeof token === 'string' &&
    typeof machine === 'string' &&
    typeof lowest === 'number' &&
    typeof highest === 'number'
    ? { id, address, token, machine, versions: [lowest, highest] }
    : undefined;
}

/** The list that JSON text holds; an empty one for any other text. */
function listOf(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
