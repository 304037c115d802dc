/** The contract of `claim()`, `find()` and `release()`. */
import { deepEqual, equal } from 'node:assert/strict';
import type { Entry } from '../../options/cluster-adapter.ts';
import { A, B, ENDED, LONG, mark, owned, SHORT, type TestCase, TOMBSTONE } from './fixtures.ts';

/** Claims at once. */
const CLAIMS = 300;

export const ENTRY_CASES: readonly TestCase[] = [
  {
    title: 'claim() claims an id that has no entry',
    run: async ({ registry, other }) => {
      equal(await registry.claim('id', mark(A, 1), LONG), undefined);
      deepEqual(await other.find('id'), owned(A, 1));
    },
  },
  {
    title: 'claim() returns the owner to all others, and changes nothing',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      deepEqual(await other.claim('id', mark(B, 7), LONG), owned(A, 1));
      deepEqual(await registry.find('id'), owned(A, 1));
    },
  },
  {
    title: `claim() gives an id to one of ${CLAIMS} who claim it at once, and tells all of them who has it`,
    run: async ({ registry, other }) => {
      const answers = await Promise.all(
        Array.from({ length: CLAIMS }, (_, i) =>
          (i % 2 === 0 ? registry : other).claim('id', { nodeId: `node${i}`, reservation: i }, LONG),
        ),
      );
      const winners = answers.flatMap((answer, i) => (answer === undefined ? [i] : []));
      const [winner = -1] = winners;
      const entry: Entry = { kind: 'owned', owner: { nodeId: `node${winner}`, reservation: winner } };
      deepEqual(winners, [winner]);
      deepEqual(
        answers.filter((answer) => answer !== undefined),
        Array.from({ length: CLAIMS - 1 }, () => entry),
      );
      deepEqual(await registry.find('id'), entry);
    },
  },
  {
    title: 'claim() counts as won where the answer to the same call was lost',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      equal(await registry.claim('id', mark(A, 1), LONG), undefined);
      deepEqual(await other.claim('id', mark(B, 1), LONG), owned(A, 1));
    },
  },
  {
    title: 'claim() replaces an earlier reservation of the same node',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 9), LONG);
      equal(await registry.claim('id', mark(A, 10), LONG), undefined);
      deepEqual(await registry.find('id'), owned(A, 10));
    },
  },
  {
    title: 'claim() does not replace a later reservation of the same node, since it then comes late',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 10), LONG);
      deepEqual(await registry.claim('id', mark(A, 9), LONG), owned(A, 10));
      deepEqual(await registry.find('id'), owned(A, 10));
    },
  },
  {
    title: 'claim() returns a tombstone, to the former owner as well',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.end('id', mark(A, 1), TOMBSTONE, LONG);
      deepEqual(await other.claim('id', mark(B, 1), LONG), ENDED);
      deepEqual(await registry.claim('id', mark(A, 2), LONG), ENDED);
      deepEqual(await registry.find('id'), ENDED);
    },
  },
  {
    title: 'claim() holds for the time that it was made for',
    run: async ({ registry, other, cluster }) => {
      await registry.claim('id', mark(A, 1), SHORT);
      await cluster.elapse(SHORT);
      equal(await registry.find('id'), undefined);
      equal(await other.claim('id', mark(B, 1), LONG), undefined);
      deepEqual(await registry.find('id'), owned(B, 1));
    },
  },
  {
    title: 'claim() takes a life that is no whole number of ms',
    run: async ({ registry, other }) => {
      equal(await registry.claim('id', mark(A, 1), LONG + 0.25), undefined);
      deepEqual(await other.find('id'), owned(A, 1));
    },
  },
  {
    title: 'claim() holds for the longer time where it is made again',
    run: async ({ registry, cluster }) => {
      await registry.claim('id', mark(A, 1), SHORT);
      await registry.claim('id', mark(A, 1), LONG);
      await cluster.elapse(SHORT);
      deepEqual(await registry.find('id'), owned(A, 1));
    },
  },
  {
    title: 'find() returns nothing for an id that has no entry',
    run: async ({ registry }) => {
      equal(await registry.find('id'), undefined);
    },
  },
  {
    title: 'find() keeps numbers of reservations exact',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, Number.MAX_SAFE_INTEGER), LONG);
      deepEqual(await other.find('id'), owned(A, Number.MAX_SAFE_INTEGER));
    },
  },
  {
    title: 'release() deletes the entry that has this very mark',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      await other.release('id', mark(A, 1));
      equal(await registry.find('id'), undefined);
    },
  },
  {
    title: 'release() leaves an entry of another reservation, of another node, and a tombstone',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 2), LONG);
      for (const owner of [mark(A, 1), mark(A, 3), mark(A, 22), mark(B, 2)]) {
        await registry.release('id', owner);
        deepEqual(await registry.find('id'), owned(A, 2));
      }
      await registry.end('id', mark(A, 2), TOMBSTONE, LONG);
      await registry.release('id', mark(A, 2));
      deepEqual(await registry.find('id'), ENDED);
    },
  },
  {
    title: 'release() may be called again: it leaves what was claimed meanwhile',
    run: async ({ registry, other }) => {
      await registry.claim('id', mark(A, 1), LONG);
      await registry.release('id', mark(A, 1));
      await other.claim('id', mark(B, 1), LONG);
      await registry.release('id', mark(A, 1));
      deepEqual(await registry.find('id'), owned(B, 1));
    },
  },
];
