/** What waits to be sent: its bounds, and when there is time for more. */
import assert from 'node:assert/strict';
import { SessionNotOpenError } from '../../../lib/session/errors.ts';
import { Outbox } from '../../../lib/session/outbox.ts';

describe('Outbox', () => {
  it('takes what fits, with what is in the connection', () => {
    const outbox = new Outbox({ maxSendBuffer: 10, sendHighWaterMark: 10 });
    assert.equal(outbox.push('12345', 5, 5), true);
    assert.equal(outbox.push('', 0, 5), false);
    assert.equal(outbox.push('', 0, 4), true);
    assert.deepEqual(outbox.take(), ['12345', '']);
    assert.equal(outbox.bytes, 0);
  });

  it('takes no more messages than a 64th of its bytes, beyond the first thousand', () => {
    const outbox = new Outbox({ maxSendBuffer: 2000 * 64, sendHighWaterMark: 1 });
    let taken = 0;
    while (outbox.push('', 0, 0)) {
      taken += 1;
    }
    assert.equal(taken, 2001);
  });

  it('tells once that the mark was left', () => {
    const outbox = new Outbox({ maxSendBuffer: 100, sendHighWaterMark: 10 });
    outbox.push('x'.repeat(10), 10, 0);
    assert.equal(outbox.needsDrain, true);
    assert.equal(outbox.checkDrained(0), false);
    outbox.take();
    assert.equal(outbox.checkDrained(10), false);
    assert.equal(outbox.checkDrained(9), true);
    assert.equal(outbox.checkDrained(0), false);
  });

  it('is empty before the first message, and again once all were taken or dropped', () => {
    const outbox = new Outbox({ maxSendBuffer: 10, sendHighWaterMark: 10 });
    assert.deepEqual([outbox.isEmpty, outbox.bytes, outbox.take()], [true, 0, []]);
    for (const empty of [() => outbox.take(), () => outbox.clear()]) {
      outbox.push('12', 2, 5);
      assert.deepEqual([outbox.isEmpty, outbox.bytes], [false, 2]);
      empty();
      assert.deepEqual([outbox.isEmpty, outbox.bytes, outbox.take()], [true, 0, []]);
    }
  });

  it('is left as it was by a message that it does not take', () => {
    const outbox = new Outbox({ maxSendBuffer: 10, sendHighWaterMark: 5 });
    outbox.push('1', 1, 0);
    assert.equal(outbox.push('x'.repeat(10), 10, 0), false);
    assert.deepEqual([outbox.bytes, outbox.needsDrain, outbox.take()], [1, false, ['1']]);
  });

  it('needs to drain from the mark on, with what is in the connection, until that is left', () => {
    const outbox = new Outbox({ maxSendBuffer: 100, sendHighWaterMark: 10 });
    assert.equal(outbox.needsDrain, false);
    outbox.push('1', 1, 8);
    assert.equal(outbox.needsDrain, false);
    outbox.push('2', 1, 8);
    assert.equal(outbox.needsDrain, true);
    // The connection has taken some, but nothing has asked whether the mark was left.
    outbox.push('3', 1, 0);
    assert.equal(outbox.needsDrain, true);
    assert.equal(outbox.checkDrained(7), false);
    assert.equal(outbox.checkDrained(6), true);
    assert.equal(outbox.needsDrain, false);
  });

  it('leaves a mark of 0 when nothing is there at all', () => {
    const outbox = new Outbox({ maxSendBuffer: 100, sendHighWaterMark: 0 });
    outbox.push('1', 1, 0);
    assert.equal(outbox.checkDrained(0), false);
    outbox.take();
    assert.equal(outbox.checkDrained(1), false);
    assert.equal(outbox.checkDrained(0), true);
  });

  describe('drained()', () => {
    const full = () => {
      const outbox = new Outbox({ maxSendBuffer: 100, sendHighWaterMark: 10 });
      outbox.push('x'.repeat(10), 10, 0);
      return outbox;
    };

    it('resolves at once where nothing needs to drain', async () => {
      await new Outbox({ maxSendBuffer: 100, sendHighWaterMark: 10 }).drained(undefined);
    });

    it('resolves for all who wait when the mark is left, not before', async () => {
      const outbox = full();
      const done: number[] = [];
      const waiting = [1, 2].map((one) => outbox.drained(undefined).then(() => done.push(one)));
      await Promise.resolve();
      outbox.take();
      assert.deepEqual(done, []);
      outbox.checkDrained(0);
      await Promise.all(waiting);
      assert.deepEqual(done, [1, 2]);
    });

    it('rejects with the reason of a signal that is aborted while it waits', async () => {
      const controller = new AbortController();
      const waiting = full().drained(controller.signal);
      controller.abort('why');
      await assert.rejects(waiting, (reason) => reason === 'why');
    });

    it('rejects for all who wait when the session ends', async () => {
      const outbox = full();
      const waiting = [1, 2].map(() => assert.rejects(outbox.drained(undefined), SessionNotOpenError));
      outbox.end();
      await Promise.all(waiting);
    });

    it('is nothing to an end for which no one waits', () => {
      const outbox = full();
      outbox.end();
      assert.deepEqual(outbox.take(), ['x'.repeat(10)]);
    });
  });
});
