/** Many waits of the same length by one timer. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { Deadlines } from '../../../lib/cluster/deadlines.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';

describe('Deadlines', () => {
  let clock: Clock;
  let expired: string[];
  let deadlines: Deadlines<string>;

  beforeEach(() => {
    clock = stopClock();
    expired = [];
    deadlines = new Deadlines(new TimerQueue(), 1000, (key) => expired.push(key));
  });

  it('tells of each key when its own time is over', () => {
    deadlines.start('a');
    clock.tick(400);
    deadlines.start('b');
    clock.tick(599);
    assert.deepEqual(expired, []);
    clock.tick(1);
    assert.deepEqual(expired, ['a']);
    clock.tick(399);
    assert.deepEqual(expired, ['a']);
    clock.tick(1);
    assert.deepEqual(expired, ['a', 'b']);
    assert.equal(clock.countTimers(), 0);
  });

  it('tells nothing of a key that was stopped, and needs no timer without keys', () => {
    deadlines.start('a');
    deadlines.start('b');
    deadlines.stop('a');
    assert.equal(clock.countTimers(), 1);
    deadlines.stop('b');
    deadlines.stop('unknown');
    assert.equal(clock.countTimers(), 0);
    clock.tick(5000);
    assert.deepEqual(expired, []);
  });

  it('begins anew for a key that is started again', () => {
    deadlines.start('a');
    clock.tick(900);
    deadlines.start('a');
    clock.tick(999);
    assert.deepEqual(expired, []);
    clock.tick(1);
    assert.deepEqual(expired, ['a']);
  });

  it('lets the callback end all other waits', () => {
    const strict: Deadlines<string> = new Deadlines(new TimerQueue(), 1000, (key) => {
      expired.push(key);
      strict.clear();
    });
    strict.start('a');
    strict.start('b');
    clock.tick(5000);
    assert.deepEqual(expired, ['a']);
    assert.equal(clock.countTimers(), 0);
  });
});
