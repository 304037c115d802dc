/** The contract of `end()`. */
import { deepEqual, equal } from 'node:assert/strict';
import { A, B, ENDED, HOSTILE_TEXTS, LONG, mark, owned, SHORT, type TestCase, TOMBSTONE } from './fixtures.ts';

/** Tombstones at once. */
const ENDS = 50;

export const END_CASES: readonly TestCase[] = [
  {
    title: 'end() replaces the entry that has this very mark by the tombstone, and returns it',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG), ENDED);
      deepEqual(await registry.find('id'), ENDED);
    },
  },
  {
    title: 'end() leaves and returns an entry of another reservation or another node',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 2), LONG);
      for (const owner of [mark(A, 1), mark(A, 3), mark(B, 2)]) {
        deepEqual(await registry.end('id', owner, TOMBSTONE, LONG), owned(A, 2));
        deepEqual(await registry.find('id'), owned(A, 2));
      }
    },
  },
  {
    title: 'end() writes nothing where there is no entry',
    run: async ({ registry }) => {
      equal(await registry.end('id', mark(A, 1), TOMBSTONE, LONG), undefined);
      equal(await registry.find('id'), undefined);
    },
  },
  {
    title: 'end() may be called again: the first tombstone stays',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, LONG);
      deepEqual(await other.end('id', mark(A, 1), { ...TOMBSTONE, code: 1012 }, LONG), ENDED);
    },
  },
  {
    title: `end() lets one of ${ENDS} tombstones stay that are written at once, and returns it to all`,
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      const answers = await Promise.all(
        Array.from({ length: ENDS }, (_, i) =>
          (i % 2 === 0 ? registry : other).end('id', mark(A, 1), { ...TOMBSTONE, code: 3000 + i }, LONG),
        ),
      );
      const entry = await registry.find('id');
      equal(entry?.kind, 'ended');
      deepEqual(
        answers,
        Array.from({ length: ENDS }, () => entry),
      );
    },
  },
  {
    title: 'end() leaves and returns the entry where the node that is said to be dead has a lease',
    run: async ({ registry, other }) => {
      await registry.renew(A, LONG);
      await registry.claim('id', mark(A, 1), LONG);
      deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG, A.id), owned(A, 1));
      deepEqual(await registry.find('id'), owned(A, 1));
    },
  },
  {
    title: 'end() ends the entry of a node that has no lease, that was removed, and whose lease has run out',
    run: async ({ registry, other, cluster }) => {
      await registry.claim('1', mark(A, 1), LONG);
      deepEqual(await other.end('1', mark(A, 1), TOMBSTONE, LONG, A.id), ENDED);
      await registry.renew(A, LONG);
      await registry.claim('2', mark(A, 2), LONG);
      await other.remove(A.id);
      deepEqual(await other.end('2', mark(A, 2), TOMBSTONE, LONG, A.id), ENDED);
      await registry.renew(A, SHORT);
      await registry.claim('3', mark(A, 3), LONG);
      await cluster.elapse(SHORT);
      deepEqual(await other.end('3', mark(A, 3), TOMBSTONE, LONG, A.id), ENDED);
    },
  },
  {
    title: 'end() asks for the lease of no other node',
    run: async ({ registry, other }) => {
      await other.renew(B, LONG);
      await registry.claim('id', mark(A, 1), LONG);
      deepEqual(await other.end('id', mark(A, 1), TOMBSTONE, LONG, A.id), ENDED);
    },
  },
  {
    title: 'end() has the tombstone forgotten after its time',
    run: async ({ registry, other, cluster }) => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, SHORT);
      await cluster.elapse(SHORT);
      equal(await registry.find('id'), undefined);
      equal(await other.claim('id', mark(B, 1), LONG), undefined);
    },
  },
  {
    title: 'end() keeps code, reason and hash as they are',
    run: async ({ registry, other }) => {
      for (const [i, text] of HOSTILE_TEXTS.entries()) {
        const tombstone = { code: 1000 + i, reason: text, identityHash: i % 2 === 0 ? '' : text };
        await registry.claim(`${i}`, mark(A, i), LONG);
        await registry.end(`${i}`, mark(A, i), tombstone, LONG);
        deepEqual(await other.find(`${i}`), { kind: 'ended', tombstone });
      }
    },
  },
];
