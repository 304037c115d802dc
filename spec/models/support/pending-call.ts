/** Calls whose promises a model follows: how each has settled, and how it must settle. */
import { SessionNotOpenError } from '../../../lib/session/errors.ts';

/** A call that the application awaits. */
export interface PendingCall {
  /** Aborts the call, where it can be aborted. */
  readonly controller: AbortController | undefined;
  /** A message, or how the call failed: `not open`, `aborted`, `listener`. Undefined while it is pending. */
  outcome: string | undefined;
  /** The value that `outcome` must have once promises have settled. */
  expected: string | undefined;
}

/** Records how the promise of a call settles. */
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
