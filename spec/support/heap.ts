/** Finds memory leaks. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Length of each text that `isRetained` passes. */
const SIZE = 10_000;
const TIMES = 2000;

/**
 * Calls back 2000 times, each time with a different text of 10 kB. Returns whether more than half of their bytes are
 * still in memory after a garbage collection.
 */
export function isRetained(use: (text: string) => void): boolean {
  // Node exposes the garbage collector only with this flag.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < TIMES; i += 1) {
    // A flat string. padEnd() would make a rope, whose parts all texts share.
    use(Buffer.alloc(SIZE, `${i}.`).toString('latin1'));
  }
  collect();
  return process.memoryUsage().heapUsed - before > (SIZE * TIMES) / 2;
}
