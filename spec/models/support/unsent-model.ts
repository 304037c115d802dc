/** What the application has sent and no receiver has taken: a list of all, and how far it was handed over. */
import type { PendingCall } from './pending-call.ts';

export class UnsentModel {
  readonly #maxSendBuffer: number;
  readonly #highWaterMark: number;
  readonly #accepted: string[] = [];
  #taken = 0;
  #isDropped = false;
  /** Whether the client was too slow, so that all that was queued is dropped. */
  hasOverflowed = false;
  /** Whether the application should wait for `drain`. */
  needsDrain = false;
  /** How many `drain` events there must have been. */
  drains = 0;
  /** All calls of `drained()`. */
  readonly drainCalls: PendingCall[] = [];

  constructor(limits: { maxSendBuffer: number; sendHighWaterMark: number }) {
    this.#maxSendBuffer = limits.maxSendBuffer;
    this.#highWaterMark = limits.sendHighWaterMark;
  }

  /** How many messages were accepted. */
  get count(): number {
    return this.#accepted.length;
  }

  get bytes(): number {
    const queued = this.#isDropped ? [] : this.#accepted.slice(this.#taken);
    return queued.reduce((sum, text) => sum + (text.length || 1), 0);
  }

  /** A session that is open is given a message; returns whether it must accept that. */
  push(text: string, inConnection: number): boolean {
    const total = this.bytes + inConnection + (text.length || 1);
    if (total > this.#maxSendBuffer) {
      this.hasOverflowed = true;
      this.drop();
      return false;
    }
    this.#accepted.push(text);
    this.needsDrain ||= total >= this.#highWaterMark;
    return true;
  }

  /** A receiver is given a message; returns the one that it must be. */
  shift(): string | undefined {
    const text = this.#isDropped ? undefined : this.#accepted[this.#taken];
    this.#taken += 1;
    return text;
  }

  /** What is queued will not be sent. */
  drop(): void {
    this.#isDropped = true;
  }

  /** A session that is open is about to hear that bytes have left. */
  drained(inConnection: number): void {
    if (this.needsDrain && this.bytes + inConnection < (this.#highWaterMark || 1)) {
      this.needsDrain = false;
      this.drains += 1;
      this.#settle('drained');
    }
  }

  /** The application waits for `drain`. */
  wait(controller: AbortController, isOpen: boolean): PendingCall {
    const atOnce = isOpen ? 'drained' : 'not open';
    const wait: PendingCall = {
      controller,
      outcome: undefined,
      expected: isOpen && this.needsDrain ? undefined : atOnce,
    };
    this.drainCalls.push(wait);
    return wait;
  }

  /** The session is not open any more. What is queued still goes out before the close frame. */
  end(): void {
    this.#settle('not open');
  }

  #settle(how: string): void {
    for (const wait of this.drainCalls) {
      wait.expected ??= how;
    }
  }
}
