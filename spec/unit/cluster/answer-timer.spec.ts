/** The deadline of a command, and answers that have waited while the event loop stalled. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { startAnswerTimer } from '../../../lib/cluster/answer-timer.ts';
import { stopClock } from '../../support/clock.ts';

const TIMEOUT = 5_000;

/** A timer, and how often it has called. */
function start() {
  const clock = stopClock();
  const calls = { late: 0 };
  const stop = startAnswerTimer(TIMEOUT, () => {
    calls.late += 1;
  });
  return { clock, calls, stop };
}

describe('startAnswerTimer()', () => {
  it('calls once, when its time is over', async () => {
    const { clock, calls } = start();
    clock.tick(TIMEOUT - 1);
    await turn();
    assert.equal(calls.late, 0);
    clock.tick(1);
    await turn();
    clock.tick(10 * TIMEOUT);
    await turn();
    assert.equal(calls.late, 1);
  });

  it('does not call after it was stopped, and leaves no timer', async () => {
    const { clock, calls, stop } = start();
    stop();
    assert.equal(clock.countTimers(), 0);
    clock.tick(TIMEOUT);
    await turn();
    assert.equal(calls.late, 0);
  });

  it('does not call where it is stopped in the turn in which its time is over: the answer waited to be read', async () => {
    const { clock, calls, stop } = start();
    clock.tick(TIMEOUT);
    assert.equal(calls.late, 0);
    stop();
    await turn();
    assert.equal(calls.late, 0);
  });

  it('may be stopped after it has called, and again', async () => {
    const { clock, calls, stop } = start();
    clock.tick(TIMEOUT);
    await turn();
    stop();
    stop();
    assert.equal(calls.late, 1);
  });
});
