/** Errors that would end the process, for a test that causes them. */
import { afterTest } from './cleanup.ts';

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** Passes uncaught errors to `onError` instead of the test runner, for the rest of the test. */
export function catchUncaught(onError: (error: unknown) => void): void {
  for (const event of EVENTS) {
    const others = process.rawListeners(event);
    process.removeAllListeners(event);
    process.on(event, onError);
    afterTest(() => {
      process.off(event, onError);
      for (const other of others) {
        process.on(event, other as () => void);
      }
    });
  }
}
