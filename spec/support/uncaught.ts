/** Errors that would end the process, for a test that causes them. */
import { afterTest } from './cleanup.ts';

const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** For the rest of the test, `onError` gets every error that no code has caught, in place of the test runner. */
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
