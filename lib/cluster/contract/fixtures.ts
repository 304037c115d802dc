/** What the cases of the contract are given, and the nodes, marks and texts that they use. */
import type { ClusterRegistry, Entry, NodeRecord, OwnerMark, Tombstone } from '../../options/cluster-adapter.ts';

/** A registry that one case of the contract has for itself, as several processes see it. */
export interface ContractCluster {
  /** Makes the `ClusterRegistry` of a further process, as `sockjs()` would get it there. All of them share one store. */
  registry(): ClusterRegistry;
  /**
   * Settles once so many ms have passed by the clock that ends leases and lives: a test clock is moved, a database is
   * waited for. Some cases give leases and lives of 30 ms, and wait for their end. A store that counts whole seconds
   * rounds such a life up, and waits here until that has passed.
   */
  elapse(ms: number): Promise<void>;
  /**
   * Has the store lose all that it holds, as a restart without a disk does; the next answer of `renew()` must name
   * another epoch. Leave it out for a store that cannot lose what it has acknowledged: its epoch may always be the same.
   */
  loseAll?(): Promise<void>;
  /** Called after the case, whether it has passed or not: closes connections, deletes what the case has written. */
  close?(): void | Promise<void>;
}

/** A cluster, and the registries of two of its processes. */
export interface Fixture {
  readonly cluster: ContractCluster;
  readonly registry: ClusterRegistry;
  readonly other: ClusterRegistry;
}

/** One promise of the interface, which rejects where it is not kept. */
export interface TestCase {
  readonly title: string;
  readonly run: (fixture: Fixture) => Promise<void>;
}

/** Longer than a test takes. */
export const LONG = 3_600_000;

/** So short that a test can wait until it is over. What has to be there meanwhile is never given so little. */
export const SHORT = 30;

export const A: NodeRecord = {
  id: 'aaaaaaaaaaaaaaaaaaaaaaaa',
  address: '[::1]:4711',
  token: 'a "secret" \\ \n',
  machine: 'machine',
  versions: [1, 2],
};
export const B: NodeRecord = {
  ...A,
  id: 'bbbbbbbbbbbbbbbbbbbbbbbb',
  address: '/run/sock\u00e9ts/b.sock',
  versions: [2, 2],
};

/** The mark of a node's reservation. */
export const mark = ({ id }: Pick<NodeRecord, 'id'>, reservation: number): OwnerMark => ({ nodeId: id, reservation });

/** The entry that a claim by this mark has left. */
export const owned = (node: Pick<NodeRecord, 'id'>, reservation: number): Entry => ({
  kind: 'owned',
  owner: mark(node, reservation),
});

export const TOMBSTONE: Tombstone = { code: 3000, reason: 'Go away!', identityHash: '5f4dcc3b' };
export const ENDED: Entry = { kind: 'ended', tombstone: TOMBSTONE };

/** The nodes as a renewal of `node` lists them, in the order of their ids. */
export async function nodesSeenBy(registry: ClusterRegistry, node: NodeRecord): Promise<NodeRecord[]> {
  const { nodes } = await registry.renew(node, LONG);
  return [...nodes].sort((one, two) => one.id.localeCompare(two.id));
}

/** Ids and reasons that could be taken for something else, or be changed on the way. No two are the same. */
export const HOSTILE_TEXTS: readonly string[] = [
  'plain',
  'Plain',
  '{plain}',
  '}{',
  '{',
  '{sockjs:other}:s:plain',
  'a\nb',
  'a\r\nb',
  '\n',
  '"',
  '\'"`\\',
  '\\u0000',
  '\u0000',
  ':',
  ':1',
  `${A.id}:1`,
  '[1,"",""]',
  '%00%0a',
  '*',
  ' ',
  '__proto__',
  'nodes',
  '\u00e9',
  'e\u0301',
  '\u{1f600}',
  '\ud83d',
  '\ude00',
  '\ude00\ud83d',
  '\ufffd',
  '\ufffd\ufffd',
  '"\\ud83d"',
  'x'.repeat(256),
  `${'x'.repeat(255)}y`,
  '\u{10ffff}'.repeat(128),
];
