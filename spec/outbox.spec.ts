/** What waits to be sent: its bounds, and when there is time for more. */
import assert from 'node:assert/strict';
import { Outbox } from '../lib/outbox.ts';

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
    assert.equal(outbox.leaveMark(0), false);
    outbox.take();
    assert.equal(outbox.leaveMark(10), false);
    assert.equal(outbox.leaveMark(9), true);
    assert.equal(outbox.leaveMark(0), false);
  });
});
