/** Times that are set and put off all the time: alarms, and the one timer that they share. */
import { AsyncResource } from 'node:async_hooks';

/** Whom an alarm calls. */
export interface Sleeper {
  onAlarm(): void;
}

/** By the clock of `performance.now()`, which nobody sets. */
const NEVER = -1;

/** What a timer of Node's can be set to at most. */
const MAX_TIMEOUT = 0x7fff_ffff;

/** Where an alarm stands that is in no heap. */
const NOWHERE = -1;

/**
 * One timer for many alarms. They stand in a binary heap by the time when they are looked at next, which is when they are
 * due or, where they were put off since, before that. To make, move and clear a timer of Node's for every frame and every
 * poll would cost more than all else that a session does for it, and a timer for each idle session some memory.
 */
export class AlarmClock extends AsyncResource {
  readonly #heap: Alarm[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor() {
    super('sockjs.clock');
  }

  /** Has an alarm looked at when it says; it may be in the heap already. */
  wake(alarm: Alarm): void {
    if (alarm.place === NOWHERE) {
      this.#put(alarm, this.#heap.length);
    }
    this.#rise(alarm);
    this.#setTimer();
  }

  /** Takes an alarm out, if it is in. */
  remove(alarm: Alarm): void {
    const { place } = alarm;
    if (place === NOWHERE) {
      return;
    }
    alarm.place = NOWHERE;
    const last = this.#heap.pop();
    if (last !== undefined && last !== alarm) {
      this.#put(last, place);
      this.#rise(last);
      this.#sink(last);
    }
    this.#setTimer();
  }

  /** Sees to it that there is a timer in time, and none where there is no alarm. One that is early does no harm. */
  #setTimer(): void {
    const first = this.#heap[0];
    if (first === undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
    } else if (first.wakeAt < this.#timerAt) {
      clearTimeout(this.#timer);
      this.#timerAt = first.wakeAt;
      const delay = first.wakeAt - Math.floor(performance.now());
      // Not in the context of whoever set the alarm, which would be kept from one timer to the next.
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
      for (let first = this.#heap[0]; first !== undefined && first.wakeAt <= now; first = this.#heap[0]) {
        if (first.due > now) {
          first.wakeAt = first.due;
          this.#sink(first);
        } else {
          this.remove(first);
          first.ring();
        }
      }
    } finally {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#setTimer();
    }
  }

  /** Moves an alarm towards the first as far as it belongs. */
  #rise(alarm: Alarm): void {
    let { place } = alarm;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = this.#heap[parentPlace];
      if (parent === undefined || parent.wakeAt <= alarm.wakeAt) {
        break;
      }
      this.#put(parent, place);
      place = parentPlace;
    }
    this.#put(alarm, place);
  }

  /** Moves an alarm towards the last as far as it belongs. */
  #sink(alarm: Alarm): void {
    let { place } = alarm;
    for (;;) {
      const leftPlace = 2 * place + 1;
      const left = this.#heap[leftPlace];
      if (left === undefined) {
        break;
      }
      const right = this.#heap[leftPlace + 1];
      const child = right !== undefined && right.wakeAt < left.wakeAt ? right : left;
      if (child.wakeAt >= alarm.wakeAt) {
        break;
      }
      const childPlace = child.place;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(alarm, place);
  }

  #put(alarm: Alarm, place: number): void {
    this.#heap[place] = alarm;
    alarm.place = place;
  }
}

/**
 * Calls `onAlarm()` when it was set and the time has passed, in the async context that it was made in. Setting it to a
 * later time, putting it off and unsetting it only notes that.
 */
export class Alarm extends AsyncResource {
  readonly #clock: AlarmClock;
  readonly #sleeper: Sleeper;
  #delay = 0;

  /** When it goes off, in whole ms; `NEVER` where it is not set. Read by the clock only, as all below. */
  due = NEVER;
  /** When the clock looks at it; never after it is due. */
  wakeAt = NEVER;
  /** Where it stands in the heap. */
  place = NOWHERE;

  constructor(clock: AlarmClock, sleeper: Sleeper) {
    super('sockjs.alarm');
    this.#clock = clock;
    this.#sleeper = sleeper;
  }

  /** Has it go off in so many ms, counted from now, whenever it was to before. */
  set(delay: number): void {
    this.#delay = delay;
    this.due = Math.ceil(performance.now() + delay);
    if (this.place === NOWHERE || this.due < this.wakeAt) {
      this.wakeAt = this.due;
      this.#clock.wake(this);
    }
  }

  /** Counts the same time from `now`, by the clock of `performance.now()`, where it is set. */
  putOff(now: number): void {
    if (this.due !== NEVER) {
      this.due = Math.max(this.due, Math.ceil(now + this.#delay));
    }
  }

  /** Keeps it from going off. */
  unset(): void {
    this.due = NEVER;
  }

  /** Unsets it for good, and lets the clock forget it. */
  clear(): void {
    this.unset();
    this.#clock.remove(this);
  }

  /** For the clock: the time that it was looked at for has come. */
  ring(): void {
    if (this.due !== NEVER) {
      this.unset();
      this.runInAsyncScope(this.#sleeper.onAlarm, this.#sleeper);
    }
  }
}
