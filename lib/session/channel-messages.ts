/** The messages that name a session on channels of `node:diagnostics_channel`. */
import type { IncomingMessage } from 'node:http';
import type { SessionCloseEvent } from './events.ts';
import type { TransportName } from './ports.ts';
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

/**
 * Published on `sockjs:receiver` when a session has got a receiver: a poll, a stream or its WebSocket. The first one
 * follows `sockjs:session:open`. The one that only fetches the last messages and the close frame counts as well.
 */
export interface ReceiverMessage {
  readonly session: Session;
  /** The request whose response, or whose WebSocket, it is. Undefined where another process holds the request. */
  readonly request: IncomingMessage | undefined;
  readonly transport: TransportName;
}
