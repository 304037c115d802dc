/** The states of a session, its events, and what `close` tells. */
import { CLOSES } from '../protocol/close-code.ts';

/**
 * The state of a session.
 *
 * - `opening`: made, its open frame not sent yet; an application never sees it
 * - `active`: messages travel both ways
 * - `closing`: `close()` was called; queued messages and the close frame are on their way to the client
 * - `closed`: over; the `close` event has been or is about to be emitted
 */
export type SessionState = 'opening' | 'active' | 'closing' | 'closed';

/** Why and how a session ended: the argument of its `close` event. */
export interface SessionCloseEvent {
  /**
   * The code given to `close()`, or the client's own on a WebSocket (1005 where it gave none), 1002 when a receiving
   * request was lost or none came back in time, 1006 when a WebSocket broke, 1011 when the application threw.
   */
  readonly code: number;
  /** The text that came with the code; may be empty. */
  readonly reason: string;
  /** Whether both sides know: the close frame went out to the client, or the WebSocket closing handshake was done. */
  readonly wasClean: boolean;
}

/** The code and the reason of a session's end. */
export type CloseReason = Omit<SessionCloseEvent, 'wasClean'>;

/** The events of a session and the arguments of their listeners. */
export interface SessionEvents {
  /** A message came in. Never emitted after `close()` was called or the session ended. */
  message: [message: string];
  /** Fewer than `sendHighWaterMark` bytes are queued again, after `writableNeedDrain` had been true. */
  drain: [];
  /** The session is over. Emitted exactly once, as the last event, never within a call of the application's. */
  close: [event: SessionCloseEvent];
}

/** The end of a session whose client broke off a receiving request, or did not come back in time. */
export const INTERRUPTED: SessionCloseEvent = Object.freeze({ ...CLOSES.interrupted, wasClean: false });
