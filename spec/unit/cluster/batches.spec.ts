/** Sessions in batches, a few of which are under way at a time. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { BATCH, type OwnedSession, runInBatches } from '../../../lib/cluster/batches.ts';

const sessions = (count: number): OwnedSession[] =>
  Array.from({ length: count }, (_, i) => [`id-${i}`, { nodeId: 'a', reservation: i }]);

/** Commands that wait until the test answers them, in the order of their beginning. */
function commands() {
  const begun: { readonly batch: readonly OwnedSession[]; answer(ids: string[]): void; fail(error: Error): void }[] =
    [];
  const run = (batch: readonly OwnedSession[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      begun.push({ batch, answer: resolve, fail: reject });
    });
  return { begun, run };
}

describe('runInBatches()', () => {
  it('runs nothing where there are no sessions', async () => {
    const { begun, run } = commands();
    assert.deepEqual(await runInBatches([], run), []);
    assert.equal(begun.length, 0);
  });

  for (const [count, sizes] of [
    [1, [1]],
    [BATCH - 1, [BATCH - 1]],
    [BATCH, [BATCH]],
    [BATCH + 1, [BATCH, 1]],
    [2 * BATCH, [BATCH, BATCH]],
  ] as const) {
    it(`has each of ${count} sessions in one of ${sizes.length} batches`, async () => {
      const batches: (readonly OwnedSession[])[] = [];
      const all = sessions(count);
      await runInBatches(all, async (batch) => {
        batches.push(batch);
        return [];
      });
      assert.deepEqual(
        batches.map(({ length }) => length),
        sizes,
      );
      assert.deepEqual(batches.flat(), all);
    });
  }

  it('has four batches under way at a time, and begins the next when one is answered', async () => {
    const { begun, run } = commands();
    const results = runInBatches(sessions(6 * BATCH), run);
    await turn();
    assert.equal(begun.length, 4);
    begun[2]?.answer(['third']);
    await turn();
    assert.equal(begun.length, 5);
    begun[0]?.answer([]);
    begun[1]?.answer(['second', 'second, too']);
    await turn();
    assert.equal(begun.length, 6);
    for (const { answer } of begun) {
      answer([]);
    }
    assert.deepEqual((await results).sort(), ['second', 'second, too', 'third']);
  });

  it('rejects with the first failure, and begins no batch after it', async () => {
    const { begun, run } = commands();
    const results = runInBatches(sessions(10 * BATCH), run);
    await turn();
    begun[1]?.fail(new Error('the registry is away'));
    await assert.rejects(results, /^Error: the registry is away$/);
    for (const { answer } of begun) {
      answer([]);
    }
    await turn();
    assert.equal(begun.length, 4);
  });

  it('leaves out sessions that end before their batch begins', async () => {
    const { begun, run } = commands();
    const owned = new Map(sessions(5 * BATCH));
    const results = runInBatches(owned, run);
    await turn();
    owned.delete(`id-${5 * BATCH - 1}`);
    for (const { answer } of begun) {
      answer([]);
    }
    await turn();
    assert.equal(begun.at(-1)?.batch.length, BATCH - 1);
    begun.at(-1)?.answer([]);
    await results;
  });
});
