/** The time in which a command of a registry must be answered. */
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';

/**
 * Calls `onLate` after so many ms, unless it is stopped before.
 *
 * After a stall of the event loop, Node runs timers before it reads sockets, where the answer may wait. So it is called
 * one turn later.
 *
 * @returns stops it
 */
export function startAnswerTimer(ms: number, onLate: () => void): () => void {
  const timer = setTimeout(() => {
    setImmediate(() => {
      if (!isStopped) {
        onLate();
      }
    });
  }, ms);
  let isStopped = false;
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
