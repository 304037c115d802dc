/**
 * Preloaded into a recipe: the wait of `DRAIN_MS` ends at SIGUSR2, not by the clock. A balancer of the specs may be slow,
 * and one of users has as long as they tell.
 */
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';

const { setTimeout } = timers;
const drain = Number(process.env['DRAIN_MS']);
const released = once(process, 'SIGUSR2');

Object.assign(timers, {
  setTimeout: (...args: Parameters<typeof setTimeout>) => (args[0] === drain ? released : setTimeout(...args)),
});
syncBuiltinESMExports();
