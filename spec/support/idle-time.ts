/** How long the event loop has waited with nothing to do, as a test says instead of Node. */
import { performance } from 'node:perf_hooks';
import { afterTest } from './cleanup.ts';

export interface Loop {
  /** In ms, as `performance.nodeTiming.idleTime`. */
  idle: number;
}

/** Has Node report what the object says, for the rest of the test. Time limits ask for it after a stall. */
export function fakeIdleTime(): Loop {
  const loop: Loop = { idle: 0 };
  const { nodeTiming } = performance;
  Object.defineProperty(nodeTiming, 'idleTime', { configurable: true, get: () => loop.idle });
  afterTest(() => {
    Reflect.deleteProperty(nodeTiming, 'idleTime');
  });
  return loop;
}
