/**
 * All that sessions send in a turn of the event loop leaves at the end of that turn. So Node reads from all sockets
 * first, and writes to them afterwards. A write after each read would wake the other side each time: `ws-echo` then
 * costs 1.60 times as much as bare ws, instead of 1.11 times (bench/NOTES.md).
 *
 * A broadcast to thousands of sessions is too much for one turn: nothing would be read, and no other session answered,
 * until all had been written. So a turn flushes for a slice of time and leaves the rest to the next turns. Between them
 * Node reads, and what those turns bring leaves before the rest does:
 *
 *     turn 1   read   flush what goes to single clients, then what goes to many, each for 5 ms at most
 *     turn 2   read   flush what came for single clients, then the rest of turn 1
 *     …
 */

// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';

/** ms after which a turn leaves the rest to the next one. What is new and what is left have as many each. */
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
  /** How many of them have been flushed. */
  #done = 0;

  get isEmpty(): boolean {
    return this.#done === this.#waiting.length;
  }

  push(flushable: Flushable): void {
    this.#waiting.push(flushable);
  }

  /** Takes over what waits in another line, behind what waits in this one. */
  append(other: FlushLine): void {
    this.#waiting = this.#waiting.slice(this.#done).concat(other.#waiting.slice(other.#done));
    this.#done = 0;
  }

  /** Flushes for a slice of time, from the first on. One that throws counts as flushed. */
  flushSlice(): void {
    let now = performance.now();
    const end = now + SLICE;
    for (const flushable of this.#waiting.slice(this.#done)) {
      this.#done += 1;
      flushable.flush(now);
      if (this.#done % BATCH === 0) {
        now = performance.now();
        if (now >= end) {
          break;
        }
      }
    }
  }
}

/** What came since the last flush. */
let fresh = new FlushLine();
/** What earlier turns have left, and then what goes to many. */
let rest = new FlushLine();
let isScheduled = false;

/**
 * Calls `flush()` at the end of this turn of the event loop: in the order of these calls, and before those of
 * `flushAmongMany`. Where there is too much for one turn, the last ones are called in one of the next. `flush()` has to
 * send all that the object holds by then: a later call for the same object may come first.
 */
export function flushAfterTurn(flushable: Flushable): void {
  fresh.push(flushable);
  schedule();
}

/** Calls `flush()` at the end of this turn or of one of the next, behind what does not go to many. */
export function flushAmongMany(flushable: Flushable): void {
  rest.push(flushable);
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
  const [came, earlier] = [fresh, rest];
  fresh = new FlushLine();
  rest = new FlushLine();
  try {
    came.flushSlice();
    earlier.flushSlice();
  } finally {
    // Also where one has thrown: the others flush at the end of the next turn.
    earlier.append(came);
    earlier.append(rest);
    rest = earlier;
    if (!rest.isEmpty) {
      schedule();
    }
  }
}
