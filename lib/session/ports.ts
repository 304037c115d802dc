/** The vocabulary between a session and what carries it: transports implement it, the session uses nothing else. */
import type { SharedMessage } from '../protocol/shared-message.ts';
import type { TransportName } from '../protocol/transports.ts';

export type { TransportName };

/** A message on its way out: a text of one session's, or one that many sessions share. */
export type Outgoing = string | SharedMessage;

/**
 * What carries frames to the client at the moment: one HTTP response, or a WebSocket.
 *
 * The session calls these members and nothing else. In return the receiver calls `session.receiverReleased()` when it will take no
 * more, then `session.receiverFlushed()` when all it took has left, or `session.receiverAborted()` when the client broke off before that.
 */
export interface Receiver {
  /** The name that `session.transport` shows. */
  readonly name: TransportName;
  /** The longest silence, in ms, that this transport bears before a heartbeat must go out; `Infinity` for any. */
  readonly maxHeartbeatInterval: number;
  /** Tells the client that its session is open. */
  open(): void;
  /**
   * Sends messages, at least one. May detach the receiver before it returns: a poll takes one frame.
   *
   * @param notifyOnFlush whether to call `session.receiverDrained()` when the kernel has taken them; most sessions need not know
   */
  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void;
  /** Shows that the connection lives. May detach the receiver, as `messages` does; `notifyOnFlush` as there. */
  heartbeat(notifyOnFlush: boolean): void;
  /** Tells the client that the session is closed, and ends; reports by `detach` or `lost` when that is done. */
  close(code: number, reason: string): void;
  /** Cuts the connection, whatever has not left yet. */
  abort(): void;
  /** Bytes written that the kernel has not taken. */
  readonly bufferedAmount: number;
}
