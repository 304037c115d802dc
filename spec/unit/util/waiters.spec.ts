/** Promises that wait in a queue: their order, their signals, and that no listener is left. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { Waiters } from '../../../lib/util/waiters.ts';

describe('Waiters', () => {
  it('resolves one at a time, the one that has waited longest', async () => {
    const waiters = new Waiters<string>();
    const both = Promise.all([waiters.wait(undefined), waiters.wait(undefined)]);
    assert.equal(waiters.size, 2);
    assert.deepEqual(
      [waiters.resolveFirst('1'), waiters.resolveFirst('2'), waiters.resolveFirst('3')],
      [true, true, false],
    );
    assert.equal(waiters.size, 0);
    assert.deepEqual(await both, ['1', '2']);
  });

  it('resolves all at once', async () => {
    const waiters = new Waiters<string>();
    const both = Promise.all([waiters.wait(undefined), waiters.wait(undefined)]);
    waiters.resolveAll('x');
    assert.equal(waiters.size, 0);
    assert.deepEqual(await both, ['x', 'x']);
  });

  it('rejects all, each with an error of its own', async () => {
    const waiters = new Waiters<string>();
    const both = Promise.allSettled([waiters.wait(undefined), waiters.wait(undefined)]);
    let errors = 0;
    waiters.rejectAll(() => {
      errors += 1;
      return new Error(`no. ${errors}`);
    });
    assert.equal(waiters.size, 0);
    assert.deepEqual(
      (await both).map((outcome) => outcome.status === 'rejected' && outcome.reason.message),
      ['no. 1', 'no. 2'],
    );
  });

  it('rejects at once where the signal is aborted already', async () => {
    const waiters = new Waiters<string>();
    const reason = new Error('no time');
    await assert.rejects(waiters.wait(AbortSignal.abort(reason)), reason);
    assert.equal(waiters.size, 0);
  });

  it('rejects the one whose signal is aborted, and no other', async () => {
    const waiters = new Waiters<string>();
    const controller = new AbortController();
    const first = waiters.wait(undefined);
    const leaving = waiters.wait(controller.signal);
    const last = waiters.wait(undefined);
    controller.abort('a reason of any kind');
    await assert.rejects(leaving, (reason) => reason === 'a reason of any kind');
    waiters.resolveFirst('1');
    waiters.resolveFirst('2');
    assert.deepEqual(await Promise.all([first, last]), ['1', '2']);
  });

  it('rejects all that share one signal', async () => {
    const waiters = new Waiters<string>();
    const controller = new AbortController();
    const leaving = Promise.allSettled([1, 2, 3].map(() => waiters.wait(controller.signal)));
    const last = waiters.wait(undefined);
    controller.abort();
    assert.deepEqual(new Set((await leaving).map(({ status }) => status)), new Set(['rejected']));
    assert.equal(waiters.size, 1);
    waiters.resolveFirst('x');
    assert.equal(await last, 'x');
  });

  for (const [title, end] of [
    ['resolveFirst()', (waiters) => waiters.resolveFirst('x')],
    ['resolveAll()', (waiters) => waiters.resolveAll('x')],
    ['rejectAll()', (waiters) => waiters.rejectAll(() => new Error('x'))],
  ] as [string, (waiters: Waiters<string>) => void][]) {
    it(`leaves no listener on a signal after ${title}, and a later abort changes nothing`, async () => {
      const waiters = new Waiters<string>();
      const controller = new AbortController();
      const settled = Promise.allSettled([waiters.wait(controller.signal)]);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
      end(waiters);
      assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
      const other = waiters.wait(undefined);
      controller.abort();
      await settled;
      assert.equal(waiters.size, 1);
      waiters.resolveFirst('x');
      assert.equal(await other, 'x');
    });
  }
});
