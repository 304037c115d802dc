/** A model of the messages that the application has sent: all that were accepted, and how many a receiver has taken. */
import type { PendingCall } from './pending-call.ts';

export class UnsentModel {
  readonly #maxSendBuffer: number;
  readonly #highWaterMark: number;
  readonly #accepted: string[] = [];
  #taken = 0;
  #isDropped = false;
  /** Whether the queue overflowed, so that all queued messages are dropped. */
  hasOverflowed = false;
  /** Whether the application should wait for `drain`. */
  needsDrain = false;
  /** Due `drain` events so far. */
  drains = 0;
  /** All calls of `drained()`. */
  readonly drainCalls: PendingCall[] = [];

  constructor(limits: { maxSendBuffer: number; sendHighWaterMark: number }) {
    this.#maxSendBuffer = limits.maxSendBuffer;
    this.#highWaterMark = limits.sendHighWaterMark;
  }

  /** Messages that were accepted. */
  get count(): number {
    return this.#accepted.length;
  }

  get bytes(): number {
    const queued = this.#isDropped ? [] : this.#accepted.slice(this.#taken);
    return queued.reduce((sum, text) => sum + (text.length || 1), 0);
  }

  /** The application sends a message to an active session. Returns whether the session must accept it. */
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

  /** A receiver gets a message. Returns which one it must be. */
  shift(): string | undefined {
    const text = this.#isDropped ? undefined : this.#accepted[this.#taken];
    this.#taken += 1;
    return text;
  }

  /** Queued messages will not be sent. */
  drop(): void {
    this.#isDropped = true;
  }

  /** An active session is about to learn that bytes are flushed. */
  drained(inConnection: number): void {
    if (this.needsDrain && this.bytes + inConnection < (this.#highWaterMark || 1)) {
      this.needsDrain = false;
      this.drains += 1;
      this.#settle('drained');
    }
  }

  /** The application awaits `drain`. */
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

  /** The session is no longer active. Queued messages are still sent before the close frame. */
  end(): void {
    this.#settle('not open');
  }

  #settle(how: string): void {
    for (const wait of this.drainCalls) {
      wait.expected ??= how;
    }
  }
}
