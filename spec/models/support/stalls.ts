/** Time that passes, including stalls of the event loop, and what that means for time limits. */
import type { Clock } from '@sinonjs/fake-timers';

/**
 * ms, as in `DeadlineTimer.limit`: how long before its end a limit is checked first, and how late that check may be.
 */
const EARLY_CHECK = 1000;
const LATE = 100;

export class Stalls {
  readonly #clock: Clock;
  /** The end of the last stall. */
  #last = Number.NEGATIVE_INFINITY;
  /** The current stall, while the late timers run. */
  #present: { readonly from: number; readonly to: number; readonly previous: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Stalls the event loop: no timer runs for `ms`, then all that are due. */
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

  /** Whether a limit that was set at `since` must have passed. A stall since then would have extended it. */
  isOver(since: number | undefined, delay: number): boolean {
    return since !== undefined && this.#last <= since && since + delay <= this.#clock.now;
  }

  /**
   * Whether a limit that was set at `since` may have passed: its time is up, and no stall has just delayed its timer.
   */
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
