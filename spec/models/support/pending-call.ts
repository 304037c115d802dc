/** Promises that a model follows: how each ended, and how it should have. */
import { SessionNotOpenError } from '../../../lib/session/errors.ts';

/** One call that the application waits for. */
export interface PendingCall {
  /** What aborts it, where that is possible. */
  readonly controller: AbortController | undefined;
  /** A message, or a word for how it failed: `not open`, `aborted`, `listener`; undefined while it waits. */
  outcome: string | undefined;
  /** What `outcome` must be once promises have settled. */
  expected: string | undefined;
}

/** Writes down how the promise of a call ends. */
export function recordOutcome(wait: PendingCall, promise: Promise<string>): void {
  promise.then(
    (value) => {
      wait.outcome = value;
    },
    (error: unknown) => {
      if (error instanceof SessionNotOpenError) {
        wait.outcome = 'not open';
      } else {
        wait.outcome = String(error).includes('recv() cannot be used') ? 'listener' : String(error);
      }
    },
  );
}
