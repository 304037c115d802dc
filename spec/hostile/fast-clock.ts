/**
 * Speeds up the clock of the package, to reach its long fixed limits. It replaces the global clocks and `setTimeout`,
 * which the package uses. Node itself uses others.
 */
import type { StallServerOptions } from './stall-protocol.ts';

/** The options of the server. */
export const options = JSON.parse(process.argv[2] ?? '{}') as StallServerOptions;

/** The timers and the clock of Node, before they are replaced. */
export const realTime = { setTimeout, setInterval, now: performance.now.bind(performance) };

const { speed } = options;
if (speed !== 1) {
  const dateNow = Date.now;
  const start = dateNow();
  performance.now = () => realTime.now() * speed;
  Date.now = () => start + (dateNow() - start) * speed;
  const sooner = (callback: () => void, ms = 0) => realTime.setTimeout(callback, ms / speed);
  globalThis.setTimeout = Object.assign(sooner, { __promisify__: setTimeout.__promisify__ });
}
