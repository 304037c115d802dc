/** A timer whose deadline moves all the time, and which can tell a silent client from a stalled event loop. */
import { AsyncResource } from 'node:async_hooks';
import { performance as nodePerformance } from 'node:perf_hooks';

/** Gets the call of a timer. */
export interface TimerTarget {
  /** The deadline has passed. */
  onTimer(): void;
}

/** What a deadline timer needs of its queue. */
export interface TimerScheduler {
  /** Has a timer checked at `timer.checkAt`. The timer may be queued already. */
  schedule(timer: DeadlineTimer): void;
  /** Takes a timer out of the queue, where it is in it. */
  remove(timer: DeadlineTimer): void;
  /** Turns of the event loop so far. They are counted only where `afterTurns` asks for it. */
  readonly turn: number;
  /** The number that `turn` has after so many more turns in which Node reads sockets. */
  afterTurns(turns: number): number;
}

/** `due` of a timer that is not set. All times are of `performance.now()`, which no change of the date moves. */
const NOT_SET = -1;

/** `index` of a timer that is not queued. */
export const NOT_QUEUED = -1;

/** A check that comes more ms late than this shows a stall of the event loop. */
const STALL = 100;

/** ms from the first check of a time limit to its end; half of the limit where that is less. */
const EARLY_CHECK = 1000;

/** Restarts of a time limit in a row. After more, the event loop is overloaded for good, and limits must hold still. */
const MAX_RESTARTS = 8;

/**
 * Turns of the event loop that a restart waits for: Node accepts a connection in one turn, and reads it in the next.
 */
const TURNS = 2;

/** ms between two checks of an event loop that has not caught up with a stall. */
const CATCH_UP_STEP = 50;

/** Phases of a timer. A time limit counts up from `FIRST_CHECK`: one for its first check, one for each restart. */
const STRICT = -1;
const FIRST_CHECK = 0;
const FINAL_CHECK = 1;

/**
 * Calls `onTimer()` when its deadline has passed, in the async context that the timer was made in. Moving the deadline
 * to a later time and unsetting it cost no more than an assignment.
 *
 * There are two kinds of deadline. `set()` makes a strict one, which fires as soon as it can. `limit()` makes a time
 * limit on a client. After a stall of the event loop, Node runs expired timers before it reads sockets. So a strict
 * deadline would end clients whose bytes wait in the kernel; a time limit restarts instead:
 *
 * ```
 *   limit(), postpone()
 *     |
 *     v
 *   first check ---- in time ---> final check ---- in time ---> has the loop caught up? ---- yes ---> onTimer()
 *     |                             |      ^                      |         ^
 *     | late                   late |      |                      no        |
 *     |                             v      |                      |         |
 *     +-------------------------> restart -+                      +- 50 ms -+
 * ```
 *
 * - The first check is 1 s before the end; for a limit below 2 s, when half of it has passed. The final check is at
 *   the end.
 * - A check is late when it comes more than 100 ms after its time. Then the event loop has stalled.
 * - A restart moves the end: to the whole delay from now, or to the lateness from now where that is less. It never moves
 *   the end to an earlier time. After eight restarts in a row, a late check counts as one in time.
 * - The loop has caught up after two turns since the restart, once it has been idle, or once the whole delay has passed.
 *   A limit that was never restarted does not wait for that.
 *
 * So a client that has left is ended at the latest when the loop has run freely for the delay.
 */
export class DeadlineTimer extends AsyncResource {
  readonly #scheduler: TimerScheduler;
  readonly #target: TimerTarget;
  #delay = 0;
  #phase = STRICT;
  /** Of a time limit that has been restarted: when, the idle time of the loop then, and the turn to wait for. */
  #restart: { readonly at: number; readonly idle: number; readonly turn: number } | undefined;

  /** The deadline, in whole ms; `NOT_SET` where there is none. For the queue, as all that follow. */
  due = NOT_SET;
  /** When the queue checks the timer next; never after `due`. */
  checkAt = NOT_SET;
  /** The index in the heap of the queue. */
  index = NOT_QUEUED;

  constructor(scheduler: TimerScheduler, target: TimerTarget) {
    super('sockjs.timer');
    this.#scheduler = scheduler;
    this.#target = target;
  }

  /** Sets a strict deadline: so many ms from now, in place of the last one. It may fire right after a stall. */
  set(delay: number): void {
    this.#start(delay, STRICT);
    this.#checkBy(this.due);
  }

  /** Sets a time limit: as `set()`, but it does not fire because of a stall of the event loop. */
  limit(delay: number): void {
    this.#start(delay, FIRST_CHECK);
    this.#checkBy(this.#firstCheckAt);
  }

  /** Counts the same delay anew from `now`, a time of `performance.now()`. Does nothing where no deadline is set. */
  postpone(now: number): void {
    const due = Math.ceil(now + this.#delay);
    if (this.due !== NOT_SET && due > this.due) {
      this.due = due;
      if (this.#phase !== STRICT) {
        this.#phase = FIRST_CHECK;
        this.#restart = undefined;
      }
    }
  }

  /** Removes the deadline. The timer stays queued, so that setting it again is cheap. */
  unset(): void {
    this.due = NOT_SET;
  }

  /** Removes the deadline, and takes the timer out of the queue. */
  clear(): void {
    this.unset();
    this.#scheduler.remove(this);
  }

  /**
   * For the queue, at a check: whether the timer has to leave the queue and fire. If not, `checkAt` is the next check.
   */
  isDue(now: number): boolean {
    const at = this.#phase === FIRST_CHECK ? this.#firstCheckAt : this.due;
    if (now < at) {
      this.checkAt = at;
      return false;
    }
    if (this.due === NOT_SET || this.#phase === STRICT) {
      return true;
    }
    return this.#isLimitOver(now, now - at);
  }

  /** For the queue: calls the target, unless the timer is not set. */
  fire(): void {
    if (this.due !== NOT_SET) {
      this.unset();
      this.runInAsyncScope(this.#target.onTimer, this.#target);
    }
  }

  get #firstCheckAt(): number {
    return this.due - Math.min(EARLY_CHECK, Math.floor(this.#delay / 2));
  }

  #start(delay: number, phase: number): void {
    this.#delay = delay;
    this.due = Math.ceil(performance.now() + delay);
    this.#phase = phase;
    this.#restart = undefined;
  }

  /** Has the queue check the timer at `time` or before. */
  #checkBy(time: number): void {
    if (this.index === NOT_QUEUED || time < this.checkAt) {
      this.checkAt = time;
      this.#scheduler.schedule(this);
    }
  }

  /** @param lateness ms since the time that the check was due */
  #isLimitOver(now: number, lateness: number): boolean {
    const isFirst = this.#phase === FIRST_CHECK;
    const isStalled = lateness > STALL && this.#phase < FINAL_CHECK + MAX_RESTARTS;
    if (isStalled) {
      this.#restart = { at: now, idle: idleTime(), turn: this.#scheduler.afterTurns(TURNS) };
    }
    if (isFirst || isStalled) {
      this.#phase = Math.max(this.#phase, FINAL_CHECK) + (isStalled ? 1 : 0);
      // However short, the client needs some time from the end of the stall for its sign of life.
      this.due = Math.max(this.due, Math.ceil(now + Math.min(this.#delay, lateness)));
      this.checkAt = this.due;
      return false;
    }
    if (this.#restart !== undefined && !this.#hasCaughtUp(now, this.#restart)) {
      this.checkAt = Math.ceil(now + CATCH_UP_STEP);
      this.due = this.checkAt;
      return false;
    }
    return true;
  }

  #hasCaughtUp(now: number, { at, idle, turn }: { at: number; idle: number; turn: number }): boolean {
    return this.#scheduler.turn >= turn && (idleTime() > idle || now >= at + this.#delay);
  }
}

/** ms for which the event loop has been idle. Stands still where a runtime does not count it. */
function idleTime(): number {
  return nodePerformance.nodeTiming.idleTime;
}
