/** A model of the messages that the client has sent and the application has not read. */
import type { Clock } from '@sinonjs/fake-timers';
import type { PendingCall } from './pending-call.ts';

export class UnreadModel {
  readonly #maxReceiveBuffer: number;
  readonly #receiveStallTimeout: number;
  readonly #clock: Clock;
  readonly #messages: string[] = [];
  #waiting: PendingCall[] = [];
  #wasRead = false;
  #isSetUp = false;
  /** All calls that have read a message, or wait for one. */
  readonly readCalls: PendingCall[] = [];
  /** Messages that have arrived. */
  count = 0;
  /** Since when the buffer has been full without a read. Undefined where that has no time limit. */
  fullSince: number | undefined;

  constructor(limits: { maxReceiveBuffer: number; receiveStallTimeout: number }, clock: Clock) {
    this.#maxReceiveBuffer = limits.maxReceiveBuffer;
    this.#receiveStallTimeout = limits.receiveStallTimeout;
    this.#clock = clock;
  }

  get size(): number {
    return this.#messages.length;
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  get canReceive(): boolean {
    return this.#messages.reduce((sum, text) => sum + text.length, 0) <= this.#maxReceiveBuffer;
  }

  /** A message arrives. */
  push(message: string): void {
    this.count += 1;
    const reading = this.#waiting.shift();
    if (reading !== undefined) {
      reading.expected = message;
      return;
    }
    this.#messages.push(message);
    if (!this.canReceive && this.#receiveStallTimeout > 0) {
      this.fullSince ??= this.#clock.now;
    }
  }

  /** The application adds a listener. */
  listen(): void {
    this.#wasRead = true;
  }

  /** The listener gets a message. Returns which one it must be. */
  shift(): string | undefined {
    const message = this.#messages.shift();
    if (this.canReceive) {
      this.fullSince = undefined;
    } else if (this.fullSince !== undefined) {
      this.fullSince = this.#clock.now;
    }
    return message;
  }

  /**
   * The application reads. The call is refused while there is a listener, and fails if no message can arrive any more.
   */
  read(controller: AbortController | undefined, state: 'listened to' | 'ended' | 'open'): PendingCall {
    const reading: PendingCall = { controller, outcome: undefined, expected: undefined };
    this.readCalls.push(reading);
    if (state === 'listened to') {
      reading.expected = 'listener';
      return reading;
    }
    this.#wasRead = true;
    if (this.size > 0) {
      reading.expected = this.shift();
    } else if (state === 'ended') {
      reading.expected = 'not open';
    } else {
      this.#waiting.push(reading);
    }
    return reading;
  }

  /** A pending call is aborted. */
  abort(reading: PendingCall): void {
    this.#waiting = this.#waiting.filter((other) => other !== reading);
  }

  /** `onSession` has settled. */
  setUp(): void {
    this.#isSetUp = true;
    this.trim();
  }

  /** If `onSession` has settled and the application has never read, excess messages are dropped. */
  trim(): void {
    if (this.#isSetUp && !this.#wasRead && !this.canReceive) {
      while (!this.canReceive) {
        this.#messages.pop();
      }
      this.fullSince = undefined;
    }
  }

  /** No more messages arrive. */
  end(): void {
    this.fullSince = undefined;
    for (const reading of this.#waiting.splice(0)) {
      reading.expected = 'not open';
    }
  }
}
