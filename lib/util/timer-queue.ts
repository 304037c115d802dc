/**
 * One Node timer for many deadline timers.
 *
 * Bypass: a heap of this package takes the place of Node's timers.
 */
import { AsyncResource } from 'node:async_hooks';
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';
import { type DeadlineTimer, NOT_QUEUED, type TimerScheduler } from './deadline-timer.ts';

export { DeadlineTimer, inContext, type TimerTarget } from './deadline-timer.ts';

/** The longest delay of a Node timer, in ms: a longer one would fire at once. */
export const MAX_DELAY = 0x7fff_ffff;

/** How messages name the upper end of the delays that `isDelay` takes. */
export const DELAYS = `${MAX_DELAY}, or Infinity`;

/** Whether an application may give it for a delay in ms: a number from 0 to `MAX_DELAY`, or `Infinity` for never. */
export function isDelay(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && (value <= MAX_DELAY || value === Number.POSITIVE_INFINITY);
}

/** ms after which a turn of the event loop leaves the other due timers to the next one, at least. */
const SLICE = 1;

/** The part of a turn that timers get where that is more than {@link SLICE}. Under load they would else fall behind. */
const SHARE = 1 / 4;

/** How many timers are checked between two readings of the clock. */
const BATCH = 16;

/**
 * A binary heap of deadline timers, ordered by the time of their next check. One Node timer waits for the first of
 * them.
 *
 * Frames and polls move deadlines all the time. Making, moving and clearing a Node timer each time would cost more than
 * all else that a session does for a frame, and a Node timer for each idle session would cost memory. A deadline that
 * moves to a later time leaves the heap as it is: the check finds that it is early, and puts the timer further back.
 *
 * Thousands of timers may be due at once: the heartbeats of sessions that opened together, or that a broadcast has
 * postponed together. So a turn of the event loop checks timers for a slice of time, and a Node timer of 1 ms goes on
 * with the others. Between the two, Node reads from sockets:
 *
 *     turn 1   timers, 1 ms   read, flush
 *     turn 2   timers, 1 ms   read, flush
 *     …
 *
 * Each heartbeat counts from the last one, so the next heartbeats of these sessions are spread over as many ms. A slice
 * is longer where all else takes long: a quarter of the time since the last one began.
 */
export class TimerQueue extends AsyncResource implements TimerScheduler {
  readonly #heap: DeadlineTimer[] = [];
  #timeout: NodeJS.Timeout | undefined;
  /** When the Node timer fires; `Infinity` where there is none. */
  #timeoutAt = Number.POSITIVE_INFINITY;
  /** The function that has set the Node timer. Fake timers of a test replace it, and what it has set may never fire. */
  #setter: typeof setTimeout | undefined;
  /** When the last slice began. Timers that were due before have waited for others since then, not for the event loop. */
  #sliceAt = Number.NEGATIVE_INFINITY;
  /** ms that the event loop was late at most, since no due timers were left. */
  #stall = 0;
  #turn = 0;
  /** Turns are counted up to this number. */
  #lastTurn = 0;

  constructor() {
    super('sockjs.timer-queue');
  }

  schedule(timer: DeadlineTimer): void {
    if (timer.index === NOT_QUEUED) {
      this.#put(timer, this.#heap.length);
    }
    this.#siftUp(timer);
    if (this.#setter !== setTimeout) {
      // The Node timer of another clock is not waited for. It does no harm where it fires nevertheless.
      this.#timeout = undefined;
      this.#timeoutAt = Number.POSITIVE_INFINITY;
      this.#sliceAt = Number.NEGATIVE_INFINITY;
      this.#stall = 0;
    }
    this.#setTimeout();
  }

  remove(timer: DeadlineTimer): void {
    const { index } = timer;
    if (index === NOT_QUEUED) {
      return;
    }
    timer.index = NOT_QUEUED;
    const last = this.#heap.pop();
    if (last !== undefined && last !== timer) {
      this.#put(last, index);
      this.#siftUp(last);
      this.#siftDown(last);
    }
    this.#setTimeout();
  }

  get turn(): number {
    return this.#turn;
  }

  afterTurns(turns: number): number {
    if (this.#turn === this.#lastTurn) {
      this.runInAsyncScope(setImmediate, undefined, () => this.#countTurn());
    }
    this.#lastTurn = this.#turn + turns;
    return this.#lastTurn;
  }

  #countTurn(): void {
    this.#turn += 1;
    if (this.#turn < this.#lastTurn) {
      setImmediate(() => this.#countTurn());
    }
  }

  /** Has the Node timer fire for the first check at the latest. One that fires too early does no harm. */
  #setTimeout(): void {
    const first = this.#heap[0];
    if (first === undefined || first.checkAt === Number.POSITIVE_INFINITY) {
      clearTimeout(this.#timeout);
      this.#timeout = undefined;
      this.#timeoutAt = Number.POSITIVE_INFINITY;
    } else if (first.checkAt < this.#timeoutAt) {
      clearTimeout(this.#timeout);
      this.#setter = setTimeout;
      this.#timeoutAt = first.checkAt;
      const delay = first.checkAt - Math.floor(performance.now());
      // In the async context of the queue: that of the caller would pass from one Node timer to the next.
      this.#timeout = this.runInAsyncScope(() =>
        setTimeout(() => this.#onTimeout(), Math.min(Math.max(1, delay), MAX_DELAY)),
      );
    }
  }

  #onTimeout(): void {
    // Changes of the heap during this slice need no Node timer.
    this.#timeoutAt = Number.NEGATIVE_INFINITY;
    try {
      this.#checkSlice();
    } finally {
      this.#timeoutAt = Number.POSITIVE_INFINITY;
      this.#setTimeout();
    }
  }

  /** Checks the timers that are due, until none or no time is left. One that throws has been checked. */
  #checkSlice(): void {
    const now = performance.now();
    let first = this.#heap[0];
    if (first === undefined) {
      return;
    }
    const lateness = now - Math.max(first.checkAt, this.#sliceAt);
    this.#sliceAt = now;
    this.#stall = Math.max(this.#stall, lateness);
    const end = now + Math.max(SLICE, lateness * SHARE);
    for (let checked = 0; first !== undefined && first.checkAt <= now; checked += 1) {
      if (checked > 0 && checked % BATCH === 0 && performance.now() >= end) {
        return;
      }
      this.#check(first, now);
      first = this.#heap[0];
    }
    this.#stall = 0;
  }

  #check(timer: DeadlineTimer, now: number): void {
    if (timer.isDue(now, this.#stall)) {
      this.remove(timer);
      timer.fire();
    } else {
      this.#siftDown(timer);
    }
  }

  /** Moves a timer towards the root, past those that are checked later. */
  #siftUp(timer: DeadlineTimer): void {
    let { index } = timer;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || parent.checkAt <= timer.checkAt) {
        break;
      }
      this.#put(parent, index);
      index = parentIndex;
    }
    this.#put(timer, index);
  }

  /** Moves a timer away from the root, past those that are checked earlier. */
  #siftDown(timer: DeadlineTimer): void {
    let { index } = timer;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = this.#heap[leftIndex];
      if (left === undefined) {
        break;
      }
      const right = this.#heap[leftIndex + 1];
      const child = right !== undefined && right.checkAt < left.checkAt ? right : left;
      if (child.checkAt >= timer.checkAt) {
        break;
      }
      const childIndex = child.index;
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(timer, index);
  }

  #put(timer: DeadlineTimer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}
