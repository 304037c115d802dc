/** Counters of an endpoint for `router.stats()`, and the channels of `node:diagnostics_channel`. */
import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { TRANSPORTS, type TransportName } from './protocol/transports.ts';

/** Why a request was rejected. */
export type RejectionReason =
  | 'origin'
  | 'authorize'
  | 'identity'
  | 'busy'
  | 'sessions'
  | 'client-sessions'
  | 'closing'
  | 'unavailable'
  | 'size'
  | 'timeout'
  | 'payload';

/** The result of `router.stats()`: live sessions now, and sums since the router was made. */
export interface SockjsStats {
  /** Live sessions by the transport that they use or used last. */
  readonly sessions: Readonly<Record<TransportName, number>>;
  /** Sessions opened so far. */
  readonly opened: number;
  /** Sessions closed so far. */
  readonly closed: number;
  /** Messages received from clients. */
  readonly messagesIn: number;
  /** Bytes of the request bodies and WebSocket messages that carried them. */
  readonly bytesIn: number;
  /** Messages accepted by `send()`. */
  readonly messagesOut: number;
  /** Their bytes of UTF-8, without framing. */
  readonly bytesOut: number;
  /** Rejected requests, by reason. */
  readonly rejected: Readonly<Partial<Record<RejectionReason, number>>>;
  /** Bytes that are queued towards all clients and not yet taken by the kernel. */
  readonly queuedBytes: number;
  /**
   * The cluster, as this process sees it. Missing without the option `cluster`.
   *
   * @experimental It may change in any release.
   */
  readonly cluster?: ClusterStats;
}

/** Requests that one process relays to another. */
export interface RelayedRequests {
  /** Polls and streams. */
  readonly receiving: number;
  readonly sends: number;
}

/** `cluster` in the result of `router.stats()`: what is now, and sums since the router was made. */
export interface ClusterStats {
  /** Other processes that have a lease in the registry now. */
  readonly nodes: number;
  /** Links now: those that this process has dialled, and those that it was dialled by. With all others, one of each. */
  readonly links: { readonly dialled: number; readonly accepted: number };
  /** Links that have ended, by cause; see `ClusterLinkMessage`. */
  readonly linksEnded: Readonly<Record<string, number>>;
  /** Connections that have become no link, by cause. */
  readonly linksFailed: Readonly<Record<string, number>>;
  /** Requests that others have relayed to sessions of this process. One that is asked again counts again. */
  readonly relayedIn: RelayedRequests;
  /** Requests that this process has relayed to sessions of others. */
  readonly relayedOut: RelayedRequests;
  /** Messages and closes to rooms, or to all, that have come from others. */
  readonly broadcastsIn: number;
  /** Messages and closes to rooms, or to all, for others: for each process that gets one. */
  readonly broadcastsOut: number;
  /** How often messages to rooms of this process were lost. */
  readonly gapsIn: number;
  /** How often messages of this process to rooms of another one were lost. */
  readonly gapsOut: number;
  /** Bytes that came on links, without the framing of WebSockets. */
  readonly bytesIn: number;
  /** Bytes that were written to links. */
  readonly bytesOut: number;
  /** Bytes that wait on links and are not yet taken by the kernel. */
  readonly queuedBytes: number;
  /**
   * ms to another process and back: that of the slowest link, by the last ping of each, which is sent every quarter of
   * `nodeTimeout`. It waits behind the bytes that are queued. Undefined while there is no link that has had an answer.
   */
  readonly roundTrip: number | undefined;
}

/** Published on `sockjs:rejected` when a request is rejected. */
export interface RejectedMessage {
  readonly request: IncomingMessage;
  readonly reason: RejectionReason;
  /** The HTTP status, or the WebSocket close code where there was a session already. */
  readonly status: number;
}

/** Published on `sockjs:request` when the answer to a request has ended. */
export interface RequestMessage {
  readonly request: IncomingMessage;
  readonly method: string;
  /** `originalUrl` of the request: what the client has sent, query included. */
  readonly path: string;
  /**
   * The HTTP status that was sent; 101 for a WebSocket that was opened. Undefined where none was sent, since the client
   * had left before, or before it was the turn of a pipelined request.
   */
  readonly status: number | undefined;
}

const OPEN = channel('sockjs:session:open');
const CLOSE = channel('sockjs:session:close');
const MESSAGE_IN = channel('sockjs:message:in');
const MESSAGE_OUT = channel('sockjs:message:out');
const REJECTED = channel('sockjs:rejected');
const RECEIVER = channel('sockjs:receiver');
const REQUEST = channel('sockjs:request');

/** Whether the end of a request is of interest. */
export function hasRequestSubscribers(): boolean {
  return REQUEST.hasSubscribers;
}

/** Publishes that the answer to a request has ended. */
export function publishRequest(message: RequestMessage): void {
  REQUEST.publish(message);
}

/** The part of a receiver that is published. */
interface AttachedReceiver {
  readonly name: TransportName;
  readonly request?: IncomingMessage | undefined;
}

/** The counters of one endpoint. A message is built only for a channel that has subscribers. */
export class Metrics {
  opened = 0;
  closed = 0;
  messagesIn = 0;
  bytesIn = 0;
  messagesOut = 0;
  bytesOut = 0;
  readonly #rejected = new Map<RejectionReason, number>();

  sessionOpened(session: unknown): void {
    this.opened += 1;
    if (OPEN.hasSubscribers) {
      OPEN.publish({ session });
    }
  }

  sessionClosed(session: unknown, event: object): void {
    this.closed += 1;
    if (CLOSE.hasSubscribers) {
      CLOSE.publish({ session, ...event });
    }
  }

  receiverAttached(session: unknown, receiver: AttachedReceiver): void {
    if (RECEIVER.hasSubscribers) {
      RECEIVER.publish({ session, request: receiver.request, transport: receiver.name });
    }
  }

  received(session: unknown, messages: readonly string[], bytes: number): void {
    this.messagesIn += messages.length;
    this.bytesIn += bytes;
    if (MESSAGE_IN.hasSubscribers) {
      for (const message of messages) {
        MESSAGE_IN.publish({ session, message });
      }
    }
  }

  sent(session: unknown, message: string, bytes: number): void {
    this.messagesOut += 1;
    this.bytesOut += bytes;
    if (MESSAGE_OUT.hasSubscribers) {
      MESSAGE_OUT.publish({ session, message });
    }
  }

  rejected(request: IncomingMessage, reason: RejectionReason, status: number): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
    if (REJECTED.hasSubscribers) {
      REJECTED.publish({ request, reason, status });
    }
  }

  /** All counters, the transport and buffer of each live session, and what is counted of the cluster, if there is one. */
  snapshot(
    live: Iterable<{ readonly transport: TransportName; readonly bufferedAmount: number }>,
    cluster?: ClusterStats,
  ): SockjsStats {
    const zeros = Object.values(TRANSPORTS).map(({ name }) => [name, 0]);
    const sessions: Record<TransportName, number> = Object.fromEntries(zeros);
    let queuedBytes = 0;
    for (const { transport, bufferedAmount } of live) {
      sessions[transport] += 1;
      queuedBytes += bufferedAmount;
    }
    const { opened, closed, messagesIn, bytesIn, messagesOut, bytesOut } = this;
    const rejected = Object.fromEntries(this.#rejected);
    const stats = { sessions, opened, closed, messagesIn, bytesIn, messagesOut, bytesOut, rejected, queuedBytes };
    return cluster === undefined ? stats : { ...stats, cluster };
  }
}
