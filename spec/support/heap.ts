/** What stays in memory of things that are over. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How long each text is that `keptOf` gives. */
const SIZE = 10_000;
const TIMES = 2000;

/**
 * Calls back many times, each time with another text of 10 KB; returns whether a good part of these texts is still in
 * memory after a garbage collection.
 */
export function isRetained(use: (text: string) => void): boolean {
  // Node offers a whole collection only when asked.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < TIMES; i += 1) {
    // A flat string: padEnd() makes one of parts that all share.
    use(Buffer.alloc(SIZE, `${i}.`).toString('latin1'));
  }
  collect();
  return process.memoryUsage().heapUsed - before > (SIZE * TIMES) / 2;
}
