/** A timer that is set and put off all the time. */

/**
 * Calls back when it was set and the time has passed. Setting it anew and putting it off only notes when it is due, and
 * unsetting it leaves Node's timer to run out unheard: to make, move and clear one for every frame and every poll would
 * cost more than all else a session does for it.
 */
export class Alarm {
  readonly #callback: () => void;
  #timer: NodeJS.Timeout | undefined;
  #delay = 0;
  /** By the clock of `performance.now()`, which nobody sets; `Infinity` where the alarm is not set. */
  #due = Number.POSITIVE_INFINITY;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** Has it go off in so many ms, counted from now, whenever it was to before. */
  set(delay: number): void {
    this.#due = performance.now() + delay;
    if (this.#timer === undefined || this.#delay !== delay) {
      this.#delay = delay;
      this.#start(delay);
    }
  }

  /** Counts the same time from now, where it is set. */
  putOff(): void {
    if (this.#due !== Number.POSITIVE_INFINITY) {
      this.#due = performance.now() + this.#delay;
    }
  }

  /** Keeps it from going off. */
  unset(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Unsets it for good, and frees the timer. */
  clear(): void {
    this.unset();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onTimeout(), delay);
  }

  #onTimeout(): void {
    this.#timer = undefined;
    if (this.#due === Number.POSITIVE_INFINITY) {
      return;
    }
    const left = this.#due - performance.now();
    if (left > 0) {
      this.#start(left);
    } else {
      this.unset();
      this.#callback();
    }
  }
}
