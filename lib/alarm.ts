/** A timer that is set and put off all the time. */

/**
 * Calls back when it was set and the time has passed. Setting it anew moves Node's timer, and unsetting it leaves that
 * to run out unheard: to make and clear one for every poll would cost more than all else a session does for it.
 */
export class Alarm {
  readonly #callback: () => void;
  #timer: NodeJS.Timeout | undefined;
  #delay = 0;
  #isSet = false;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** Has it go off in so many ms, counted from now, whenever it was to before. */
  set(delay: number): void {
    this.#isSet = true;
    if (this.#timer !== undefined && this.#delay === delay) {
      this.#timer.refresh();
    } else {
      clearTimeout(this.#timer);
      this.#delay = delay;
      this.#timer = setTimeout(() => this.#goOff(), delay);
    }
  }

  /** Counts the same time from now, where it is set. */
  putOff(): void {
    if (this.#isSet) {
      this.#timer?.refresh();
    }
  }

  /** Keeps it from going off. */
  unset(): void {
    this.#isSet = false;
  }

  /** Unsets it for good, and frees the timer. */
  clear(): void {
    this.#isSet = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #goOff(): void {
    const wasSet = this.#isSet;
    this.#isSet = false;
    if (wasSet) {
      this.#callback();
    }
    if (!this.#isSet) {
      // Refreshed after it has run, it would no longer keep the process alive.
      this.#timer = undefined;
    }
  }
}
