/** Received messages that the application has not read yet: in order, bounded by slowing the client down. */
import { DeadlineTimer, inContext, type TimerQueue, type TimerTarget } from '../util/timer-queue.ts';
import { Waiters } from '../util/waiters.ts';
import { SessionNotOpenError } from './errors.ts';
import { exceedsMessageCount } from './limits.ts';

/** The limits of an inbox. */
export interface InboxLimits {
  /** Bytes of messages over which the client is slowed. */
  readonly maxReceiveBuffer: number;
  /** ms that a slowed client waits while the application reads no message; 0 for no limit. */
  readonly receiveStallTimeout: number;
  /** Keeps the time. */
  readonly timers: TimerQueue;
}

/** The received messages of one session. */
export class Inbox implements TimerTarget {
  readonly #limits: InboxLimits;
  #messages: string[] = [];
  /** The index of the oldest message. `Array.shift` would move all others, which takes seconds for a million. */
  #head = 0;
  #bytes = 0;
  readonly #readers = new Waiters<string>();
  #receivableCallbacks: (() => void)[] | undefined;
  /** Called when the application has read nothing for `receiveStallTimeout`. */
  readonly #onStall: () => void;
  #ended = false;
  /** Runs while the client is slowed. Every message that the application reads starts it again. */
  #stallTimer: DeadlineTimer | undefined;

  constructor(limits: InboxLimits, onStall: () => void) {
    this.#limits = limits;
    this.#onStall = onStall;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Whether a call of `next()` waits for a message. */
  get isAwaited(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether the client may send more. */
  get canReceive(): boolean {
    const { maxReceiveBuffer } = this.#limits;
    return this.#bytes <= maxReceiveBuffer && !exceedsMessageCount(this.size, maxReceiveBuffer);
  }

  /** A message came: it goes to the `next()` that has waited longest, else it is kept. */
  push(message: string): void {
    if (this.#readers.resolveFirst(message)) {
      return;
    }
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    const { receiveStallTimeout } = this.#limits;
    if (!this.canReceive && receiveStallTimeout > 0 && this.#stallTimer === undefined) {
      this.#stallTimer = new DeadlineTimer(this.#limits.timers, inContext(this));
      this.#stallTimer.limit(receiveStallTimeout);
    }
  }

  /** Removes the oldest message and returns it; undefined where there is none. */
  shift(): string | undefined {
    const message = this.#messages[this.#head];
    if (message !== undefined) {
      this.#head += 1;
      if (this.#head * 2 >= this.#messages.length) {
        this.#messages = this.#messages.slice(this.#head);
        this.#head = 0;
      }
      this.#bytes -= sizeOf(message);
      if (this.canReceive) {
        this.#notifyReceivable();
      } else {
        this.#stallTimer?.limit(this.#limits.receiveStallTimeout);
      }
    }
    return message;
  }

  /** Drops the newest messages until the limits hold. Returns whether it dropped any. */
  trim(): boolean {
    if (this.canReceive) {
      return false;
    }
    while (!this.canReceive) {
      this.#bytes -= sizeOf(this.#messages.pop() ?? '');
    }
    this.#notifyReceivable();
    return true;
  }

  /**
   * The next message, as soon as there is one.
   *
   * @returns rejects with {@link SessionNotOpenError} when all is read and nothing can come, with the signal's reason
   *   when aborted
   */
  async next(signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted();
    const message = this.shift();
    if (message !== undefined) {
      return message;
    }
    if (this.#ended) {
      throw new SessionNotOpenError();
    }
    return this.#readers.wait(signal);
  }

  /** Calls back when the client may send more: at once, after a read, or when the session ends. */
  whenReceivable(callback: () => void): void {
    if (this.canReceive || this.#ended) {
      callback();
    } else {
      this.#receivableCallbacks ??= [];
      this.#receivableCallbacks.push(callback);
    }
  }

  /** No more messages will come. Those that wait can still be read. */
  end(): void {
    this.#ended = true;
    this.#readers.rejectAll(() => new SessionNotOpenError());
    this.#notifyReceivable();
  }

  /** Called by the timer: the application has read nothing for `receiveStallTimeout`. */
  onTimer(): void {
    this.#onStall();
  }

  #notifyReceivable(): void {
    this.#stallTimer?.clear();
    this.#stallTimer = undefined;
    if (this.#receivableCallbacks !== undefined) {
      for (const callback of this.#receivableCallbacks.splice(0)) {
        callback();
      }
    }
  }
}

/** At least 1: empty messages take memory, too, and a client can send any number of them. */
function sizeOf(message: string): number {
  return Buffer.byteLength(message) || 1;
}
