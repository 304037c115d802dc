/**
 * The seam between sessions and transports, in both directions. A transport knows a session only as a
 * {@link SessionPort}; a session knows a transport only as a {@link Receiver}. So either may be in another process.
 */
import type { IncomingMessage } from 'node:http';
import type { SharedMessage } from '../protocol/shared-message.ts';
import type { HttpTransportRow, TransportName } from '../protocol/transports.ts';
import type { SessionCloseEvent } from './events.ts';

export type { TransportName };

/** An outgoing message: the text of one session, or one message that many sessions share. */
export type Outgoing = string | SharedMessage;

/**
 * From session to transport: one HTTP response, or one WebSocket, that carries frames to the client.
 *
 * The session calls these members and nothing else. The receiver reports to its {@link SessionPort}.
 */
export interface Receiver {
  /** The name that `session.transport` shows. */
  readonly name: TransportName;
  /** The longest silence, in ms, before the client needs a heartbeat; `Infinity` for any. */
  readonly maxHeartbeatInterval: number;
  /** Bytes written that the kernel has not taken. */
  readonly bufferedAmount: number;
  /** The request that it belongs to, for monitoring; undefined where another process holds it. */
  readonly request?: IncomingMessage | undefined;
  /**
   * Whether the next receiver of the session gets nothing before this one was flushed. So it is where another process
   * holds the response: its bytes may be lost, and the session learns that later than the client. Left out for no.
   */
  readonly holdsNext?: boolean;
  /** Tells the client that its session is open. */
  open(): void;
  /**
   * Sends messages, at least one. The receiver may be released before this returns: a poll takes one frame.
   *
   * @param notifyOnFlush whether to call `receiverDrained()` when the kernel has taken them. Only a session that waits
   *   to drain asks for it, since each notification costs a callback.
   */
  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void;
  /** Shows that the connection lives. The receiver may be released before this returns; `notifyOnFlush` as above. */
  heartbeat(notifyOnFlush: boolean): void;
  /** Tells the client that the session is closed, and ends; the receiver then reports that it was flushed or aborted. */
  close(code: number, reason: string): void;
  /**
   * Tells the client as `close` does that it cannot have the session, which another receiver has. The session ignores
   * reports of a receiver that it has refused.
   */
  refuse(code: number, reason: string): void;
  /** Calls `write` at once. What it sends leaves in one write, unless others share the connection. */
  gather(write: () => void): void;
  /** Cuts the connection and drops all bytes that have not left yet. */
  abort(): void;
}

/** A receiver over HTTP. Its session may be in another process, which then wraps the frames. */
export interface HttpReceiver extends Receiver {
  readonly name: HttpTransportRow['name'];
  /** The function that the client named; empty where the transport has none. */
  readonly callback: string;
  /**
   * Sends bytes that the owner of the session has wrapped.
   *
   * @param isLast whether the response ends with them
   * @param onFlushed called when the kernel has taken some of what was sent, once or more often; the same function each
   *   time. Middleware that writes by itself may keep it from being called.
   */
  relay(bytes: Buffer, isLast: boolean, onFlushed: () => void): void;
}

/** What a sent request asks of the answer that its client gets, where another process owns the session. */
export interface RelayedSend {
  /** To be called once: the answer has left, or its client has broken off, or it waits behind another answer. */
  readonly answered?: () => void;
  /** Whether the owner was lost, so that the session may have taken the messages. The answer ends its connection. */
  readonly isLost?: boolean;
}

/**
 * From a receiving request to the session.
 *
 * Of a receiver that was attached the session hears, in this order: `receiverReleased` once it takes no more, then
 * either `receiverFlushed` or `receiverAborted`. `receiverReleased` may be left out before these two.
 */
export interface ReceivingPort {
  /**
   * Attaches a receiver, which opens the session if it is new. A second receiver is refused with 2010. One that comes
   * after the end gets the close frame (docs/protocol.md, sections 6.1 to 6.3 and 6.6).
   */
  attach(receiver: HttpReceiver): void;

  /**
   * The receiver takes no more, so that another may come; its bytes are on their way. Until they have left, the session
   * does not expire: a client on a slow line cannot ask again before it has read all.
   */
  receiverReleased(receiver: Receiver): void;

  /** All bytes of the receiver have left: the poll was answered, the response limit reached, the close frame sent. */
  receiverFlushed(receiver: Receiver): void;

  /**
   * The client broke off or closed, so messages may have been lost and the session must not go on
   * (docs/protocol.md, sections 6.5 and 6.8).
   */
  receiverAborted(receiver: Receiver, event: SessionCloseEvent): void;

  /** The kernel has taken the bytes for which a receiver was to notify. */
  receiverDrained(): void;
}

/** From a sending request to the session. */
export interface SendingPort {
  /** Whether messages from the client are taken: true between the open frame and the beginning of the end. */
  readonly isActive: boolean;

  /**
   * Takes messages from the client, whole and checked.
   *
   * @param bytes the size of the request body or the WebSocket message that carried them
   * @param done called once, when the client may send more: at once, or when the application has read. With false where
   *   the session had ended and took nothing. With a second argument only where another process owns the session.
   */
  receive(messages: readonly string[], bytes: number, done?: (accepted: boolean, relayed?: RelayedSend) => void): void;

  /** Calls back when the session stops to be active. Returns a function that takes the callback back. */
  whenEnded(callback: () => void): () => void;
}

/** From transport to session, in both directions. It takes any receiver. */
export interface SessionPort extends ReceivingPort, SendingPort {
  attach(receiver: Receiver): void;
}

/** The port of a session in this process. WebSockets need all of it: their session is always where they are. */
export interface LocalSessionPort extends SessionPort {
  /** The request that opened the session. On a WebSocket there is no other. */
  readonly request: IncomingMessage;

  /** Hands all queued messages to the receiver as one frame. `now` is a time of `performance.now()`. */
  flush(now: number): void;

  /** Whether the client may send more. */
  readonly canReceive: boolean;

  /** Calls back when the client may send more: at once, after the application has read, or at the end. */
  whenReceivable(callback: () => void): void;

  /** Counts a message that ends the WebSocket: too large, or no payload. */
  countRejected(reason: 'size' | 'payload', code: number): void;
}
