/** What leaves at the end of a turn of the event loop, and what is left to the next turns. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { flushAfterTurn, flushAmongMany } from '../../../lib/util/flush-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { catchUncaught } from '../../support/uncaught.ts';

describe('the queue of what leaves at the end of a turn', () => {
  let clock: Clock;
  let flushed: string[];

  beforeEach(() => {
    clock = stopClock();
    flushed = [];
  });

  /** Something whose flush takes so many ms. */
  const item = (name: string, duration = 0) => ({
    flush: () => {
      flushed.push(name);
      clock.tick(duration);
    },
  });
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

  it('flushes what came in a turn at the end of it, in order', async () => {
    const all = names('', 1000);
    for (const name of all) {
      flushAfterTurn(item(name));
    }
    assert.deepEqual(flushed, []);
    await turn();
    assert.deepEqual(flushed, all);
  });

  it('flushes what goes to many in the same turn, behind what does not', async () => {
    flushAmongMany(item('many'));
    flushAfterTurn(item('one'));
    await turn();
    assert.deepEqual(flushed, ['one', 'many']);
  });

  it('leaves what takes longer than a slice to the next turns, and loses none', async () => {
    const all = names('', 100);
    for (const name of all) {
      flushAfterTurn(item(name, 1));
    }
    const counts: number[] = [];
    while (flushed.length < all.length) {
      await turn();
      counts.push(flushed.length);
    }
    assert.deepEqual(counts, [16, 32, 48, 64, 80, 96, 100]);
    assert.deepEqual(flushed, all);
  });

  for (const [what, flush] of Object.entries({ flushAfterTurn, flushAmongMany })) {
    it(`flushes what comes later before what ${what} has left`, async () => {
      for (const name of names('rest', 40)) {
        flush(item(name, 1));
      }
      await turn();
      flushAfterTurn(item('new'));
      assert.deepEqual(flushed, names('rest', 16));
      await turn();
      assert.deepEqual(flushed, [...names('rest', 16), 'new', ...names('rest', 32).slice(16)]);
      await turn();
      assert.equal(flushed.length, 41);
    });
  }

  it('has what a turn left wait behind what goes to many for one slice a turn at most', async () => {
    for (const name of names('many', 100)) {
      flushAmongMany(item(name, 1));
    }
    for (const name of names('one', 40)) {
      flushAfterTurn(item(name, 1));
    }
    await turn();
    assert.deepEqual(flushed, [...names('one', 16), ...names('many', 16)]);
    await turn();
    await turn();
    assert.deepEqual(
      flushed.filter((name) => name.startsWith('one')),
      names('one', 40),
    );
    assert.equal(flushed.filter((name) => name.startsWith('many')).length, 48);
    while (flushed.length < 140) {
      await turn();
    }
  });

  it('goes on with each line where each turn brings more than a slice', async () => {
    for (const name of names('many', 48)) {
      flushAmongMany(item(name, 1));
    }
    for (let i = 0; i < 3; i += 1) {
      for (const name of names(`new${i}-`, 20)) {
        flushAfterTurn(item(name, 1));
      }
      await turn();
    }
    assert.equal(flushed.filter((name) => name.startsWith('many')).length, 48);
    // Of each turn four are left, which follow in the order in which they came.
    assert.deepEqual(
      flushed.filter((name) => !name.startsWith('many')),
      [
        ...names('new0-', 16),
        ...names('new1-', 16),
        ...names('new0-', 20).slice(16),
        ...names('new2-', 16),
        ...names('new1-', 20).slice(16),
      ],
    );
    await turn();
    assert.deepEqual(flushed.slice(-4), names('new2-', 20).slice(16));
  });

  it('flushes in the context of the first caller, and what is left in that of none', async () => {
    const requests = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const noting = {
      flush: () => {
        contexts.push(requests.getStore());
        clock.tick(1);
      },
    };
    requests.run('first', () => flushAfterTurn(noting));
    requests.run('second', () => {
      for (let i = 0; i < 16; i += 1) {
        flushAfterTurn(noting);
      }
    });
    await turn();
    await turn();
    assert.deepEqual(contexts, [...Array.from({ length: 16 }, () => 'first'), undefined]);
  });

  it('reads the clock for each slice anew', async () => {
    const times: number[] = [];
    const timed = { flush: (now: number) => times.push(now) };
    const start = performance.now();
    for (let i = 0; i < 16; i += 1) {
      flushAfterTurn(item('', 1));
    }
    flushAmongMany(timed);
    await turn();
    assert.deepEqual(times, [start + 16]);
  });

  it('flushes in the next turn what is queued by a flush', async () => {
    flushAfterTurn({ flush: () => flushAfterTurn(item('next')) });
    await turn();
    assert.deepEqual(flushed, []);
    await turn();
    assert.deepEqual(flushed, ['next']);
  });

  it('flushes the others in the next turn where one throws', async () => {
    const fail = (text: string) => ({
      flush: () => {
        throw new Error(text);
      },
    });
    for (const flush of [flushAfterTurn, flushAmongMany]) {
      flush(fail(flush.name));
      flush(item(flush.name));
    }
    const errors: unknown[] = [];
    catchUncaught((error) => errors.push((error as Error).message));
    while (errors.length < 2 || flushed.length < 2) {
      await turn();
    }
    assert.deepEqual(errors, ['flushAfterTurn', 'flushAmongMany']);
    assert.deepEqual(flushed, ['flushAfterTurn', 'flushAmongMany']);
  });
});
