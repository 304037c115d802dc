/** A link: the connection between two nodes, as the relay sees it. */
import type { LinkMessage } from './messages.ts';

/** Hears what happens on a link. */
export interface LinkHandler<Received extends LinkMessage> {
  /** A message has come, in the order in which the peer sent them. A throw ends the link. */
  onMessage(message: Received): void;
  /** The link has taken frames again, after `isFull` was true. */
  onWritable(): void;
  /** The link has ended, by either side or by a fault. Called once, and nothing after it. */
  onEnd(): void;
}

/** One direction of use of a connection between two nodes. Messages arrive in order, or the link ends. */
export interface Link<Sent extends LinkMessage> {
  /** The node at the other end. */
  readonly peer: string;
  /**
   * Whether no further `frame` should be sent, since `maxQueuedBytes` are waiting or the link has ended. Other messages
   * pass, up to `maxQueuedBytes` of them: then the peer does not read, and the link ends.
   */
  readonly isFull: boolean;
  /**
   * Queues a message; all of a turn of the event loop leave in one write. Does nothing once the link has ended.
   *
   * @throws RangeError for a message of more than 128 MiB, which no peer would take
   */
  send(message: Sent): void;
  /** Settles once the peer has received all that was sent so far, or the link has ended. */
  delivered(): Promise<void>;
  /** Ends the link at once. What is queued is dropped. `onEnd()` is called before this returns. */
  end(): void;
}
