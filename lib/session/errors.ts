/** The error of a session that is over. */

/**
 * What `recv()` and `drained()` reject with once the session has ended, `recv()` after everything received has been read.
 *
 * `session.stream()` is destroyed with it as well. `cause` then is an object with the `code` and the `reason` of the end,
 * and with `wasClean`, which is missing while the session is still `closing`.
 */
export class SessionNotOpenError extends Error {
  override readonly name = 'SessionNotOpenError';
  constructor(options?: ErrorOptions) {
    super('sockjs: the session is not open', options);
  }
}
