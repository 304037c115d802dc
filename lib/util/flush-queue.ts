/**
 * All that sessions send in a turn of the event loop leaves at the end of that turn. So Node reads from all sockets
 * first, and writes to them afterwards. A write after each read would wake the other side each time: `ws-echo` then
 * costs 1.60 times as much as bare ws, instead of 1.11 times (bench/NOTES.md).
 */

// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';

/** Something that holds bytes back until the end of a turn. */
interface Flushable {
  /** Sends them. `now` is `performance.now()` at the beginning of the flush. */
  flush(now: number): void;
}

let waiting: Flushable[] = [];

/** Calls `flush()` at the end of this turn of the event loop, in the order of these calls. */
export function flushAfterTurn(flushable: Flushable): void {
  if (waiting.push(flushable) === 1) {
    setImmediate(flushAll);
  }
}

function flushAll(): void {
  const all = waiting;
  waiting = [];
  // One `performance.now()` for all: a call for each session doubles the cost of a flush.
  const now = performance.now();
  let done = 0;
  try {
    for (const flushable of all) {
      done += 1;
      flushable.flush(now);
    }
  } finally {
    if (done < all.length) {
      // One has thrown. The others flush at the end of the next turn.
      for (const flushable of all.slice(done)) {
        flushAfterTurn(flushable);
      }
    }
  }
}
