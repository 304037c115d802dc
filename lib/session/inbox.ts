/** What a client has sent and the application has not read yet: in order, and bounded by slowing the client down. */

import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../util/timer-queue.ts';
import { Waiters } from '../util/waiters.ts';
import { SessionNotOpenError } from './errors.ts';
import { exceedsMessageCount } from './limits.ts';

/** What bounds an inbox. */
export interface InboxLimits {
  /** Bytes of messages over which the client is slowed. */
  readonly maxReceiveBuffer: number;
  /** ms that a slowed client is kept waiting without a single message being read; 0 for ever. */
  readonly receiveStallTimeout: number;
  /** Keeps the time. */
  readonly timers: TimerQueue;
}

/** The messages of one session on their way to the application. */
export class Inbox implements TimerTarget {
  readonly #limits: InboxLimits;
  #messages: string[] = [];
  /** Where the oldest is; `Array.shift` would move all the others, which takes seconds where they are many. */
  #head = 0;
  #bytes = 0;
  readonly #readers = new Waiters<string>();
  #receivableCallbacks: (() => void)[] | undefined;
  /** Called when `receiveStallTimeout` has passed. */
  readonly #onStall: () => void;
  #ended = false;
  /** Runs while the client is slowed; every message that is read starts it again. */
  #stallTimer: DeadlineTimer | undefined;

  constructor(limits: InboxLimits, onStall: () => void) {
    this.#limits = limits;
    this.#onStall = onStall;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Whether somebody waits for a message at this moment. */
  get isAwaited(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether the client may send more. */
  get canReceive(): boolean {
    const { maxReceiveBuffer } = this.#limits;
    return this.#bytes <= maxReceiveBuffer && !exceedsMessageCount(this.size, maxReceiveBuffer);
  }

  /** A message came: for whoever waits longest, else kept. */
  push(message: string): void {
    if (this.#readers.resolveFirst(message)) {
      return;
    }
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    const { receiveStallTimeout } = this.#limits;
    if (!this.canReceive && receiveStallTimeout > 0 && this.#stallTimer === undefined) {
      this.#stallTimer = new DeadlineTimer(this.#limits.timers, this);
      this.#stallTimer.limit(receiveStallTimeout);
    }
  }

  /** Takes the oldest message out. */
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

  /** Drops the newest messages until there is room; returns whether there was none. */
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

  /** Calls back once there is room, at once where there is; also when the session ends, so that nothing is held up. */
  whenReceivable(callback: () => void): void {
    if (this.canReceive || this.#ended) {
      callback();
    } else {
      this.#receivableCallbacks ??= [];
      this.#receivableCallbacks.push(callback);
    }
  }

  /** Nothing more will come. What is here can still be read. */
  end(): void {
    this.#ended = true;
    this.#readers.rejectAll(() => new SessionNotOpenError());
    this.#notifyReceivable();
  }

  /** Called by the alarm: nothing was read for `receiveStallTimeout`. */
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

/** Never 0: empty messages take room, too, and a client can send any number of them. */
function sizeOf(message: string): number {
  return Buffer.byteLength(message) || 1;
}
