/** A timer that is set and put off all the time. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { Alarm } from '../lib/alarm.ts';
import { stopClock } from './support/clock.ts';

describe('Alarm', () => {
  let clock: Clock;
  let alarm: Alarm;
  let calls: number[];

  beforeEach(() => {
    clock = stopClock();
    calls = [];
    const start = clock.now;
    alarm = new Alarm(() => calls.push(clock.now - start));
  });

  it('does not go off unless it is set', () => {
    clock.tick(1000);
    assert.deepEqual(calls, []);
    assert.equal(clock.countTimers(), 0);
  });

  it('goes off once, after the time it was set to', () => {
    alarm.set(100);
    clock.tick(1000);
    assert.deepEqual(calls, [100]);
    assert.equal(clock.countTimers(), 0);
  });

  it('counts from the last time it was set, whatever the time', () => {
    alarm.set(100);
    clock.tick(60);
    alarm.set(100);
    clock.tick(60);
    alarm.set(10);
    clock.tick(1000);
    assert.deepEqual(calls, [130]);
  });

  it('is put off by as long as it was set to, where it is set', () => {
    alarm.putOff();
    alarm.set(100);
    clock.tick(99);
    alarm.putOff();
    clock.tick(99);
    assert.deepEqual(calls, []);
    alarm.unset();
    alarm.putOff();
    clock.tick(1000);
    assert.deepEqual(calls, []);
  });

  it('does not go off once unset, and can be set again', () => {
    alarm.set(100);
    alarm.unset();
    clock.tick(50);
    alarm.set(100);
    alarm.unset();
    clock.tick(200);
    alarm.set(100);
    clock.tick(1000);
    assert.deepEqual(calls, [350]);
  });

  it('makes no second timer, however often it is set and unset', () => {
    for (let i = 0; i < 10; i += 1) {
      alarm.set(100);
      alarm.unset();
    }
    assert.equal(clock.countTimers(), 1);
  });

  it('can be set by its own callback, to the same time and to another', () => {
    const delays = [100, 100, 30];
    const start = clock.now;
    const again = new Alarm(() => {
      calls.push(clock.now - start);
      const delay = delays.shift();
      if (delay !== undefined) {
        again.set(delay);
      }
    });
    again.set(100);
    clock.tick(1000);
    assert.deepEqual(calls, [100, 200, 300, 330]);
  });

  it('leaves nothing behind once cleared', () => {
    alarm.set(100);
    alarm.clear();
    assert.equal(clock.countTimers(), 0);
    clock.tick(1000);
    assert.deepEqual(calls, []);
  });
});
