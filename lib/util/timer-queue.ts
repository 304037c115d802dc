/** Times that are set and put off all the time: alarms, and the one timer that they share. */
import { AsyncResource } from 'node:async_hooks';
import { performance as nodePerformance } from 'node:perf_hooks';

/** Whom a timer calls. */
export interface TimerTarget {
  onTimer(): void;
}

/** By the clock of `performance.now()`, which no clock setting of the system moves. */
const NOT_SET = -1;

/** What a timer of Node's can be set to at most. */
const MAX_TIMEOUT = 0x7fff_ffff;

/** Where a timer stands that is in no heap. */
const NOT_QUEUED = -1;

/** A time limit that is looked at later than this, in ms, was held up by a stall of the event loop. */
const STALL = 100;

/** How long before its end a time limit is looked at first, in ms, and at most half of it. */
const EARLY_CHECK = 1000;

/** How often a time limit starts again in a row. Then the loop is overloaded for good, and clients must still end. */
const MAX_RESTARTS = 8;

/** Turns of the event loop after a stall: in one Node accepts a connection, in the next it reads from it. */
const TURNS = 2;

/** ms between two looks at a loop that has not caught up after a stall. */
const CATCH_UP_STEP = 50;

/**
 * One timer for many alarms. They stand in a binary heap by the time when they are looked at next, which is when they are
 * due or, where they were put off since, before that. To make, move and clear a timer of Node's for every frame and every
 * poll would cost more than all else that a session does for it, and a timer for each idle session some memory.
 */
export class TimerQueue extends AsyncResource {
  readonly #heap: DeadlineTimer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #turn = 0;
  /** Turns are counted up to this one. */
  #lastTurn = 0;

  constructor() {
    super('sockjs.clock');
  }

  /** Has a timer looked at when it says; it may be in the heap already. */
  schedule(timer: DeadlineTimer): void {
    if (timer.index === NOT_QUEUED) {
      this.#put(timer, this.#heap.length);
    }
    this.#siftUp(timer);
    this.#setTimer();
  }

  /** Takes a timer out, if it is in. */
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
    this.#setTimer();
  }

  /** How many turns of the event loop this clock has counted. It counts only where `afterTurns` asks for it. */
  get turn(): number {
    return this.#turn;
  }

  /** The number that `turn` has after so many more turns in which Node reads sockets. */
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

  /** Sees to it that there is a timer in time, and none where there is no timer. One that is early does no harm. */
  #setTimer(): void {
    const first = this.#heap[0];
    if (first === undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
    } else if (first.checkAt < this.#timerAt) {
      clearTimeout(this.#timer);
      this.#timerAt = first.checkAt;
      const delay = first.checkAt - Math.floor(performance.now());
      // Not in the async context of the caller, which would be kept from one timer to the next.
      this.#timer = this.runInAsyncScope(() =>
        setTimeout(() => this.#onTimeout(), Math.min(Math.max(1, delay), MAX_TIMEOUT)),
      );
    }
  }

  #onTimeout(): void {
    // No timer for what changes meanwhile.
    this.#timerAt = Number.NEGATIVE_INFINITY;
    try {
      const now = performance.now();
      for (let first = this.#heap[0]; first !== undefined && first.checkAt <= now; first = this.#heap[0]) {
        if (first.isDue(now)) {
          this.remove(first);
          first.fire();
        } else {
          this.#siftDown(first);
        }
      }
    } finally {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#setTimer();
    }
  }

  /** Moves a timer towards the first as far as it belongs. */
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

  /** Moves a timer towards the last as far as it belongs. */
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

/** What a timer is set to. A time limit counts on from `FIRST_CHECK`: one for its first look, one for each restart. */
const UNLIMITED = -1;
const FIRST_CHECK = 0;
const FINAL_CHECK = 1;

/**
 * Calls `onTimer()` when it was set and the time has passed, in the async context that it was made in. Setting it to a
 * later time, putting it off and unsetting it only notes that.
 *
 * After a stall of the event loop Node runs timers before it reads sockets, so a time limit could end a client whose sign
 * of life has arrived. `limit()` sets a timer that bears with stalls: `set()` one that goes off as soon as it can.
 *
 * A time limit is looked at twice: shortly before its end, and at its end. A look that comes late by more than 100 ms
 * shows a stall. Then the limit starts again: with its own delay, or with the time that it was late, whichever is less.
 * After that it still waits until the loop has caught up, which is when the loop has found no event to handle; a loop
 * that always finds one gets two turns and the whole delay. A client that has left is so ended at the latest when the
 * loop has run freely for the delay. Where look after look is late, eight restarts are all there are.
 */
export class DeadlineTimer extends AsyncResource {
  readonly #timers: TimerQueue;
  readonly #target: TimerTarget;
  #delay = 0;
  #phase = UNLIMITED;
  /** For a time limit that has started again: when it did, ms of idle time then, and the turn of the clock to wait for. */
  #restart: { readonly at: number; readonly idle: number; readonly turn: number } | undefined;

  /** When it goes off, in whole ms; `NOT_SET` where it is not set. Read by the clock only, as all below. */
  due = NOT_SET;
  /** When the clock looks at it; never after it is due. */
  checkAt = NOT_SET;
  /** Where it stands in the heap. */
  index = NOT_QUEUED;

  constructor(timers: TimerQueue, target: TimerTarget) {
    super('sockjs.timer');
    this.#timers = timers;
    this.#target = target;
  }

  /** Has it go off in so many ms, counted from now, whenever it was to before; at once after a stall. */
  set(delay: number): void {
    this.#start(delay, UNLIMITED);
    this.#scheduleBy(this.due);
  }

  /** Has it go off in so many ms, as `set` does, but not because of a stall of the event loop. */
  limit(delay: number): void {
    this.#start(delay, FIRST_CHECK);
    this.#scheduleBy(this.#firstCheckAt);
  }

  /** Counts the same time from `now`, by the clock of `performance.now()`, where it is set. */
  postpone(now: number): void {
    const due = Math.ceil(now + this.#delay);
    if (this.due !== NOT_SET && due > this.due) {
      this.due = due;
      if (this.#phase !== UNLIMITED) {
        this.#phase = FIRST_CHECK;
        this.#restart = undefined;
      }
    }
  }

  /** Keeps it from going off. */
  unset(): void {
    this.due = NOT_SET;
  }

  /** Unsets it for good, and lets the clock forget it. */
  clear(): void {
    this.unset();
    this.#timers.remove(this);
  }

  /** For the clock, when it looks: whether the time is over. Where it is not, `checkAt` says when to look again. */
  isDue(now: number): boolean {
    const at = this.#phase === FIRST_CHECK ? this.#firstCheckAt : this.due;
    if (now < at) {
      this.checkAt = at;
      return false;
    }
    if (this.due === NOT_SET || this.#phase === UNLIMITED) {
      return true;
    }
    return this.#isLimitOver(now, now - at);
  }

  /** For the clock: the time is over. */
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

  #scheduleBy(time: number): void {
    if (this.index === NOT_QUEUED || time < this.checkAt) {
      this.checkAt = time;
      this.#timers.schedule(this);
    }
  }

  /** `lateness` is how many ms after the time that it was looked at for. */
  #isLimitOver(now: number, lateness: number): boolean {
    const isFirst = this.#phase === FIRST_CHECK;
    const isStalled = lateness > STALL && this.#phase < FINAL_CHECK + MAX_RESTARTS;
    if (isStalled) {
      this.#restart = { at: now, idle: idleTime(), turn: this.#timers.afterTurns(TURNS) };
    }
    if (isFirst || isStalled) {
      this.#phase = Math.max(this.#phase, FINAL_CHECK) + (isStalled ? 1 : 0);
      // The time from the end of the stall, however short: the client needs some for its sign of life.
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
    return this.#timers.turn >= turn && (idleTime() > idle || now >= at + this.#delay);
  }
}

/** ms that the event loop has waited for events, with none to handle; it stands still where a runtime does not count it. */
function idleTime(): number {
  return nodePerformance.nodeTiming.idleTime;
}
