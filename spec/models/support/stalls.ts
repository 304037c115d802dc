/** Time that passes, with stalls of the event loop among it, and what becomes of time limits. */
import type { Clock } from '@sinonjs/fake-timers';

/** As `DeadlineTimer.limit` says: how long before its end a limit is looked at, and how late that may be. */
const EARLY_CHECK = 1000;
const LATE = 100;

export class Stalls {
  readonly #clock: Clock;
  /** The end of the last stall. */
  #last = Number.NEGATIVE_INFINITY;
  /** The stall that is just over, while the timers that are late are called. */
  #present: { readonly from: number; readonly to: number; readonly previous: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** No timer is called for so long, then all that are due. */
  stall(ms: number): void {
    const from = this.#clock.now;
    this.#present = { from, to: from + ms, previous: this.#last };
    this.#last = from + ms;
    try {
      this.#clock.jump(ms);
    } finally {
      this.#present = undefined;
    }
  }

  /** Whether a limit that was set then has passed for certain. One that a stall has touched gets more time. */
  isOver(since: number | undefined, delay: number): boolean {
    return since !== undefined && this.#last <= since && since + delay <= this.#clock.now;
  }

  /** Whether a limit that was set then may be over: its time is up, and no stall has just made its timer late. */
  mayBeOver(since: number | undefined, delay: number): boolean {
    if (since === undefined || this.#clock.now < since + delay) {
      return false;
    }
    if (this.#present === undefined || this.#present.previous > since) {
      return true;
    }
    const due = since + delay;
    const firstLook = due - Math.min(EARLY_CHECK, Math.floor(delay / 2));
    const look = firstLook > this.#present.from ? firstLook : due;
    return this.#present.to - look <= LATE;
  }
}
