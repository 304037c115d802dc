/** Alarms, and the one timer that they share. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '@sinonjs/fake-timers';
import { Alarm, AlarmClock } from '../lib/alarm.ts';
import { stopClock } from './support/clock.ts';

describe('Alarm', () => {
  let clock: Clock;
  let alarms: AlarmClock;
  let alarm: Alarm;
  let calls: number[];

  beforeEach(() => {
    clock = stopClock();
    calls = [];
    const start = clock.now;
    alarms = new AlarmClock();
    alarm = new Alarm(alarms, { onAlarm: () => calls.push(clock.now - start) });
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
    alarm.putOff(performance.now());
    alarm.set(100);
    clock.tick(99);
    alarm.putOff(performance.now());
    clock.tick(99);
    assert.deepEqual(calls, []);
    alarm.unset();
    alarm.putOff(performance.now());
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

  it('makes no second timer, however often it is set and unset, and however many there are', () => {
    for (let i = 0; i < 10; i += 1) {
      alarm.set(100);
      alarm.unset();
      new Alarm(alarms, { onAlarm() {} }).set(50 + i);
    }
    assert.equal(clock.countTimers(), 1);
    clock.tick(1000);
    assert.equal(clock.countTimers(), 0);
  });

  it('can be set by its own callback, to the same time and to another', () => {
    const delays = [100, 100, 30];
    const start = clock.now;
    const again = new Alarm(alarms, {
      onAlarm() {
        calls.push(clock.now - start);
        const delay = delays.shift();
        if (delay !== undefined) {
          again.set(delay);
        }
      },
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

  it('can be set to the longest time that a timer can be set to', () => {
    const delays: unknown[] = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      delays.push(delay);
      return setTimeout(callback, delay);
    }) as typeof setTimeout;
    clock.tick(0.5);
    alarm.set(0x7fff_ffff);
    globalThis.setTimeout = setTimeout;
    assert.deepEqual(delays, [0x7fff_ffff]);
    clock.tick(0x7fff_ffff + 2);
    assert.equal(calls.length, 1);
  });

  it('is not put off to an earlier time', () => {
    alarm.set(100);
    alarm.putOff(performance.now() - 50);
    clock.tick(1000);
    assert.deepEqual(calls, [100]);
  });

  it('calls in the async context that it was made in', () => {
    const storage = new AsyncLocalStorage<string>();
    const heard: (string | undefined)[] = [];
    const make = () => new Alarm(alarms, { onAlarm: () => heard.push(storage.getStore()) });
    const ours = storage.run('ours', make);
    const theirs = storage.run('theirs', make);
    const outside = make();
    storage.run('somebody', () => {
      outside.set(100);
      theirs.set(100);
      ours.set(90);
    });
    clock.tick(1000);
    assert.deepEqual(heard.toSorted(), ['ours', 'theirs', undefined]);
    assert.equal(heard[0], 'ours');
  });

  it('leaves the timer in the context of nobody who has set it', () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      seen.push(storage.getStore());
      return setTimeout(callback, delay);
    }) as typeof setTimeout;
    storage.run('somebody', () => alarm.set(100));
    globalThis.setTimeout = setTimeout;
    assert.deepEqual(seen, [undefined]);
  });

  it('does not keep others from going off when its callback throws', () => {
    const broken = new Alarm(alarms, {
      onAlarm() {
        throw new Error('broken');
      },
    });
    broken.set(100);
    alarm.set(100);
    assert.throws(() => clock.tick(100), /broken/);
    clock.tick(1);
    assert.equal(calls.length, 1);
  });

  it('goes off in time where one among those that are due late has been cleared', () => {
    const start = clock.now;
    const rung: [delay: number, after: number][] = [];
    const make = (delay: number) => {
      const one = new Alarm(alarms, { onAlarm: () => rung.push([delay, clock.now - start]) });
      one.set(delay);
      return one;
    };
    // In a heap, the one that takes the place of 1010 is due before all around it.
    const [, , , cleared] = [10, 1000, 20, 1010, 1020, 30, 40].map(make);
    cleared?.clear();
    [1030, 1040, 1050].forEach(make);
    clock.tick(2000);
    assert.deepEqual(
      rung,
      [10, 20, 30, 40, 1000, 1020, 1030, 1040, 1050].map((delay) => [delay, delay]),
    );
  });

  it('goes off in time among many that are set, put off, unset and cleared at random', () => {
    // A generator with a seed, so that a failure can be repeated.
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    const due = new Map<number, { at: number; delay: number }>();
    const all = Array.from({ length: 50 }, (_, i) => {
      return new Alarm(alarms, {
        onAlarm() {
          assert.equal(due.get(i)?.at, clock.now);
          due.delete(i);
        },
      });
    });
    for (let step = 0; step < 5000; step += 1) {
      const i = random(all.length);
      const one = all[i];
      assert.ok(one);
      const expected = due.get(i);
      switch (random(6)) {
        case 0:
          one.unset();
          due.delete(i);
          break;
        case 1:
          one.clear();
          due.delete(i);
          break;
        case 2:
          one.putOff(performance.now());
          if (expected !== undefined) {
            expected.at = clock.now + expected.delay;
          }
          break;
        default: {
          const delay = 1 + random(300);
          one.set(delay);
          due.set(i, { at: clock.now + delay, delay });
        }
      }
      clock.tick(random(20));
      for (const { at } of due.values()) {
        assert.ok(at > clock.now, 'overdue');
      }
    }
    clock.tick(1000);
    assert.equal(due.size, 0);
    assert.equal(clock.countTimers(), 0);
  });
});
