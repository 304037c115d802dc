/** Deadline timers, and the one Node timer that they share. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance as performanceOfNode } from 'node:perf_hooks';
import timers from 'node:timers';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { DeadlineTimer, inContext, TimerQueue } from '../../../lib/util/timer-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { fakeIdleTime } from '../../support/idle-time.ts';

describe('DeadlineTimer', () => {
  let clock: Clock;
  let queue: TimerQueue;
  let timer: DeadlineTimer;
  let calls: number[];

  beforeEach(() => {
    clock = stopClock();
    calls = [];
    const start = clock.now;
    queue = new TimerQueue();
    timer = new DeadlineTimer(queue, { onTimer: () => calls.push(clock.now - start) });
  });

  it('does not fire unless it is set', () => {
    clock.tick(1000);
    assert.deepEqual(calls, []);
    assert.equal(clock.countTimers(), 0);
  });

  it('fires once, after its delay', () => {
    timer.set(100);
    clock.tick(1000);
    assert.deepEqual(calls, [100]);
    assert.equal(clock.countTimers(), 0);
  });

  it('counts from the last call of set(), whether the new deadline is later or earlier', () => {
    timer.set(100);
    clock.tick(60);
    timer.set(100);
    clock.tick(60);
    timer.set(10);
    clock.tick(1000);
    assert.deepEqual(calls, [130]);
  });

  it('counts its delay anew when postponed, and stays unset where it is unset', () => {
    timer.postpone(performance.now());
    timer.set(100);
    clock.tick(99);
    timer.postpone(performance.now());
    clock.tick(99);
    assert.deepEqual(calls, []);
    timer.unset();
    timer.postpone(performance.now());
    clock.tick(1000);
    assert.deepEqual(calls, []);
  });

  it('does not fire once unset, and can be set again', () => {
    timer.set(100);
    timer.unset();
    clock.tick(50);
    timer.set(100);
    timer.unset();
    clock.tick(200);
    timer.set(100);
    clock.tick(1000);
    assert.deepEqual(calls, [350]);
  });

  for (const method of ['set', 'limit'] as const) {
    it(`never fires after ${method}(Infinity), and needs no Node timer`, () => {
      timer[method](Number.POSITIVE_INFINITY);
      assert.equal(clock.countTimers(), 0);
      timer.postpone(performance.now());
      clock.tick(2 ** 31);
      assert.deepEqual(calls, []);
    });

    it(`moves to never and back by ${method}()`, () => {
      timer[method](100);
      timer[method](Number.POSITIVE_INFINITY);
      clock.tick(1000);
      assert.deepEqual(calls, []);
      assert.equal(clock.countTimers(), 0);
      timer[method](100);
      clock.tick(100);
      assert.deepEqual(calls, [1100]);
    });

    it(`leaves others of the queue their time by ${method}(Infinity)`, () => {
      const others = [300, 100, 200].map((delay) => {
        const other = new DeadlineTimer(queue, { onTimer: () => calls.push(delay) });
        other.set(delay);
        return other;
      });
      timer[method](Number.POSITIVE_INFINITY);
      clock.tick(200);
      assert.deepEqual(calls, [100, 200]);
      others[0]?.clear();
      assert.equal(clock.countTimers(), 0);
      timer.clear();
      assert.equal(clock.countTimers(), 0);
    });
  }

  it('makes one Node timer, however many timers are set, and however often', () => {
    for (let i = 0; i < 10; i += 1) {
      timer.set(100);
      timer.unset();
      new DeadlineTimer(queue, { onTimer() {} }).set(50 + i);
    }
    assert.equal(clock.countTimers(), 1);
    clock.tick(1000);
    assert.equal(clock.countTimers(), 0);
  });

  it('can be set by its own callback, with the same delay and with another', () => {
    const delays = [100, 100, 30];
    const start = clock.now;
    const again = new DeadlineTimer(queue, {
      onTimer() {
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
    timer.set(100);
    timer.clear();
    assert.equal(clock.countTimers(), 0);
    clock.tick(1000);
    assert.deepEqual(calls, []);
  });

  it('can be set to the longest delay of a Node timer', () => {
    const delays: unknown[] = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      delays.push(delay);
      return setTimeout(callback, delay);
    }) as typeof setTimeout;
    clock.tick(0.5);
    timer.set(0x7fff_ffff);
    globalThis.setTimeout = setTimeout;
    assert.deepEqual(delays, [0x7fff_ffff]);
    clock.tick(0x7fff_ffff + 2);
    assert.equal(calls.length, 1);
  });

  it('fires where a test has stopped the clock, and lets it go on again', async () => {
    // On the stopped clock, which begins with 0, it comes before any time of the real clock.
    timer.set(1);
    clock.uninstall();
    await new Promise<void>((resolve) => {
      new DeadlineTimer(queue, { onTimer: resolve }).set(1);
    });
    assert.equal(calls.length, 1);
    clock = stopClock();
    new DeadlineTimer(queue, { onTimer: () => calls.push(-1) }).set(performance.now() + 1);
    clock.tick(10);
    assert.deepEqual(calls.slice(1), [-1]);
  });

  it('is not postponed to an earlier time', () => {
    timer.set(100);
    timer.postpone(performance.now() - 50);
    clock.tick(1000);
    assert.deepEqual(calls, [100]);
  });

  it('calls outside of the async context of the caller', () => {
    const storage = new AsyncLocalStorage<string>();
    const heard: (string | undefined)[] = [];
    const timer = storage.run(
      'maker',
      () => new DeadlineTimer(queue, { onTimer: () => heard.push(storage.getStore()) }),
    );
    storage.run('caller', () => timer.set(100));
    clock.tick(1000);
    assert.deepEqual(heard, [undefined]);
  });

  it('calls in the async context that it was made in, where its target is bound to it', () => {
    const storage = new AsyncLocalStorage<string>();
    const heard: (string | undefined)[] = [];
    const make = () => new DeadlineTimer(queue, inContext({ onTimer: () => heard.push(storage.getStore()) }));
    const ours = storage.run('ours', make);
    const theirs = storage.run('theirs', make);
    const outside = make();
    storage.run('caller', () => {
      outside.set(100);
      theirs.set(100);
      ours.set(90);
    });
    clock.tick(1000);
    assert.deepEqual(heard.toSorted(), ['ours', 'theirs', undefined]);
    assert.equal(heard[0], 'ours');
  });

  it('makes the Node timer outside of the async context of the caller', () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      seen.push(storage.getStore());
      return setTimeout(callback, delay);
    }) as typeof setTimeout;
    storage.run('caller', () => timer.set(100));
    globalThis.setTimeout = setTimeout;
    assert.deepEqual(seen, [undefined]);
  });

  it('makes no Node timer for a deadline at the same time or later', () => {
    let timers = 0;
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      timers += 1;
      return setTimeout(callback, delay);
    }) as typeof setTimeout;
    afterTest(() => {
      globalThis.setTimeout = setTimeout;
    });
    for (const delay of [100, 100, 101, 200]) {
      new DeadlineTimer(queue, { onTimer() {} }).set(delay);
    }
    assert.equal(timers, 1);
    timer.set(99);
    assert.equal(timers, 2);
  });

  it('has async resource types of its own for its queue, and for a target that is bound to its context', () => {
    const types: string[] = [];
    const hook = createHook({ init: (_, type) => types.push(type) }).enable();
    new DeadlineTimer(new TimerQueue(), { onTimer() {} });
    new DeadlineTimer(new TimerQueue(), inContext({ onTimer() {} }));
    hook.disable();
    assert.deepEqual(types, ['sockjs.timer-queue', 'sockjs.timer-queue', 'sockjs.timer']);
  });

  it('lets others fire when its callback throws', () => {
    const broken = new DeadlineTimer(queue, {
      onTimer() {
        throw new Error('broken');
      },
    });
    broken.set(100);
    timer.set(100);
    assert.throws(() => clock.tick(100), /broken/);
    clock.tick(1);
    assert.equal(calls.length, 1);
  });

  it('fires in time where one of those with late deadlines has been cleared', () => {
    const start = clock.now;
    const fired: [delay: number, after: number][] = [];
    const make = (delay: number) => {
      const one = new DeadlineTimer(queue, { onTimer: () => fired.push([delay, clock.now - start]) });
      one.set(delay);
      return one;
    };
    // In a heap, the one that takes the place of 1010 is due before all around it.
    const [, , , cleared] = [10, 1000, 20, 1010, 1020, 30, 40].map(make);
    cleared?.clear();
    [1030, 1040, 1050].forEach(make);
    clock.tick(2000);
    assert.deepEqual(
      fired,
      [10, 20, 30, 40, 1000, 1020, 1030, 1040, 1050].map((delay) => [delay, delay]),
    );
  });

  it('fires in time among many that are set, postponed, unset and cleared at random', () => {
    // A generator with a seed, so that a failure can be repeated.
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    const due = new Map<number, { at: number; delay: number }>();
    const all = Array.from({ length: 50 }, (_, i) => {
      return new DeadlineTimer(queue, {
        onTimer() {
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
          one.postpone(performance.now());
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

  describe('many that are due at once', () => {
    let counts: number[];
    let fired: number[];

    beforeEach(() => {
      fired = [];
      fakeIdleTime();
    });

    /** Timers that take so many ms each when they fire. */
    function make(count: number, duration: number): DeadlineTimer[] {
      return Array.from({ length: count }, (_, i) => {
        return new DeadlineTimer(queue, {
          onTimer() {
            fired.push(i);
            clock.tick(duration);
          },
        });
      });
    }

    /**
     * Lets the clock go on until all of `count` have fired, each slice 1 ms after the last one. `counts` has how many have
     * fired after each slice; the first slice is over.
     */
    function fireAll(count: number): void {
      counts = [fired.length];
      while (fired.length < count && counts.length < count) {
        clock.tick(1);
        counts.push(fired.length);
      }
    }

    it('fire one after the other where they take less than a slice', () => {
      for (const one of make(1000, 0)) {
        one.set(100);
      }
      clock.tick(100);
      assert.equal(fired.length, 1000);
    });

    it('fire in slices, in the order of their deadlines, and each once', () => {
      for (const one of make(100, 1)) {
        one.set(100);
      }
      clock.tick(100);
      fireAll(100);
      assert.deepEqual(counts, [16, 32, 48, 64, 80, 96, 100]);
      assert.equal(new Set(fired).size, 100);
      assert.equal(clock.countTimers(), 0);
      for (const [i, one] of make(100, 1).entries()) {
        one.set(100 - i);
      }
      fired = [];
      clock.jump(100);
      fireAll(100);
      assert.deepEqual(
        fired,
        Array.from({ length: 100 }, (_, i) => 99 - i),
      );
    });

    it('end a slice with the 16th after 1 ms, and not before', () => {
      for (const one of make(40, 1 / 32)) {
        one.set(100);
      }
      clock.tick(100);
      assert.equal(fired.length, 32);
    });

    it('do not fire where they are cleared or unset between two slices', () => {
      const all = make(48, 1);
      for (const one of all) {
        one.set(100);
      }
      clock.tick(100);
      const left = all.filter((_, i) => !fired.includes(i));
      assert.equal(left.length, 32);
      left[0]?.clear();
      left[1]?.unset();
      left[2]?.set(1000);
      fireAll(45);
      clock.tick(500);
      assert.equal(fired.length, 45);
      clock.tick(1000);
      assert.deepEqual([fired.length, new Set(fired).size], [46, 46]);
    });

    it('get a quarter of the time where turns of the loop take long', () => {
      for (const one of make(200, 1)) {
        one.set(100);
      }
      clock.tick(100);
      assert.equal(fired.length, 16);
      // 16 ms of the slice, and 384 ms of other work.
      clock.jump(384);
      assert.equal(fired.length, 16 + 112);
    });

    it('are spread from then on, as each counts from the last time', () => {
      const times: number[] = [];
      for (let i = 0; i < 64; i += 1) {
        const heartbeat: DeadlineTimer = new DeadlineTimer(queue, {
          onTimer() {
            fired.push(i);
            heartbeat.set(1000);
            times.push(clock.now);
            clock.tick(1);
          },
        });
        heartbeat.set(1000);
      }
      clock.tick(1000);
      fireAll(64);
      times.length = 0;
      clock.tick(900);
      assert.equal(times.length, 0);
      clock.tick(100);
      assert.equal(times.length, 64);
      assert.equal(new Set(times).size, 64);
    });

    it('are not taken for those that a stall has made late', () => {
      timer.set(100);
      clock.jump(1000);
      assert.equal(calls.length, 1);
      for (const one of make(400, 1)) {
        one.limit(1000);
      }
      clock.tick(1000);
      fireAll(400);
      // No limit was restarted: all fire, in slices of 16 ms, 1 ms after each other.
      assert.equal(fired.length, 400);
      assert.equal(counts.length, 25);
    });

    it('leave the others late where a stall has made them late', () => {
      timer.limit(1000);
      clock.tick(600);
      for (const one of make(250, 1)) {
        one.set(10);
      }
      clock.jump(500);
      fireAll(250);
      clock.tick(10);
      assert.deepEqual([fired.length, calls], [250, []]);
    });

    it('leave the others late where one of them has blocked the loop', () => {
      timer.limit(1000);
      clock.tick(900);
      for (const one of [...make(15, 0), ...make(1, 300)]) {
        one.set(50);
      }
      clock.tick(50);
      assert.equal(fired.length, 16);
      clock.tick(10);
      assert.deepEqual(calls, []);
    });

    for (const count of [15, 16, 17]) {
      it(`do not have a later limit restart for a stall that is over: ${count} of them`, () => {
        // They take longer than a slice, which is a quarter of the stall.
        for (const one of make(count, 100)) {
          one.set(10);
        }
        clock.jump(5000);
        fireAll(count);
        clock.tick(1000);
        for (const one of make(400, 1)) {
          one.set(9000);
        }
        const before = clock.now;
        const ends: number[] = [];
        new DeadlineTimer(queue, { onTimer: () => ends.push(clock.now - before) }).limit(10_000);
        clock.tick(20_000);
        assert.deepEqual(ends, [10_000]);
      });
    }

    it('let Node read between two slices', async () => {
      clock.uninstall();
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const [socket] = (await once(server, 'connection')) as [Socket];
      let firedBefore = Number.POSITIVE_INFINITY;
      socket.on('data', () => {
        firedBefore = fired.length;
      });
      const queue = new TimerQueue();
      await new Promise<void>((resolve) => {
        for (let i = 0; i < 200; i += 1) {
          new DeadlineTimer(queue, {
            onTimer() {
              if (i === 0) {
                client.write('bytes');
              }
              const end = performance.now() + 0.5;
              while (performance.now() < end) {
                // Takes time.
              }
              if (fired.push(i) === 200) {
                resolve();
              }
            },
          }).set(1);
        }
      });
      client.destroy();
      server.close();
      await once(server, 'close');
      assert.ok(firedBefore < 100, `read after ${firedBefore} of 200`);
    });
  });

  describe('limit()', () => {
    let loop: { idle: number };

    beforeEach(() => {
      // The idle time of the event loop, as Node counts it, is set by the test.
      loop = { idle: 0 };
      const { nodeTiming } = performanceOfNode;
      Object.defineProperty(nodeTiming, 'idleTime', { configurable: true, get: () => loop.idle });
      afterTest(() => {
        Reflect.deleteProperty(nodeTiming, 'idleTime');
      });
    });

    /** A stall: no timer is checked for so long, and then all that are due. */
    function stall(ms: number): void {
      clock.jump(ms);
    }

    /** Two turns of the real event loop, and one more, since the count may begin only now. */
    async function turns(): Promise<void> {
      for (let i = 0; i < 3; i += 1) {
        await turn();
      }
    }

    /** Lets the loop run freely for so long: at the end, it has been idle. */
    async function runFreely(ms: number): Promise<void> {
      await turns();
      loop.idle += 1;
      clock.tick(ms);
    }

    it('fires in time where nothing stalls', () => {
      timer.limit(100);
      clock.tick(99);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [100]);
      timer.limit(5000);
      clock.tick(5000);
      assert.deepEqual(calls, [100, 5100]);
      assert.equal(clock.countTimers(), 0);
    });

    for (const delay of [0, 1, 2, 3, 20, 99, 100, 101, 1999, 2000, 2001, 0x7fff_ffff]) {
      it(`fires after ${delay} ms, neither before nor much later`, () => {
        timer.limit(delay);
        clock.tick(Math.max(0, delay - 1));
        assert.deepEqual(calls, []);
        clock.tick(2);
        assert.equal(calls.length, 1);
      });
    }

    it('counts its delay anew when postponed', () => {
      timer.limit(3000);
      clock.tick(2500);
      timer.postpone(performance.now());
      clock.tick(2999);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [5500]);
    });

    it('restarts after a stall where it was postponed after its first check', async () => {
      timer.limit(3000);
      clock.tick(2500);
      timer.postpone(performance.now());
      clock.tick(1900);
      // From before the first check, 4500, to shortly before the end, 5500.
      stall(1050);
      await runFreely(949);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [6400]);
    });

    it('takes a check that is more than 100 ms late for a stall, and no other', async () => {
      timer.limit(5000);
      stall(4100);
      clock.tick(900);
      assert.deepEqual(calls, [5000]);
      timer.limit(5000);
      stall(4101);
      clock.tick(4000);
      assert.deepEqual(calls, [5000]);
      await runFreely(1000);
      assert.equal(calls.length, 2);
    });

    it('is checked first when half of it has passed, where it is short', async () => {
      timer.limit(1000);
      stall(1200);
      await runFreely(699);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [1900]);
    });

    it('gives two turns of the loop to all timers that a stall has made late', async () => {
      const others = [1, 2, 3].map(() => new DeadlineTimer(queue, { onTimer: () => calls.push(-1) }));
      for (const one of [timer, ...others]) {
        one.limit(1);
      }
      stall(500);
      loop.idle += 1;
      await turn();
      clock.tick(100);
      assert.deepEqual(calls, []);
      await turns();
      clock.tick(100);
      assert.equal(calls.length, 4);
    });

    for (const ms of [5000, 5001, 5050, 5100, 5101, 10_000, 15_000, 100_000]) {
      it(`fires not right after a stall of ${ms} ms that lasted over its end, but when the loop has run`, async () => {
        timer.limit(5000);
        stall(ms);
        assert.deepEqual(calls, []);
        // The delay, or the time from the first check, a second before the end, to the end of the stall.
        const grace = Math.min(5000, ms - 4000);
        await runFreely(grace - 1);
        assert.deepEqual(calls, []);
        clock.tick(1);
        assert.deepEqual(calls, [ms + grace]);
      });
    }

    it('gives time from the end of a stall that ended shortly before its own end', async () => {
      timer.limit(5000);
      stall(4900);
      await runFreely(899);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [5800]);
    });

    it('can be restarted eight times again once it was postponed', async () => {
      timer.limit(1000);
      for (let i = 0; i < 8; i += 1) {
        stall(2000);
        await turns();
      }
      assert.deepEqual(calls, []);
      clock.tick(1);
      timer.postpone(performance.now());
      stall(2000);
      assert.deepEqual(calls, []);
    });

    it('leaves a strict deadline strict when that is postponed', () => {
      timer.set(1000);
      clock.tick(10);
      timer.postpone(performance.now());
      stall(3000);
      assert.equal(calls.length, 1);
    });

    it('leaves nothing behind when it is unset', () => {
      timer.limit(1000);
      timer.unset();
      clock.tick(10_000);
      assert.deepEqual([calls, clock.countTimers()], [[], 0]);
    });

    it('does not fire at its first check, even where that is not late enough for a stall', async () => {
      timer.limit(150);
      stall(160);
      assert.deepEqual(calls, []);
      clock.tick(85);
      assert.deepEqual(calls, [245]);
      timer.limit(100);
      stall(100);
      assert.deepEqual(calls, [245]);
      clock.tick(50);
      assert.deepEqual(calls, [245, 395]);
    });

    it('is not prolonged where its first check is late, but before its end', () => {
      timer.limit(150);
      stall(140);
      clock.tick(10);
      assert.deepEqual(calls, [150]);
    });

    for (const gap of [0, 10, 90]) {
      it(`sees a second stall, though one ended with its first check: ${gap} ms between them`, async () => {
        timer.limit(1500);
        stall(750);
        clock.tick(gap);
        stall(750);
        assert.equal(calls.length, 0, 'the loop has run for less than 100 ms');
        await turns();
        loop.idle += 1;
        clock.tick(1500);
        assert.equal(calls.length, 1);
      });
    }

    for (const before of [1000, 800, 600, 400, 301]) {
      it(`sees a stall that begins ${before} ms before its end and ends with it`, () => {
        timer.limit(5000);
        clock.tick(5000 - before);
        stall(before);
        assert.equal(calls.length, 0);
      });
    }

    it('is not prolonged by a stall that is long over', async () => {
      timer.limit(5000);
      stall(3900);
      await runFreely(1100);
      assert.deepEqual(calls, [5000]);
    });

    it('is prolonged once for each stall', async () => {
      timer.limit(1000);
      stall(3000);
      await turns();
      stall(3000);
      await turns();
      assert.deepEqual(calls, []);
      await runFreely(999);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [7000]);
    });

    it('starts anew when it is set again after a stall', async () => {
      timer.limit(1000);
      stall(3000);
      timer.limit(500);
      clock.tick(499);
      assert.deepEqual(calls, []);
      clock.tick(1);
      assert.deepEqual(calls, [3500]);
    });

    it('gives two turns of the loop, however short it is', async () => {
      timer.limit(1);
      stall(500);
      loop.idle += 1;
      clock.tick(100);
      assert.deepEqual(calls, []);
      await turn();
      clock.tick(100);
      assert.deepEqual(calls, []);
      await turns();
      clock.tick(100);
      assert.equal(calls.length, 1);
    });

    it('waits until the loop has been idle, at most for the whole delay', async () => {
      timer.limit(5000);
      stall(5200);
      await turns();
      clock.tick(4000);
      assert.deepEqual(calls, []);
      loop.idle += 1;
      clock.tick(50);
      assert.equal(calls.length, 1);

      timer.limit(5000);
      stall(5200);
      const end = clock.now;
      await turns();
      while (clock.now < end + 5000) {
        assert.equal(calls.length, 1);
        clock.tick(50);
      }
      assert.equal(calls.length, 2);
    });

    it('fires after eight restarts in a row, where the loop stalls for ever', async () => {
      timer.limit(1000);
      let stalls = 0;
      for (; calls.length === 0 && stalls < 100; stalls += 1) {
        stall(2000);
        await turns();
        loop.idle += 1;
      }
      assert.equal(stalls, 9);
    });

    it('does not fire after a stall where it is unset in the first turn', async () => {
      timer.limit(1000);
      stall(10_000);
      await turn();
      timer.unset();
      await runFreely(10_000);
      assert.deepEqual(calls, []);
      assert.equal(clock.countTimers(), 0);
    });

    it('leaves nothing behind when it is cleared after a stall', async () => {
      timer.limit(1000);
      stall(3000);
      timer.clear();
      assert.equal(clock.countTimers(), 0);
      await runFreely(10_000);
      assert.deepEqual(calls, []);
    });

    it('leaves strict deadlines alone: they fire at once after a stall', () => {
      timer.set(1000);
      stall(3000);
      assert.deepEqual(calls, [3000]);
      timer.set(1000);
      timer.postpone(performance.now());
      stall(3000);
      assert.deepEqual(calls, [3000, 6000]);
    });

    it('counts no turns where nothing has stalled', async () => {
      const { setImmediate } = timers;
      let immediates = 0;
      const replace = (by: typeof setImmediate) => {
        timers.setImmediate = by;
        syncBuiltinESMExports();
      };
      replace(((callback: () => void) => {
        immediates += 1;
        return setImmediate(callback);
      }) as typeof setImmediate);
      afterTest(() => {
        // First, or the exports of node:timers would stay those of the stopped clock for all specs that follow.
        clock.uninstall();
        replace(setImmediate);
      });
      timer.limit(1000);
      clock.tick(1000);
      assert.equal(immediates, 0);
      timer.limit(1000);
      stall(3000);
      assert.equal(immediates, 1);
      await turns();
      assert.equal(immediates, 2);
    });
  });

  it('lets Node read what lies in the kernel after a real stall', async () => {
    clock.uninstall();
    const server = createServer((socket) => socket.on('data', () => real.unset()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const heard: string[] = [];
    const real = new DeadlineTimer(new TimerQueue(), { onTimer: () => heard.push('fired') });
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('alive');
      real.limit(50);
      // The byte has not been read, nor the connection been accepted.
      const end = performance.now() + 400;
      while (performance.now() < end) {
        // Blocks the event loop.
      }
    });
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(socket, 'data');
    client.destroy();
    server.close();
    await once(server, 'close');
    assert.deepEqual(heard, []);
    // It fires where nothing comes.
    await new Promise<void>((resolve) => {
      const lone = new DeadlineTimer(new TimerQueue(), { onTimer: resolve });
      lone.limit(20);
      const end = performance.now() + 300;
      while (performance.now() < end) {
        // Blocks the event loop.
      }
    });
  });
});
