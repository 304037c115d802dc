/** The outbox beside the plainest one there could be: an array, and its bytes counted each time. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { SharedMessage } from '../../lib/protocol/shared-message.ts';
import { SessionNotOpenError } from '../../lib/session/errors.ts';
import { Outbox, type OutboxLimits } from '../../lib/session/outbox.ts';
import type { Outgoing } from '../../lib/session/ports.ts';
import { property, sequence } from '../support/property.ts';

/** With each step, how many bytes the connection holds by then. */
type Step =
  | readonly [name: 'push' | 'push shared', inConnection: number, bytes: number]
  | readonly [name: 'push many', inConnection: number, count: number]
  | readonly [name: 'abort', inConnection: number, waiter: number]
  | readonly [
      name: 'take' | 'clear' | 'checkDrained' | 'drained' | 'drained aborted' | 'end' | 'turn',
      inConnection: number,
    ];

const IN_CONNECTION = fc.oneof(fc.constant(0), fc.nat(30));

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('push', 'push shared'), IN_CONNECTION, fc.nat(12)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('push many' as const), IN_CONNECTION, fc.integer({ min: 500, max: 700 })),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('take', 'checkDrained', 'drained'), IN_CONNECTION) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('clear', 'drained aborted', 'end', 'turn'), IN_CONNECTION) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('abort' as const), IN_CONNECTION, fc.nat(4)) },
);

const CASE = fc.record({
  maxSendBuffer: fc.constantFrom(0, 1, 30, 70_000),
  sendHighWaterMark: fc.constantFrom(0, 1, 15, 60_000),
  steps: sequence(STEP, 40),
});

/** What is expected of one call of `drained()`. */
interface Waiter {
  readonly controller: AbortController;
  outcome: unknown;
  expected: 'waits' | 'drained' | 'aborted' | 'not open';
}

class Model {
  readonly #limits: OutboxLimits;
  readonly #outbox: Outbox;
  #pushed = 0;
  #messages: { readonly message: Outgoing; readonly bytes: number }[] = [];
  #needsDrain = false;
  readonly #waiters: Waiter[] = [];

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
    this.#outbox = new Outbox(limits);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      this.#check();
    }
    this.#end();
    await turn();
    for (const { outcome, expected, controller } of this.#waiters) {
      assert.equal(outcome, expected);
      assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    }
  }

  get #bytes(): number {
    return this.#messages.reduce((sum, { bytes }) => sum + (bytes || 1), 0);
  }

  #check(): void {
    const { bytes, isEmpty, needsDrain } = this.#outbox;
    assert.deepEqual(
      { bytes, isEmpty, needsDrain },
      { bytes: this.#bytes, isEmpty: this.#messages.length === 0, needsDrain: this.#needsDrain },
    );
  }

  async #do([name, inConnection, argument]: Step): Promise<void> {
    switch (name) {
      case 'push':
      case 'push shared':
        this.#push(argument, inConnection, name === 'push shared');
        break;
      case 'push many':
        for (let i = 0; i < argument; i += 1) {
          this.#push(0, inConnection, false);
        }
        break;
      case 'take':
        assert.deepEqual(
          this.#outbox.take(),
          this.#messages.splice(0).map(({ message }) => message),
        );
        break;
      case 'clear':
        this.#outbox.clear();
        this.#messages = [];
        break;
      case 'checkDrained':
        this.#checkDrained(inConnection);
        break;
      case 'drained':
        this.#wait();
        break;
      case 'drained aborted':
        if (this.#needsDrain) {
          await assert.rejects(this.#outbox.drained(AbortSignal.abort('why')), (reason) => reason === 'why');
        }
        break;
      case 'abort':
        this.#abort(argument);
        break;
      case 'end':
        this.#end();
        break;
      case 'turn':
        await turn();
    }
  }

  #push(bytes: number, inConnection: number, isShared: boolean): void {
    this.#pushed += 1;
    const text = String(this.#pushed).padEnd(bytes, '.').slice(0, bytes);
    const message = isShared ? new SharedMessage(text) : text;
    const { maxSendBuffer, sendHighWaterMark } = this.#limits;
    const total = this.#bytes + inConnection + (bytes || 1);
    const isFull = this.#messages.length > 1000 && this.#messages.length * 64 > maxSendBuffer;
    const fits = total <= maxSendBuffer && !isFull;
    assert.equal(this.#outbox.push(message, bytes, inConnection), fits);
    if (fits) {
      this.#messages.push({ message, bytes });
      this.#needsDrain ||= total >= sendHighWaterMark;
    }
  }

  #checkDrained(inConnection: number): void {
    const left = this.#bytes + inConnection;
    // Less than nothing cannot be left: with a mark of 0 it is left with the last byte.
    const isLeft = this.#needsDrain && (left < this.#limits.sendHighWaterMark || left === 0);
    assert.equal(this.#outbox.checkDrained(inConnection), isLeft);
    if (isLeft) {
      this.#needsDrain = false;
      this.#settle('drained');
    }
  }

  #wait(): void {
    const controller = new AbortController();
    const waiter: Waiter = { controller, outcome: 'waits', expected: this.#needsDrain ? 'waits' : 'drained' };
    this.#waiters.push(waiter);
    this.#outbox.drained(controller.signal).then(
      () => {
        waiter.outcome = 'drained';
      },
      (error: unknown) => {
        waiter.outcome = error instanceof SessionNotOpenError ? 'not open' : error;
      },
    );
  }

  #abort(index: number): void {
    const waiter = this.#waiters[index];
    if (waiter?.expected === 'waits') {
      waiter.expected = 'aborted';
    }
    waiter?.controller.abort('aborted');
  }

  #end(): void {
    this.#outbox.end();
    this.#settle('not open');
  }

  #settle(how: Waiter['expected']): void {
    for (const waiter of this.#waiters) {
      if (waiter.expected === 'waits') {
        waiter.expected = how;
      }
    }
  }
}

describe('any use of an outbox', () => {
  property('comes to what an array would give', 500, CASE, async ({ steps, ...limits }) => {
    await new Model(limits).run(steps);
  });
});
