/** What a client has sent and the application has not read: an array, and those who wait for a message. */
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
  /** All calls that have asked for a message. */
  readonly readCalls: PendingCall[] = [];
  /** How many messages have come. */
  count = 0;
  /** Since when there is no room and nothing was read, where that must not go on for ever. */
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

  /** A message comes. */
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

  /** The application listens from now on. */
  listen(): void {
    this.#wasRead = true;
  }

  /** The listener is given a message; returns the one that it must be. */
  shift(): string | undefined {
    const message = this.#messages.shift();
    if (this.canReceive) {
      this.fullSince = undefined;
    } else if (this.fullSince !== undefined) {
      this.fullSince = this.#clock.now;
    }
    return message;
  }

  /** The application asks for a message: refused where there is a listener, in vain where nothing can come. */
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

  /** One that waits is given up. */
  abort(reading: PendingCall): void {
    this.#waiting = this.#waiting.filter((other) => other !== reading);
  }

  /** `onSession` is through. */
  setUp(): void {
    this.#isSetUp = true;
    this.trim();
  }

  /** Where the application is through and has never read, what is too much is discarded. */
  trim(): void {
    if (this.#isSetUp && !this.#wasRead && !this.canReceive) {
      while (!this.canReceive) {
        this.#messages.pop();
      }
      this.fullSince = undefined;
    }
  }

  /** Nothing more comes. */
  end(): void {
    this.fullSince = undefined;
    for (const reading of this.#waiting.splice(0)) {
      reading.expected = 'not open';
    }
  }
}
