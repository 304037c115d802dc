/** The inbox beside the plainest one there could be: an array, and a time that is noted down. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import fc from 'fast-check';
import { SessionNotOpenError } from '../../lib/session/errors.ts';
import { Inbox } from '../../lib/session/inbox.ts';
import { TimerQueue } from '../../lib/util/timer-queue.ts';
import { stopClock } from '../support/clock.ts';
import { property, sequence } from '../support/property.ts';

type Step =
  | readonly [name: 'push', bytes: number]
  | readonly [name: 'push many', count: number]
  | readonly [name: 'shift' | 'trim' | 'next' | 'next aborted' | 'whenReceivable' | 'end' | 'turn']
  | readonly [name: 'abort', reader: number]
  | readonly [name: 'tick', ms: number];

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.tuple(fc.constant('push' as const), fc.nat(12)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('push many' as const), fc.integer({ min: 500, max: 700 })) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('shift' as const)) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('trim', 'next aborted', 'end')) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('next' as const)) },
  { weight: 9, arbitrary: fc.tuple(fc.constant('whenReceivable' as const)) },
  { weight: 9, arbitrary: fc.tuple(fc.constant('turn' as const)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('abort' as const), fc.nat(5)) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('tick' as const), fc.integer({ min: 1, max: 700 })) },
);

const CASE = fc.record({
  maxReceiveBuffer: fc.constantFrom(0, 1, 20, 70_000),
  receiveStallTimeout: fc.constantFrom(0, 1, 1000),
  steps: sequence(STEP, 40),
});

/** What is expected of one call of `next()`. */
interface Reader {
  readonly controller: AbortController;
  /** A message or how it failed; undefined while it waits, as it may only where that is expected. */
  got: string | undefined;
  expected: string | undefined;
}

class Model {
  readonly #inbox: Inbox;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #timeout: number;
  #pushed = 0;
  #messages: string[] = [];
  #waiting: Reader[] = [];
  readonly #readers: Reader[] = [];
  /** Calls of `whenReceivable` that have not been answered, and those that must not have been. */
  #unanswered: number[] = [];
  #slowed: number[] = [];
  #roomCalls = 0;
  #hasEnded = false;
  /** When the client has waited too long; `past` once that was told. */
  #stallsAt: number | 'past' | undefined;
  #expectedStalls = 0;
  #stalls = 0;

  constructor(clock: Clock, maxReceiveBuffer: number, receiveStallTimeout: number) {
    this.#clock = clock;
    this.#max = maxReceiveBuffer;
    this.#timeout = receiveStallTimeout;
    const limits = { maxReceiveBuffer, receiveStallTimeout, timers: new TimerQueue() };
    this.#inbox = new Inbox(limits, () => {
      this.#stalls += 1;
    });
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#take(step);
      this.#check();
    }
    this.#inbox.end();
    this.#end();
    this.#check();
    await turn();
    for (const { got, expected, controller } of this.#readers) {
      assert.equal(got, expected);
      assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    }
  }

  async #take([name, argument]: Step): Promise<void> {
    switch (name) {
      case 'push':
        this.#push(argument);
        break;
      case 'push many':
        for (let i = 0; i < argument; i += 1) {
          this.#push(0);
        }
        break;
      case 'shift':
        assert.equal(this.#inbox.shift(), this.#shift());
        break;
      case 'trim':
        assert.equal(this.#inbox.trim(), this.#trim());
        break;
      case 'next':
        this.#next();
        break;
      case 'next aborted':
        await assert.rejects(this.#inbox.next(AbortSignal.abort('why')), (reason) => reason === 'why');
        break;
      case 'abort':
        this.#abort(argument);
        break;
      case 'whenReceivable':
        this.#whenReceivable();
        break;
      case 'end':
        this.#inbox.end();
        this.#end();
        break;
      case 'turn':
        await turn();
        break;
      case 'tick':
        this.#tick(argument);
    }
  }

  #check(): void {
    const { size, isAwaited, canReceive } = this.#inbox;
    assert.deepEqual(
      { size, isAwaited, canReceive, stalls: this.#stalls, timers: this.#clock.countTimers() },
      {
        size: this.#messages.length,
        isAwaited: this.#waiting.length > 0,
        canReceive: this.#canReceive,
        stalls: this.#expectedStalls,
        timers: typeof this.#stallsAt === 'number' ? 1 : 0,
      },
    );
    assert.deepEqual(this.#unanswered, this.#slowed, 'calls of whenReceivable');
  }

  get #canReceive(): boolean {
    const bytes = this.#messages.reduce((sum, message) => sum + (Buffer.byteLength(message) || 1), 0);
    return bytes <= this.#max && (this.#messages.length <= 1000 || this.#messages.length * 64 <= this.#max);
  }

  #push(bytes: number): void {
    if (this.#hasEnded) {
      // Sessions do not.
      return;
    }
    this.#pushed += 1;
    // Told apart, but for the empty one.
    const message = bytes === 0 ? '' : `${this.#pushed}é`.padEnd(bytes, '.');
    this.#inbox.push(message);
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader.expected = message;
      return;
    }
    this.#messages.push(message);
    if (!this.#canReceive && this.#timeout > 0) {
      this.#stallsAt ??= this.#clock.now + this.#timeout;
    }
  }

  #shift(): string | undefined {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#afterReading();
    }
    return message;
  }

  #afterReading(): void {
    if (this.#canReceive) {
      this.#notifyReceivable();
    } else if (this.#stallsAt !== undefined) {
      this.#stallsAt = this.#clock.now + this.#timeout;
    }
  }

  #trim(): boolean {
    const hadRoom = this.#canReceive;
    while (!this.#canReceive) {
      this.#messages.pop();
    }
    if (!hadRoom) {
      this.#notifyReceivable();
    }
    return !hadRoom;
  }

  #notifyReceivable(): void {
    this.#stallsAt = undefined;
    this.#slowed = [];
  }

  #next(): void {
    const controller = new AbortController();
    const isQueued = this.#messages.length > 0;
    const next = this.#inbox.next(controller.signal);
    const reader: Reader = { controller, got: undefined, expected: this.#shift() };
    next.then(
      (message) => {
        reader.got = message;
      },
      (error: unknown) => {
        reader.got = error instanceof SessionNotOpenError ? 'not open' : String(error);
      },
    );
    this.#readers.push(reader);
    if (!isQueued && this.#hasEnded) {
      reader.expected = 'not open';
    } else if (!isQueued) {
      this.#waiting.push(reader);
    }
  }

  /** One that waits, or one that has got its message and must keep it. */
  #abort(index: number): void {
    const reader = [...this.#waiting, ...this.#readers][index];
    if (reader === undefined) {
      return;
    }
    if (this.#waiting.includes(reader)) {
      this.#waiting = this.#waiting.filter((other) => other !== reader);
      reader.expected = 'aborted';
    }
    reader.controller.abort('aborted');
  }

  #whenReceivable(): void {
    this.#roomCalls += 1;
    const number = this.#roomCalls;
    this.#unanswered.push(number);
    if (!this.#canReceive && !this.#hasEnded) {
      this.#slowed.push(number);
    }
    this.#inbox.whenReceivable(() => {
      // Neither twice nor before an earlier one.
      assert.equal(this.#unanswered.shift(), number);
    });
  }

  #end(): void {
    this.#hasEnded = true;
    for (const reader of this.#waiting.splice(0)) {
      reader.expected = 'not open';
    }
    this.#notifyReceivable();
  }

  #tick(ms: number): void {
    this.#clock.tick(ms);
    if (typeof this.#stallsAt === 'number' && this.#stallsAt <= this.#clock.now) {
      this.#stallsAt = 'past';
      this.#expectedStalls += 1;
    }
  }
}

describe('any use of an inbox', () => {
  let clock: Clock;
  beforeEach(() => {
    clock = stopClock();
  });

  property('comes to what an array would give', 300, CASE, async ({ maxReceiveBuffer, receiveStallTimeout, steps }) => {
    clock.reset();
    await new Model(clock, maxReceiveBuffer, receiveStallTimeout).run(steps);
  });
});
