/** The messages that name a session on channels of `node:diagnostics_channel`. */
import type { SessionCloseEvent } from './events.ts';
import type { Session } from './session.ts';

/** Published on `sockjs:session:open`, right before `onSession` is called. */
export interface SessionOpenMessage {
  readonly session: Session;
}

/** Published on `sockjs:session:close`, right before the `close` event. */
export interface SessionCloseMessage extends SessionCloseEvent {
  readonly session: Session;
}

/** Published on `sockjs:message:in` and `sockjs:message:out`, once for each message. */
export interface MessageMessage {
  readonly session: Session;
  readonly message: string;
}
