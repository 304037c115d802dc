/** The error of a session that is over. */

/** What `recv()` rejects with once the session has ended and everything received has been read. */
export class SessionNotOpenError extends Error {
  override readonly name = 'SessionNotOpenError';
  constructor() {
    super('sockjs: the session is not open');
  }
}
