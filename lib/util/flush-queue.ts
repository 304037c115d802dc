/**
 * What was sent within a turn of the event loop leaves at its end, for all sessions at once. So messages that come in
 * together are answered together: first everything is read, then everything written. To the system that is cheaper by
 * far than a write after each read, which wakes the other side every time.
 */

/** Somebody with something to hand on. */
interface Flushable {
  /** `now` is when the flush began, by the clock of `performance.now()`. */
  flush(now: number): void;
}

let waiting: Flushable[] = [];

/** Calls `flush()` when the present turn of the event loop is over, in the order in which this was called. */
export function flushAfterTurn(flushable: Flushable): void {
  if (waiting.push(flushable) === 1) {
    setImmediate(flushAll);
  }
}

function flushAll(): void {
  const all = waiting;
  waiting = [];
  // Asked once for all: it would cost as much as all else of a flush.
  const now = performance.now();
  let done = 0;
  try {
    for (const flushable of all) {
      done += 1;
      flushable.flush(now);
    }
  } finally {
    if (done < all.length) {
      // One threw, which must not keep what the others have.
      for (const flushable of all.slice(done)) {
        flushAfterTurn(flushable);
      }
    }
  }
}
