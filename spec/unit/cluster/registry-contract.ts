/** What every registry must do: each sentence of lib/options/cluster-adapter.ts, as one suite for all implementations. */
import assert from 'node:assert/strict';
import type { ClusterRegistry, Entry, NodeRecord, OwnerMark, Tombstone } from '../../../lib/options/cluster-adapter.ts';

/** One cluster that a test has for itself. */
export interface TestCluster {
  /** Makes the registry of a further process. */
  registry(): ClusterRegistry;
  /** Settles once the registry's clock has passed so many ms. */
  elapse(ms: number): Promise<void>;
  /** Has the registry lose all that it holds, as a restart does. */
  loseAll(): Promise<void>;
}

/** Longer than a test takes. */
const LONG = 3_600_000;

/** So short that a test can wait until it is over. What has to be there meanwhile is never given so little. */
const SHORT = 30;

/** Claims at once. */
const CLAIMS = 300;

/** Questions at once, fewer than a registry takes. */
const AT_ONCE = 500;

/** Sessions of a process that asserts them again. */
const SESSIONS = 5_000;

const A: NodeRecord = {
  id: 'aaaaaaaaaaaaaaaaaaaaaaaa',
  address: '[::1]:4711',
  token: 'a "secret" \\ \n',
  machine: 'machine',
  versions: [1, 2],
};
const B: NodeRecord = { ...A, id: 'bbbbbbbbbbbbbbbbbbbbbbbb', address: '/run/sock\u00e9ts/b.sock', versions: [2, 2] };

const mark = (node: NodeRecord, reservation: number): OwnerMark => ({ nodeId: node.id, reservation });
const owned = (node: NodeRecord, reservation: number): Entry => ({ kind: 'owned', owner: mark(node, reservation) });

const TOMBSTONE: Tombstone = { code: 3000, reason: 'Go away!', identityHash: '5f4dcc3b' };
const ENDED: Entry = { kind: 'ended', tombstone: TOMBSTONE };

/** Ids and reasons that could be taken for something else, or be changed on the way. No two are the same. */
export const HOSTILE_TEXTS = [
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

/**
 * Declares the suite.
 *
 * @param open makes an empty cluster for one test
 */
export function registryContract(open: () => TestCluster | Promise<TestCluster>): void {
  describe('keeps the contract of registries:', () => declareContract(open));
}

function declareContract(open: () => TestCluster | Promise<TestCluster>): void {
  let cluster: TestCluster;
  let registry: ClusterRegistry;
  let other: ClusterRegistry;

  beforeEach(async () => {
    cluster = await open();
    registry = cluster.registry();
    other = cluster.registry();
  });

  /** The nodes as a renewal of `node` lists them. */
  const nodesSeenBy = async (by: ClusterRegistry, node: NodeRecord): Promise<NodeRecord[]> => {
    const { nodes } = await by.renew(node, LONG);
    return [...nodes].sort((one, two) => one.id.localeCompare(two.id));
  };

  describe('renew()', () => {
    it('lists all nodes that have a lease, this one included, with all that their records say', async () => {
      assert.deepEqual(await nodesSeenBy(registry, A), [A]);
      assert.deepEqual(await nodesSeenBy(other, B), [A, B]);
      assert.deepEqual(await nodesSeenBy(registry, A), [A, B]);
    });

    it('writes the record anew', async () => {
      const moved = { ...A, address: '10.0.0.1:1', token: 'another' };
      await registry.renew(A, LONG);
      assert.deepEqual(await nodesSeenBy(registry, moved), [moved]);
      assert.deepEqual(await other.node(A.id), moved);
    });

    it('tells that there was no lease at the first time, and that there was one from then on', async () => {
      assert.equal((await registry.renew(A, LONG)).hadLease, false);
      assert.equal((await registry.renew(A, LONG)).hadLease, true);
      assert.equal((await other.renew(B, LONG)).hadLease, false);
      assert.equal((await registry.renew(A, LONG)).hadLease, true);
    });

    it('tells that the lease had run out', async () => {
      await registry.renew(A, SHORT);
      await cluster.elapse(SHORT);
      assert.equal((await registry.renew(A, LONG)).hadLease, false);
      assert.equal((await registry.renew(A, LONG)).hadLease, true);
    });

    it('tells that the lease was deleted', async () => {
      await registry.renew(A, LONG);
      await other.remove(A.id);
      assert.equal((await registry.renew(A, LONG)).hadLease, false);
    });

    it('tells that the lease was deleted even where the answer that said so was lost', async () => {
      await registry.renew(A, LONG);
      await other.remove(A.id);
      // Done for `registry`, which gets no answer.
      await cluster.registry().renew(A, LONG);
      assert.equal((await registry.renew(A, LONG)).hadLease, false);
      assert.equal((await registry.renew(A, LONG)).hadLease, true);
    });

    it('tells that there was a lease all the time where only an answer was lost', async () => {
      await registry.renew(A, LONG);
      await cluster.registry().renew(A, LONG);
      assert.equal((await registry.renew(A, LONG)).hadLease, true);
    });

    it('replaces the end of the lease', async () => {
      await registry.renew(A, SHORT);
      await registry.renew(A, LONG);
      await cluster.elapse(SHORT);
      assert.deepEqual(await other.node(A.id), A);
      await registry.renew(A, SHORT);
      await cluster.elapse(SHORT);
      assert.equal(await other.node(A.id), undefined);
    });

    it('does not list a node whose lease has run out, until it renews it', async () => {
      await other.renew(B, SHORT);
      await cluster.elapse(SHORT);
      assert.deepEqual(await nodesSeenBy(registry, A), [A]);
      await other.renew(B, LONG);
      assert.deepEqual(await nodesSeenBy(registry, A), [A, B]);
    });

    it('names the same epoch to all nodes until the registry loses what it had acknowledged', async () => {
      const { epoch } = await registry.renew(A, LONG);
      assert.equal((await registry.renew(A, LONG)).epoch, epoch);
      assert.equal((await other.renew(B, LONG)).epoch, epoch);
      await cluster.loseAll();
      const after = await registry.renew(A, LONG);
      assert.notEqual(after.epoch, epoch);
      assert.deepEqual([after.hadLease, after.nodes], [false, [A]]);
      assert.equal((await other.renew(B, LONG)).epoch, after.epoch);
    });
  });

  describe('remove()', () => {
    it('deletes the lease and takes the node off the list', async () => {
      await registry.renew(A, LONG);
      await other.renew(B, LONG);
      await registry.remove(B.id);
      assert.equal(await registry.node(B.id), undefined);
      assert.deepEqual(await nodesSeenBy(registry, A), [A]);
    });

    it('does nothing to a node that is not there, and may be called again', async () => {
      await registry.renew(A, LONG);
      await registry.remove(B.id);
      await registry.remove(B.id);
      assert.deepEqual(await registry.node(A.id), A);
    });
  });

  describe('node()', () => {
    it('returns the record of a node that has a lease, and of no other', async () => {
      assert.equal(await registry.node(A.id), undefined);
      await other.renew(A, LONG);
      assert.deepEqual(await registry.node(A.id), A);
      assert.equal(await registry.node(B.id), undefined);
    });

    it('returns nothing once the lease has run out', async () => {
      await other.renew(A, SHORT);
      await cluster.elapse(SHORT);
      assert.equal(await registry.node(A.id), undefined);
    });
  });

  describe('claim()', () => {
    it('claims an id that has no entry', async () => {
      assert.equal(await registry.claim('id', mark(A, 1), LONG), undefined);
      assert.deepEqual(await other.find('id'), owned(A, 1));
    });

    it('returns the owner to all others, and changes nothing', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      assert.deepEqual(await other.claim('id', mark(B, 7), LONG), owned(A, 1));
      assert.deepEqual(await registry.find('id'), owned(A, 1));
    });

    it(`gives an id to one of ${CLAIMS} who claim it at once, and tells all of them who has it`, async () => {
      const answers = await Promise.all(
        Array.from({ length: CLAIMS }, (_, i) =>
          (i % 2 === 0 ? registry : other).claim('id', { nodeId: `node${i}`, reservation: i }, LONG),
        ),
      );
      const winners = answers.flatMap((answer, i) => (answer === undefined ? [i] : []));
      const [winner = -1] = winners;
      const entry: Entry = { kind: 'owned', owner: { nodeId: `node${winner}`, reservation: winner } };
      assert.deepEqual(winners, [winner]);
      assert.deepEqual(
        answers.filter((answer) => answer !== undefined),
        Array.from({ length: CLAIMS - 1 }, () => entry),
      );
      assert.deepEqual(await registry.find('id'), entry);
    });

    it('counts as won where the answer to the same call was lost', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      assert.equal(await registry.claim('id', mark(A, 1), LONG), undefined);
      assert.deepEqual(await other.claim('id', mark(B, 1), LONG), owned(A, 1));
    });

    it('replaces an earlier reservation of the same node', async () => {
      await registry.claim('id', mark(A, 9), LONG);
      assert.equal(await registry.claim('id', mark(A, 10), LONG), undefined);
      assert.deepEqual(await registry.find('id'), owned(A, 10));
    });

    it('does not replace a later reservation of the same node, since it then comes late', async () => {
      await registry.claim('id', mark(A, 10), LONG);
      assert.deepEqual(await registry.claim('id', mark(A, 9), LONG), owned(A, 10));
      assert.deepEqual(await registry.find('id'), owned(A, 10));
    });

    it('returns a tombstone, to the former owner as well', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, LONG);
      assert.deepEqual(await other.claim('id', mark(B, 1), LONG), ENDED);
      assert.deepEqual(await registry.claim('id', mark(A, 2), LONG), ENDED);
      assert.deepEqual(await registry.find('id'), ENDED);
    });

    it('holds for the time that it was made for', async () => {
      await registry.claim('id', mark(A, 1), SHORT);
      await cluster.elapse(SHORT);
      assert.equal(await registry.find('id'), undefined);
      assert.equal(await other.claim('id', mark(B, 1), LONG), undefined);
      assert.deepEqual(await registry.find('id'), owned(B, 1));
    });

    it('holds for the longer time where it is made again', async () => {
      await registry.claim('id', mark(A, 1), SHORT);
      await registry.claim('id', mark(A, 1), LONG);
      await cluster.elapse(SHORT);
      assert.deepEqual(await registry.find('id'), owned(A, 1));
    });
  });

  describe('find()', () => {
    it('returns nothing for an id that has no entry', async () => {
      assert.equal(await registry.find('id'), undefined);
    });

    it('keeps numbers of reservations exact', async () => {
      await registry.claim('id', mark(A, Number.MAX_SAFE_INTEGER), LONG);
      assert.deepEqual(await other.find('id'), owned(A, Number.MAX_SAFE_INTEGER));
    });
  });

  describe('release()', () => {
    it('deletes the entry that has this very mark', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      await other.release('id', mark(A, 1));
      assert.equal(await registry.find('id'), undefined);
    });

    it('leaves an entry of another reservation, of another node, and a tombstone', async () => {
      await registry.claim('id', mark(A, 2), LONG);
      for (const owner of [mark(A, 1), mark(A, 3), mark(A, 22), mark(B, 2)]) {
        await registry.release('id', owner);
        assert.deepEqual(await registry.find('id'), owned(A, 2));
      }
      await registry.end('id', mark(A, 2), TOMBSTONE, LONG);
      await registry.release('id', mark(A, 2));
      assert.deepEqual(await registry.find('id'), ENDED);
    });

    it('may be called again: it leaves what was claimed meanwhile', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.release('id', mark(A, 1));
      await other.claim('id', mark(B, 1), LONG);
      await registry.release('id', mark(A, 1));
      assert.deepEqual(await registry.find('id'), owned(B, 1));
    });
  });

  describe('end()', () => {
    it('replaces the entry that has this very mark by the tombstone, and returns it', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      assert.deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG), ENDED);
      assert.deepEqual(await registry.find('id'), ENDED);
    });

    it('leaves and returns an entry of another reservation or another node', async () => {
      await registry.claim('id', mark(A, 2), LONG);
      for (const owner of [mark(A, 1), mark(A, 3), mark(B, 2)]) {
        assert.deepEqual(await registry.end('id', owner, TOMBSTONE, LONG), owned(A, 2));
        assert.deepEqual(await registry.find('id'), owned(A, 2));
      }
    });

    it('writes nothing where there is no entry', async () => {
      assert.equal(await registry.end('id', mark(A, 1), TOMBSTONE, LONG), undefined);
      assert.equal(await registry.find('id'), undefined);
    });

    it('may be called again: the first tombstone stays', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, LONG);
      assert.deepEqual(await other.end('id', mark(A, 1), { ...TOMBSTONE, code: 1012 }, LONG), ENDED);
    });

    it('leaves and returns the entry where the node that is said to be dead has a lease', async () => {
      await registry.renew(A, LONG);
      await registry.claim('id', mark(A, 1), LONG);
      assert.deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG, A.id), owned(A, 1));
      assert.deepEqual(await registry.find('id'), owned(A, 1));
    });

    it('ends the entry of a node that has no lease, that was removed, and whose lease has run out', async () => {
      await registry.claim('1', mark(A, 1), LONG);
      assert.deepEqual(await other.end('1', mark(A, 1), TOMBSTONE, LONG, A.id), ENDED);
      await registry.renew(A, LONG);
      await registry.claim('2', mark(A, 2), LONG);
      await other.remove(A.id);
      assert.deepEqual(await other.end('2', mark(A, 2), TOMBSTONE, LONG, A.id), ENDED);
      await registry.renew(A, SHORT);
      await registry.claim('3', mark(A, 3), LONG);
      await cluster.elapse(SHORT);
      assert.deepEqual(await other.end('3', mark(A, 3), TOMBSTONE, LONG, A.id), ENDED);
    });

    it('asks for the lease of no other node', async () => {
      await other.renew(B, LONG);
      await registry.claim('id', mark(A, 1), LONG);
      assert.deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG, A.id), ENDED);
    });

    it('has the tombstone forgotten after its time', async () => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, SHORT);
      await cluster.elapse(SHORT);
      assert.equal(await registry.find('id'), undefined);
      assert.equal(await other.claim('id', mark(B, 1), LONG), undefined);
    });

    it('keeps code, reason and hash as they are', async () => {
      for (const [i, text] of HOSTILE_TEXTS.entries()) {
        const tombstone = { code: 1000 + i, reason: text, identityHash: i % 2 === 0 ? '' : text };
        await registry.claim(`${i}`, mark(A, i), LONG);
        await registry.end(`${i}`, mark(A, i), tombstone, LONG);
        assert.deepEqual(await other.find(`${i}`), { kind: 'ended', tombstone });
      }
    });
  });

  describe('reassert()', () => {
    it('writes what is missing', async () => {
      const sessions = new Map([
        ['1', mark(A, 1)],
        ['2', mark(A, 2)],
      ]);
      assert.deepEqual(await registry.reassert(sessions, LONG), []);
      assert.deepEqual([await other.find('1'), await other.find('2')], [owned(A, 1), owned(A, 2)]);
    });

    it('has entries with the very same mark hold for the new time', async () => {
      await registry.claim('id', mark(A, 1), SHORT);
      assert.deepEqual(await registry.reassert(new Map([['id', mark(A, 1)]]), LONG), []);
      await cluster.elapse(SHORT);
      assert.deepEqual(await registry.find('id'), owned(A, 1));
    });

    it('holds for the time that it was made for', async () => {
      await registry.reassert(new Map([['id', mark(A, 1)]]), SHORT);
      await cluster.elapse(SHORT);
      assert.equal(await registry.find('id'), undefined);
    });

    it('replaces an earlier reservation of the same node, which the registry has fallen back to', async () => {
      await registry.claim('id', mark(A, 9), LONG);
      assert.deepEqual(await registry.reassert(new Map([['id', mark(A, 10)]]), LONG), []);
      assert.deepEqual(await registry.find('id'), owned(A, 10));
    });

    it('leaves a later reservation of the same node, and does not return its id', async () => {
      await registry.claim('id', mark(A, 10), LONG);
      assert.deepEqual(await registry.reassert(new Map([['id', mark(A, 9)]]), LONG), []);
      assert.deepEqual(await registry.find('id'), owned(A, 10));
    });

    it('returns the ids that belong to another node or have a tombstone, and leaves them', async () => {
      await other.claim('foreign', mark(B, 1), LONG);
      await registry.claim('ended', mark(A, 1), LONG);
      await other.end('ended', mark(A, 1), TOMBSTONE, LONG);
      const sessions = new Map(['mine', 'foreign', 'ended'].map((id) => [id, mark(A, 1)]));
      assert.deepEqual([...(await registry.reassert(sessions, LONG))].sort(), ['ended', 'foreign']);
      assert.deepEqual(await registry.find('foreign'), owned(B, 1));
      assert.deepEqual(await registry.find('ended'), ENDED);
      assert.deepEqual(await registry.find('mine'), owned(A, 1));
    });

    it('returns nothing for no sessions', async () => {
      assert.deepEqual(await registry.reassert(new Map(), LONG), []);
    });

    it(`takes ${SESSIONS} sessions, and may be called again`, async () => {
      const sessions = new Map(Array.from({ length: SESSIONS }, (_, i) => [`session ${i}`, mark(A, i)]));
      const foreign = ['session 0', 'session 1999', 'session 2000', `session ${SESSIONS - 1}`];
      for (const id of foreign) {
        await other.claim(id, mark(B, 1), LONG);
      }
      for (let times = 0; times < 2; times += 1) {
        assert.deepEqual([...(await registry.reassert(sessions, LONG))].sort(), [...foreign].sort());
      }
      const expected = Array.from(sessions, ([id, owner]) =>
        foreign.includes(id) ? owned(B, 1) : { kind: 'owned', owner },
      );
      const ids = [...sessions.keys()];
      for (let from = 0; from < SESSIONS; from += AT_ONCE) {
        const entries = await Promise.all(ids.slice(from, from + AT_ONCE).map((id) => other.find(id)));
        assert.deepEqual(entries, expected.slice(from, from + AT_ONCE));
      }
    });
  });

  describe('ids', () => {
    it('of all kinds are told apart', async () => {
      for (const [i, id] of HOSTILE_TEXTS.entries()) {
        assert.equal(await registry.claim(id, mark(A, i), LONG), undefined, JSON.stringify(id));
      }
      for (const [i, id] of HOSTILE_TEXTS.entries()) {
        assert.deepEqual(await other.find(id), owned(A, i), JSON.stringify(id));
      }
    });

    it('of all kinds are returned as they are by those who assert them again', async () => {
      for (const id of HOSTILE_TEXTS) {
        await other.claim(id, mark(B, 1), LONG);
      }
      const sessions = new Map(HOSTILE_TEXTS.map((id, i) => [id, mark(A, i)]));
      assert.deepEqual(new Set(await registry.reassert(sessions, LONG)), new Set(HOSTILE_TEXTS));
    });

    it('of all kinds are released and ended', async () => {
      for (const id of HOSTILE_TEXTS) {
        await registry.claim(id, mark(A, 1), LONG);
        await registry.release(id, mark(A, 1));
        assert.equal(await registry.find(id), undefined);
        await registry.claim(id, mark(A, 2), LONG);
        assert.deepEqual(await registry.end(id, mark(A, 2), TOMBSTONE, LONG), ENDED);
      }
    });
  });
}
