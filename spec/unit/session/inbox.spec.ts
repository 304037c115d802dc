/** Messages that the application has not read: their order, their bounds, and their one timer. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { SessionNotOpenError } from '../../../lib/session/errors.ts';
import { Inbox } from '../../../lib/session/inbox.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { isRetained } from '../../support/heap.ts';

describe('Inbox', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  function make(maxReceiveBuffer = 10, receiveStallTimeout = 1000) {
    let stalls = 0;
    const onStall = () => {
      stalls += 1;
    };
    const inbox = new Inbox({ maxReceiveBuffer, receiveStallTimeout, timers: new TimerQueue() }, onStall);
    return { inbox, stalls: () => stalls };
  }

  describe('next()', () => {
    it('gives what came, in order, then waits for what comes', async () => {
      const { inbox } = make();
      inbox.push('1');
      inbox.push('2');
      assert.equal(inbox.size, 2);
      assert.equal(await inbox.next(undefined), '1');
      assert.equal(await inbox.next(undefined), '2');
      assert.equal(inbox.isAwaited, false);
      const third = inbox.next(undefined);
      assert.equal(inbox.isAwaited, true);
      inbox.push('3');
      assert.equal(inbox.isAwaited, false);
      assert.equal(inbox.size, 0);
      assert.equal(await third, '3');
    });

    it('rejects with the reason of an aborted signal, and takes nothing', async () => {
      const { inbox } = make();
      inbox.push('1');
      await assert.rejects(inbox.next(AbortSignal.abort('why')), (reason) => reason === 'why');
      assert.equal(inbox.size, 1);
    });

    it('rejects once the end has come and all is read', async () => {
      const { inbox } = make();
      const waiting = make().inbox;
      const rejected = assert.rejects(waiting.next(undefined), SessionNotOpenError);
      inbox.push('1');
      inbox.end();
      waiting.end();
      assert.equal(await inbox.next(undefined), '1');
      await assert.rejects(inbox.next(undefined), SessionNotOpenError);
      await assert.rejects(inbox.next(undefined), {
        name: 'SessionNotOpenError',
        message: 'sockjs: the session is not open',
      });
      await rejected;
    });
  });

  describe('canReceive', () => {
    for (const [messages, canReceive] of [
      [[], true],
      [['x'.repeat(10)], true],
      [['x'.repeat(11)], false],
      [['é'.repeat(5)], true],
      [['é'.repeat(5), 'x'], false],
      [Array(10).fill(''), true],
      [Array(11).fill(''), false],
    ] as [string[], boolean][]) {
      it(`is ${canReceive} of 10 bytes with ${messages.length} messages of ${Buffer.byteLength(messages.join(''))}`, () => {
        const { inbox } = make();
        for (const message of messages) {
          inbox.push(message);
        }
        assert.equal(inbox.canReceive, canReceive);
        assert.equal(clock.countTimers(), canReceive ? 0 : 1);
        while (inbox.size > 0) {
          inbox.shift();
        }
        assert.equal(inbox.canReceive, true);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('is not touched by what goes straight to a reader', async () => {
      const { inbox } = make();
      const message = inbox.next(undefined);
      inbox.push('x'.repeat(100));
      assert.equal(inbox.canReceive, true);
      assert.equal((await message).length, 100);
    });
  });

  describe('whenReceivable()', () => {
    it('calls all who wait, once, in order, as soon as there is room', () => {
      const { inbox } = make();
      const calls: string[] = [];
      inbox.whenReceivable(() => calls.push('at once'));
      inbox.push('x'.repeat(9));
      inbox.push('y'.repeat(9));
      inbox.push('z'.repeat(9));
      inbox.whenReceivable(() => calls.push('1'));
      inbox.whenReceivable(() => calls.push('2'));
      inbox.shift();
      assert.deepEqual(calls, ['at once']);
      inbox.shift();
      assert.deepEqual(calls, ['at once', '1', '2']);
      inbox.shift();
      assert.equal(calls.length, 3);
    });

    it('calls all at the end, and at once from then on', () => {
      const { inbox } = make();
      const calls: string[] = [];
      inbox.push('x'.repeat(11));
      inbox.whenReceivable(() => calls.push('1'));
      inbox.end();
      inbox.whenReceivable(() => calls.push('2'));
      assert.deepEqual(calls, ['1', '2']);
    });
  });

  describe('trim()', () => {
    it('drops the newest that are over the limit, and gives room', async () => {
      const { inbox } = make();
      let calls = 0;
      for (const message of ['1234', '5678', '9abc', 'def']) {
        inbox.push(message);
      }
      inbox.whenReceivable(() => {
        calls += 1;
      });
      assert.equal(inbox.trim(), true);
      assert.equal(calls, 1);
      assert.equal(clock.countTimers(), 0);
      assert.deepEqual([inbox.shift(), inbox.shift(), inbox.shift()], ['1234', '5678', undefined]);
      assert.equal(inbox.trim(), false);
    });
  });

  describe('receiveStallTimeout', () => {
    it('runs from the message that was too much, not from later ones, and each that is read restarts it', () => {
      const { inbox, stalls } = make();
      inbox.push('1');
      inbox.push('x'.repeat(20));
      clock.tick(600);
      inbox.push('2');
      clock.tick(399);
      assert.equal(stalls(), 0);
      inbox.shift();
      clock.tick(999);
      assert.equal(stalls(), 0);
      clock.tick(1);
      assert.equal(stalls(), 1);
      assert.equal(clock.countTimers(), 0);
    });

    it('is over with room, and begins anew without', () => {
      const { inbox, stalls } = make();
      inbox.push('x'.repeat(11));
      clock.tick(999);
      inbox.shift();
      assert.equal(clock.countTimers(), 0);
      inbox.push('x'.repeat(11));
      clock.tick(999);
      assert.equal(stalls(), 0);
      clock.tick(1);
      assert.equal(stalls(), 1);
    });

    it('is for ever at 0', () => {
      const { inbox } = make(10, 0);
      inbox.push('x'.repeat(11));
      assert.equal(clock.countTimers(), 0);
    });

    it('is over at the end, and reading on does not start it again', () => {
      const { inbox } = make();
      inbox.push('1');
      inbox.push('x'.repeat(20));
      inbox.end();
      assert.equal(clock.countTimers(), 0);
      inbox.shift();
      assert.equal(clock.countTimers(), 0);
    });
  });

  it('gives back a great many messages in order, without moving those behind for each', () => {
    // The cost of moving them would be the square of this.
    const many = 300_000;
    const inbox = new Inbox({ maxReceiveBuffer: many * 8, receiveStallTimeout: 0, timers: new TimerQueue() }, () => {});
    for (let i = 0; i < many; i += 1) {
      inbox.push(String(i));
    }
    for (let i = 0; i < many; i += 1) {
      if (inbox.shift() !== String(i)) {
        assert.fail(`the message after ${i - 1} is not ${i}`);
      }
    }
    assert.equal(inbox.size, 0);
    inbox.push('next');
    assert.equal(inbox.shift(), 'next');
  });

  it('keeps nothing of what was read', () => {
    const { inbox } = make(100_000);
    inbox.push('first');
    const isKept = isRetained((text) => {
      inbox.push(text);
      inbox.shift();
    });
    assert.equal(isKept, false);
    assert.equal(inbox.size, 1);
  });

  it('has no room for more messages than a 64th of its bytes, beyond the first thousand', () => {
    const inbox = new Inbox(
      { maxReceiveBuffer: 2000 * 64, receiveStallTimeout: 0, timers: new TimerQueue() },
      () => {},
    );
    for (let i = 0; i < 2000; i += 1) {
      inbox.push('');
    }
    assert.equal(inbox.canReceive, true);
    inbox.push('');
    assert.equal(inbox.canReceive, false);
    inbox.shift();
    assert.equal(inbox.canReceive, true);
  });
});
