/**
 * All that sessions send in a turn of the event loop leaves at the end of that turn. So Node reads from all sockets
 * first, and writes to them afterwards. A write after each read would wake the other side each time: `ws-echo` then
 * costs 1.60 times as much as bare ws, instead of 1.11 times (bench/NOTES.md).
 *
 * A broadcast to thousands of sessions is too much for one turn: nothing would be read, and no other session answered,
 * until all had been written. So each turn flushes three lines for a slice of time each, and leaves the rest to the next
 * turns. Between them Node reads:
 *
 *     1. what came in this turn for single clients
 *     2. what earlier turns have left of line 1
 *     3. what goes to many
 */
import { AsyncResource } from 'node:async_hooks';
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';

/** ms for which a turn flushes a line. */
const SLICE = 5;

/** How many are flushed between two readings of the clock. A reading for each session doubles the cost of a flush. */
const BATCH = 16;

/** Something that holds bytes back until the end of a turn. */
interface Flushable {
  /** Sends them. `now` is `performance.now()` of a moment ago. */
  flush(now: number): void;
}

/** What waits to be flushed, in order. */
class FlushLine {
  #waiting: Flushable[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(flushable: Flushable): void {
    this.#waiting.push(flushable);
  }

  /** Takes over what waits in another line, behind what waits in this one. */
  append(other: FlushLine): void {
    if (!other.isEmpty) {
      this.#waiting = this.#waiting.concat(other.#waiting);
    }
  }

  /** Flushes those that wait now, for a slice of time. One that throws counts as flushed. */
  flushSlice(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) {
      return;
    }
    this.#waiting = [];
    let done = 0;
    try {
      let now = performance.now();
      const end = now + SLICE;
      for (const flushable of waiting) {
        done += 1;
        flushable.flush(now);
        if (done % BATCH === 0) {
          now = performance.now();
          if (now >= end) {
            break;
          }
        }
      }
    } finally {
      if (done < waiting.length) {
        this.#waiting = waiting.slice(done).concat(this.#waiting);
      }
    }
  }
}

/** What came for single clients since the last flush. */
let fresh = new FlushLine();
/** What earlier turns have left of it. */
const late = new FlushLine();
/** What goes to many. */
const many = new FlushLine();
let isScheduled = false;

/** In its context a flush goes on that has left something; in that of a request, it would keep the request. */
const context = new AsyncResource('sockjs.flush');

/**
 * Calls `flush()` at the end of this turn of the event loop, in the order of these calls. Where there is too much for one
 * turn, the last ones are called in the next turns. `flush()` has to send all that the object holds by then: a later call
 * for the same object may come first.
 */
export function flushAfterTurn(flushable: Flushable): void {
  fresh.push(flushable);
  schedule();
}

/** The same, behind all that goes to single clients and all that goes to many already. */
export function flushAmongMany(flushable: Flushable): void {
  many.push(flushable);
  schedule();
}

function schedule(): void {
  if (!isScheduled) {
    isScheduled = true;
    setImmediate(flushTurn);
  }
}

function flushTurn(): void {
  isScheduled = false;
  const came = fresh;
  fresh = new FlushLine();
  try {
    came.flushSlice();
    late.flushSlice();
    many.flushSlice();
  } finally {
    // Also where one has thrown: the others flush in the next turn.
    late.append(came);
    if (!late.isEmpty || !many.isEmpty) {
      context.runInAsyncScope(schedule);
    }
  }
}
