/** The contract of `reassert()`, and of session ids. */
import { deepEqual, equal } from 'node:assert/strict';
import { A, B, ENDED, HOSTILE_TEXTS, LONG, mark, owned, SHORT, type TestCase, TOMBSTONE } from './fixtures.ts';

/** Questions at once, fewer than a registry takes. */
const AT_ONCE = 500;

/** Sessions of a process that asserts them again. */
const SESSIONS = 5_000;

/** Nodes that write an id at once. */
const NODES = 50;

export const REASSERT_CASES: readonly TestCase[] = [
  {
    title: 'reassert() writes what is missing',
    run: async ({ registry, other }) => {
      const sessions = new Map([
        ['1', mark(A, 1)],
        ['2', mark(A, 2)],
      ]);
      deepEqual(await registry.reassert(sessions, LONG), []);
      deepEqual([await other.find('1'), await other.find('2')], [owned(A, 1), owned(A, 2)]);
    },
  },
  {
    title: 'reassert() has entries with the very same mark hold for the new time',
    run: async ({ registry, cluster }) => {
      await registry.claim('id', mark(A, 1), SHORT);
      deepEqual(await registry.reassert(new Map([['id', mark(A, 1)]]), LONG), []);
      await cluster.elapse(SHORT);
      deepEqual(await registry.find('id'), owned(A, 1));
    },
  },
  {
    title: 'reassert() holds for the time that it was made for',
    run: async ({ registry, cluster }) => {
      await registry.reassert(new Map([['id', mark(A, 1)]]), SHORT);
      await cluster.elapse(SHORT);
      equal(await registry.find('id'), undefined);
    },
  },
  {
    title: 'reassert() replaces an earlier reservation of the same node, which the registry has fallen back to',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 9), LONG);
      deepEqual(await registry.reassert(new Map([['id', mark(A, 10)]]), LONG), []);
      deepEqual(await registry.find('id'), owned(A, 10));
    },
  },
  {
    title: 'reassert() leaves a later reservation of the same node, and does not return its id',
    run: async ({ registry }) => {
      await registry.claim('id', mark(A, 10), LONG);
      deepEqual(await registry.reassert(new Map([['id', mark(A, 9)]]), LONG), []);
      deepEqual(await registry.find('id'), owned(A, 10));
    },
  },
  {
    title: 'reassert() returns the ids that belong to another node or have a tombstone, and leaves them',
    run: async ({ registry, other }) => {
      await other.claim('foreign', mark(B, 1), LONG);
      await registry.claim('ended', mark(A, 1), LONG);
      await other.end('ended', mark(A, 1), TOMBSTONE, LONG);
      const sessions = new Map(['mine', 'foreign', 'ended'].map((id) => [id, mark(A, 1)]));
      deepEqual([...(await registry.reassert(sessions, LONG))].sort(), ['ended', 'foreign']);
      deepEqual(await registry.find('foreign'), owned(B, 1));
      deepEqual(await registry.find('ended'), ENDED);
      deepEqual(await registry.find('mine'), owned(A, 1));
    },
  },
  {
    title: `reassert() gives an id to one of ${NODES} nodes that write it at once, and returns it to the others`,
    run: async ({ registry, other }) => {
      const marks = Array.from({ length: NODES }, (_, i) => mark({ id: `node${i}` }, i));
      const answers = await Promise.all(
        marks.map((owner, i) => (i % 2 === 0 ? registry : other).reassert(new Map([['id', owner]]), LONG)),
      );
      const winner = answers.findIndex((taken) => taken.length === 0);
      deepEqual(
        answers,
        marks.map((_, i) => (i === winner ? [] : ['id'])),
      );
      deepEqual(await registry.find('id'), owned({ id: `node${winner}` }, winner));
    },
  },
  {
    title: 'reassert() returns nothing for no sessions',
    run: async ({ registry }) => {
      deepEqual(await registry.reassert(new Map(), LONG), []);
    },
  },
  {
    title: `reassert() takes ${SESSIONS} sessions, and may be called again`,
    run: async ({ registry, other }) => {
      const sessions = new Map(Array.from({ length: SESSIONS }, (_, i) => [`session ${i}`, mark(A, i)]));
      const foreign = ['session 0', 'session 1999', 'session 2000', `session ${SESSIONS - 1}`];
      for (const id of foreign) {
        await other.claim(id, mark(B, 1), LONG);
      }
      for (let times = 0; times < 2; times += 1) {
        deepEqual([...(await registry.reassert(sessions, LONG))].sort(), [...foreign].sort());
      }
      const expected = Array.from(sessions, ([id, owner]) =>
        foreign.includes(id) ? owned(B, 1) : { kind: 'owned', owner },
      );
      const ids = [...sessions.keys()];
      for (let from = 0; from < SESSIONS; from += AT_ONCE) {
        const entries = await Promise.all(ids.slice(from, from + AT_ONCE).map((id) => other.find(id)));
        deepEqual(entries, expected.slice(from, from + AT_ONCE));
      }
    },
  },
  {
    title: 'ids of all kinds are told apart',
    run: async ({ registry, other }) => {
      for (const [i, id] of HOSTILE_TEXTS.entries()) {
        equal(await registry.claim(id, mark(A, i), LONG), undefined, JSON.stringify(id));
      }
      for (const [i, id] of HOSTILE_TEXTS.entries()) {
        deepEqual(await other.find(id), owned(A, i), JSON.stringify(id));
      }
    },
  },
  {
    title: 'ids of all kinds are returned as they are by those who assert them again',
    run: async ({ registry, other }) => {
      for (const id of HOSTILE_TEXTS) {
        await other.claim(id, mark(B, 1), LONG);
      }
      const sessions = new Map(HOSTILE_TEXTS.map((id, i) => [id, mark(A, i)]));
      deepEqual(new Set(await registry.reassert(sessions, LONG)), new Set(HOSTILE_TEXTS));
    },
  },
  {
    title: 'ids of all kinds are released and ended',
    run: async ({ registry }) => {
      for (const id of HOSTILE_TEXTS) {
        await registry.claim(id, mark(A, 1), LONG);
        await registry.release(id, mark(A, 1));
        equal(await registry.find(id), undefined);
        await registry.claim(id, mark(A, 2), LONG);
        deepEqual(await registry.end(id, mark(A, 2), TOMBSTONE, LONG), ENDED);
      }
    },
  },
];
