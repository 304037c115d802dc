/** Calls from a session into the application. Its errors end the session, never the process. */
import { CLOSES } from '../protocol/close-code.ts';
import { helpAt } from '../util/help.ts';
import { SessionNotOpenError } from './errors.ts';
import type { SessionEvents } from './events.ts';

/** A session as the application sees it, and what may be asked of its lifecycle. */
interface Callee<S> {
  readonly session: S;
  readonly isEnded: boolean;
  readonly environment: {
    readonly onSession: (session: S) => unknown;
    readonly onError: (error: unknown, session: S) => unknown;
  };
  close(code: number, reason: string): boolean;
}

/** A session as an emitter of its events. */
interface Emitter {
  emit<E extends keyof SessionEvents>(event: E, ...args: never): boolean;
}

/** Emits an event. A listener that throws fails the session; so does a promise that it returns and that rejects. */
export function emit<S extends Emitter, E extends keyof SessionEvents>(
  callee: Callee<S>,
  event: E,
  ...args: SessionEvents[E]
): void {
  try {
    // EventEmitter describes the arguments by a conditional type, which a generic event leaves unresolved.
    callee.session.emit(event, ...(args as never));
  } catch (error) {
    fail(callee, error);
  }
}

/** For what has to follow in a microtask. */
const FULFILLED = Promise.resolve();

/** Calls `onSession`, then `settled` in a microtask: at once, or when the promise that it returned is fulfilled. */
export function callOnSession<S>(callee: Callee<S>, settled: () => void): void {
  try {
    const returned = callee.environment.onSession(callee.session);
    const fulfilled = returned === undefined ? FULFILLED : Promise.resolve(returned);
    fulfilled.then(settled, (error: unknown) => fail(callee, error));
  } catch (error) {
    fail(callee, error);
  }
}

/** Reports an error of the application to `onError` and closes the session with 1011. */
export function fail<S>(callee: Callee<S>, error: unknown): void {
  if (error instanceof SessionNotOpenError && callee.isEnded) {
    // The application awaited recv() or drained() when its client left: no error of its own.
    return;
  }
  // onError is the last resort: its own errors can only go to the process.
  const warn = (second: unknown) =>
    process.emitWarning(`sockjs: the onError option threw: ${String(second)}`, {
      detail: helpAt('the-onerror-option-threw'),
    });
  try {
    Promise.resolve(callee.environment.onError(error, callee.session)).catch(warn);
  } catch (second) {
    warn(second);
  }
  callee.close(CLOSES.internalError.code, CLOSES.internalError.reason);
}
