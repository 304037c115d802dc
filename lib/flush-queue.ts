/** What was sent within a tick leaves when it is over: one turn for all sessions, however many a broadcast reaches. */

/** Somebody with something to hand on. */
interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];

/** Calls `flush()` when the present tick is over, in the order in which this was called. */
export function flushAfterTick(flushable: Flushable): void {
  if (waiting.push(flushable) === 1) {
    process.nextTick(flushAll);
  }
}

function flushAll(): void {
  const all = waiting;
  waiting = [];
  let done = 0;
  try {
    for (const flushable of all) {
      done += 1;
      flushable.flush();
    }
  } finally {
    if (done < all.length) {
      // One threw, which ends its tick but not the turn of the others.
      for (const flushable of all.slice(done)) {
        flushAfterTick(flushable);
      }
    }
  }
}
