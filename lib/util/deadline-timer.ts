/** A timer whose deadline moves all the time, and which can tell a silent client from a stalled event loop. */
import { AsyncResource } from 'node:async_hooks';
import { performance as nodePerformance } from 'node:perf_hooks';

/** Gets the call of a timer. */
export interface TimerTarget {
  /** The deadline has passed. */
  onTimer(): void;
}

/**
 * A target that is called in the async context of now, for timers whose end reaches code of the application. A timer
 * without it is called in the context of its queue. Not part of every timer, since it takes 56 bytes.
 */
export function inContext(target: TimerTarget): TimerTarget {
  const context = new AsyncResource('sockjs.timer');
  return { onTimer: () => context.runInAsyncScope(target.onTimer, target) };
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

/** A check shows a stall of the event loop where that made it more ms late than this. */
const STALL = 100;

/** The watched part of a time limit, in ms before its end; half of the limit where that is less. */
const WATCHED = 1000;

/** Checks in the watched part, about. Fewer would miss stalls, more would cost more than they show. */
const CHECKS = 5;

/** Restarts of a time limit in a row. After more, the event loop is overloaded for good, and limits must hold still. */
const MAX_RESTARTS = 8;

/**
 * Turns of the event loop that a restart waits for: Node accepts a connection in one turn, and reads it in the next.
 */
const TURNS = 2;

/** ms between two checks of an event loop that has not caught up with a stall. */
const CATCH_UP_STEP = 50;

/** Phases of a timer. A time limit counts on from `UNCHECKED`: one for its first check, one for each restart. */
const STRICT = -1;
const UNCHECKED = 0;
const CHECKED = 1;

/**
 * Calls `onTimer()` when its deadline has passed. Moving the deadline to a later time and unsetting it cost no more than
 * an assignment.
 *
 * There are two kinds of deadline. `set()` makes a strict one, which fires as soon as it can. `limit()` makes a time
 * limit on a client. After a stall of the event loop, Node runs expired timers before it reads sockets. So a strict
 * deadline would end clients whose bytes wait in the kernel; a time limit restarts instead:
 *
 * ```
 *   limit(), postpone()
 *     |
 *     v                      in time, before the end
 *   first check ---> watched part <-----------------+
 *                      |   ^   |                    |
 *                 late |   |   +-- check, every 100 to 200 ms
 *                      v   |                        |
 *                    restart                        +---> in time, at the end ---> has the loop caught up?
 *                                                                                    |              |
 *                                                                            no: 50 ms later again  yes: onTimer()
 * ```
 *
 * - The last second of a limit is watched; of a limit below 2 s, its second half. There it is checked five times. Two
 *   checks alone would not do: one stall may end with the first and the next may end with the second.
 * - A check is late when it comes more than 100 ms after its time, and not since many other timers were due before it.
 *   Then the event loop has stalled.
 * - A restart moves the end: to the whole delay from now, or to the lateness from now where that is less. It never moves
 *   the end to an earlier time. After eight restarts in a row, a late check counts as one in time.
 * - The loop has caught up after two turns since the restart, once it has been idle, or once the whole delay has passed.
 *   A limit that was never restarted does not wait for that.
 *
 * So a client that has left is ended at the latest when the loop has run freely for the delay.
 */
export class DeadlineTimer {
  readonly #scheduler: TimerScheduler;
  readonly #target: TimerTarget;
  #delay = 0;
  #phase = STRICT;
  /** Of the last restart: when, the idle time of the loop then, and the turn to wait for. */
  #restart: { readonly at: number; readonly idle: number; readonly turn: number } | undefined;

  /**
   * The deadline, in whole ms; `NOT_SET` where there is none, `Infinity` where it never comes. For the queue, as all
   * that follow.
   */
  due = NOT_SET;
  /** When the queue checks the timer next; never after `due`. */
  checkAt = NOT_SET;
  /** The index in the heap of the queue. */
  index = NOT_QUEUED;

  constructor(scheduler: TimerScheduler, target: TimerTarget) {
    this.#scheduler = scheduler;
    this.#target = target;
  }

  /**
   * Sets a strict deadline: so many ms from now, in place of the last one. It may fire right after a stall. With
   * `Infinity` it never fires.
   */
  set(delay: number): void {
    this.#start(delay, STRICT);
    this.#checkBy(this.due);
  }

  /** Sets a time limit: as `set()`, but it does not fire because of a stall of the event loop. `Infinity` as there. */
  limit(delay: number): void {
    this.#start(delay, UNCHECKED);
    this.#checkBy(this.#watchedFrom);
  }

  /** Counts the same delay anew from `now`, a time of `performance.now()`. Does nothing where no deadline is set. */
  postpone(now: number): void {
    const due = Math.ceil(now + this.#delay);
    if (this.due !== NOT_SET && due > this.due) {
      this.due = due;
      if (this.#phase !== STRICT) {
        this.#phase = UNCHECKED;
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
   *
   * @param stall ms that the event loop was late at most. A check that comes later waited for those of other timers
   */
  isDue(now: number, stall: number): boolean {
    if (this.due === NOT_SET) {
      return true;
    }
    const from = this.#phase === STRICT ? this.due : this.#watchedFrom;
    if (now < from) {
      this.checkAt = from;
      return false;
    }
    return this.#phase === STRICT || this.#isLimitOver(now, Math.min(stall, now - Math.max(from, this.checkAt)));
  }

  /** For the queue: calls the target, unless the timer is not set. */
  fire(): void {
    if (this.due !== NOT_SET) {
      this.unset();
      this.#target.onTimer();
    }
  }

  /** The length of the watched part of a time limit. */
  get #watched(): number {
    return Math.min(WATCHED, Math.floor(this.#delay / 2));
  }

  get #watchedFrom(): number {
    return this.due - this.#watched;
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

  /**
   * In the watched part of a time limit.
   *
   * @param lateness ms that the event loop has made this check late
   */
  #isLimitOver(now: number, lateness: number): boolean {
    const isFirst = this.#phase === UNCHECKED;
    const isStalled = lateness > STALL && this.#phase < CHECKED + MAX_RESTARTS;
    this.#phase = Math.max(this.#phase, CHECKED) + (isStalled ? 1 : 0);
    if (isStalled) {
      this.#restart = { at: now, idle: idleTime(), turn: this.#scheduler.afterTurns(TURNS) };
    }
    if (isStalled || (isFirst && now >= this.due)) {
      // However short the stall was, the client needs some time from its end for a sign of life.
      this.due = Math.max(this.due, Math.ceil(now + Math.min(this.#delay, lateness)));
    } else if (now >= this.due) {
      if (this.#restart === undefined || this.#hasCaughtUp(now, this.#restart)) {
        return true;
      }
      this.due = Math.ceil(now + CATCH_UP_STEP);
    }
    const nextCheck = Math.ceil(now + Math.max(STALL, this.#watched / CHECKS));
    this.checkAt = Math.max(this.#watchedFrom, Math.min(this.due, nextCheck));
    return false;
  }

  #hasCaughtUp(now: number, { at, idle, turn }: { at: number; idle: number; turn: number }): boolean {
    return this.#scheduler.turn >= turn && (idleTime() > idle || now >= at + this.#delay);
  }
}

/** ms for which the event loop has been idle. Stands still where a runtime does not count it. */
function idleTime(): number {
  return nodePerformance.nodeTiming.idleTime;
}
