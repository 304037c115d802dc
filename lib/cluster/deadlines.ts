/** Waits that end after a time at the latest. */
import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../util/timer-queue.ts';

/** Settles when work does, which never rejects; or after so many ms that were no stall. */
export function within(timers: TimerQueue, limit: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = new DeadlineTimer(timers, { onTimer: resolve });
    timer.limit(limit);
    void work.then(() => {
      timer.clear();
      resolve();
    });
  });
}

/** The keys that wait, each for the same time. A wait that ends in time costs no timer of its own. */
export class Deadlines<Key> implements TimerTarget {
  readonly #delay: number;
  readonly #onExpired: (key: Key) => void;
  readonly #timer: DeadlineTimer;
  /** When each wait began: the first is the oldest. */
  readonly #since = new Map<Key, number>();

  /**
   * @param delay ms of each wait
   * @param onExpired called with a key whose wait has lasted that long, and is over; never because of a stall alone
   */
  constructor(timers: TimerQueue, delay: number, onExpired: (key: Key) => void) {
    this.#delay = delay;
    this.#onExpired = onExpired;
    this.#timer = new DeadlineTimer(timers, this);
  }

  /** Begins the wait of a key, anew where it waits already. */
  start(key: Key): void {
    this.#since.delete(key);
    this.#since.set(key, performance.now());
    if (this.#since.size === 1) {
      this.#timer.limit(this.#delay);
    }
  }

  /** Ends the wait of a key, if there is one. */
  stop(key: Key): void {
    if (this.#since.delete(key) && this.#since.size === 0) {
      this.#timer.clear();
    }
  }

  /** Ends all waits. */
  clear(): void {
    this.#since.clear();
    this.#timer.clear();
  }

  /** Called by the timer: the oldest wait may be over. */
  onTimer(): void {
    const now = performance.now();
    for (const [key, since] of this.#since) {
      const left = since + this.#delay - now;
      if (left > 0) {
        this.#timer.limit(left);
        return;
      }
      this.#since.delete(key);
      this.#onExpired(key);
    }
  }
}
