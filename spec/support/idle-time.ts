/** The idle time of the event loop, as a test sets it. */
import { performance } from 'node:perf_hooks';
import { afterTest } from './cleanup.ts';

export interface Loop {
  /** ms, as in `performance.nodeTiming.idleTime`. */
  idle: number;
}

/**
 * Makes Node report the idle time of the returned object for the rest of the test. Time limits read it after a stall.
 */
export function fakeIdleTime(): Loop {
  const loop: Loop = { idle: 0 };
  const { nodeTiming } = performance;
  Object.defineProperty(nodeTiming, 'idleTime', { configurable: true, get: () => loop.idle });
  afterTest(() => {
    Reflect.deleteProperty(nodeTiming, 'idleTime');
  });
  return loop;
}
