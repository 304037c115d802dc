/** The contract of `renew()`, `remove()` and `node()`. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { A, B, LONG, nodesSeenBy, SHORT, type TestCase } from './fixtures.ts';

/** How often two nodes start at once. */
const STARTS = 20;

export const NODE_CASES: readonly TestCase[] = [
  {
    title: 'renew() lists all nodes that have a lease, this one included, with all that their records say',
    run: async ({ registry, other }) => {
      deepEqual(await nodesSeenBy(registry, A), [A]);
      deepEqual(await nodesSeenBy(other, B), [A, B]);
      deepEqual(await nodesSeenBy(registry, A), [A, B]);
    },
  },
  {
    title: 'renew() writes the record anew',
    run: async ({ registry, other }) => {
      const moved = { ...A, address: '10.0.0.1:1', token: 'another' };
      await registry.renew(A, LONG);
      deepEqual(await nodesSeenBy(registry, moved), [moved]);
      deepEqual(await other.node(A.id), moved);
    },
  },
  {
    title: 'renew() tells that there was no lease at the first time, and that there was one from then on',
    run: async ({ registry, other }) => {
      equal((await registry.renew(A, LONG)).hadLease, false);
      equal((await registry.renew(A, LONG)).hadLease, true);
      equal((await other.renew(B, LONG)).hadLease, false);
      equal((await registry.renew(A, LONG)).hadLease, true);
    },
  },
  {
    title: 'renew() tells that the lease had run out',
    run: async ({ registry, cluster }) => {
      await registry.renew(A, SHORT);
      await cluster.elapse(SHORT);
      equal((await registry.renew(A, LONG)).hadLease, false);
      equal((await registry.renew(A, LONG)).hadLease, true);
    },
  },
  {
    title: 'renew() tells that the lease was deleted',
    run: async ({ registry, other }) => {
      await registry.renew(A, LONG);
      await other.remove(A.id);
      equal((await registry.renew(A, LONG)).hadLease, false);
    },
  },
  {
    title: 'renew() tells that the lease was deleted even where the answer that said so was lost',
    run: async ({ registry, other, cluster }) => {
      await registry.renew(A, LONG);
      await other.remove(A.id);
      // Done for `registry`, which gets no answer.
      await cluster.registry().renew(A, LONG);
      equal((await registry.renew(A, LONG)).hadLease, false);
      equal((await registry.renew(A, LONG)).hadLease, true);
    },
  },
  {
    title: 'renew() tells that there was a lease all the time where only an answer was lost',
    run: async ({ registry, cluster }) => {
      await registry.renew(A, LONG);
      await cluster.registry().renew(A, LONG);
      equal((await registry.renew(A, LONG)).hadLease, true);
    },
  },
  {
    title: 'renew() replaces the end of the lease',
    run: async ({ registry, other, cluster }) => {
      await registry.renew(A, SHORT);
      await registry.renew(A, LONG);
      await cluster.elapse(SHORT);
      deepEqual(await other.node(A.id), A);
      await registry.renew(A, SHORT);
      await cluster.elapse(SHORT);
      equal(await other.node(A.id), undefined);
    },
  },
  {
    title: 'renew() does not list a node whose lease has run out, until it renews it',
    run: async ({ registry, other, cluster }) => {
      await other.renew(B, SHORT);
      await cluster.elapse(SHORT);
      deepEqual(await nodesSeenBy(registry, A), [A]);
      await other.renew(B, LONG);
      deepEqual(await nodesSeenBy(registry, A), [A, B]);
    },
  },
  {
    title: 'renew() shows at least one of two nodes that start at once to the other',
    run: async ({ registry, other }) => {
      for (let times = 0; times < STARTS; times += 1) {
        const seen = await Promise.all([nodesSeenBy(registry, A), nodesSeenBy(other, B)]);
        ok(
          seen.some((nodes) => nodes.length === 2),
          'neither has seen the other',
        );
        await Promise.all([registry.remove(A.id), other.remove(B.id)]);
      }
    },
  },
  {
    title: 'renew() takes a lease that is no whole number of ms',
    run: async ({ registry, other }) => {
      await registry.renew(A, LONG + 0.25);
      deepEqual(await other.node(A.id), A);
    },
  },
  {
    title: 'renew() names the same epoch to all nodes until the registry loses what it had acknowledged',
    run: async ({ registry, other, cluster }) => {
      const { epoch } = await registry.renew(A, LONG);
      equal((await registry.renew(A, LONG)).epoch, epoch);
      equal((await other.renew(B, LONG)).epoch, epoch);
      if (cluster.loseAll === undefined) {
        return;
      }
      await cluster.loseAll();
      const after = await registry.renew(A, LONG);
      notEqual(after.epoch, epoch);
      deepEqual([after.hadLease, after.nodes], [false, [A]]);
      equal((await other.renew(B, LONG)).epoch, after.epoch);
    },
  },
  {
    title: 'remove() deletes the lease and takes the node off the list',
    run: async ({ registry, other }) => {
      await registry.renew(A, LONG);
      await other.renew(B, LONG);
      await registry.remove(B.id);
      equal(await registry.node(B.id), undefined);
      deepEqual(await nodesSeenBy(registry, A), [A]);
    },
  },
  {
    title: 'remove() does nothing to a node that is not there, and may be called again',
    run: async ({ registry }) => {
      await registry.renew(A, LONG);
      await registry.remove(B.id);
      await registry.remove(B.id);
      deepEqual(await registry.node(A.id), A);
    },
  },
  {
    title: 'node() returns the record of a node that has a lease, and of no other',
    run: async ({ registry, other }) => {
      equal(await registry.node(A.id), undefined);
      await other.renew(A, LONG);
      deepEqual(await registry.node(A.id), A);
      equal(await registry.node(B.id), undefined);
    },
  },
  {
    title: 'node() returns nothing once the lease has run out',
    run: async ({ registry, other, cluster }) => {
      await other.renew(A, SHORT);
      await cluster.elapse(SHORT);
      equal(await registry.node(A.id), undefined);
    },
  },
];
