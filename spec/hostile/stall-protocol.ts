/** The messages between the harness and the server that it blocks, over IPC. */

/** All moments; see {@link StallMoment}. */
export const STALL_MOMENTS = ['broadcast', 'request', 'message', 'timer', 'twice'] as const;

/**
 * Where in a turn of the event loop the server blocks.
 *
 * - `broadcast`: right after a broadcast has answered every waiting poll, in the phase of `setImmediate`
 * - `request`: in middleware, before SockJS sees the next request
 * - `message`: in a `message` listener, before the answers of that turn are written
 * - `timer`: in a timer of the application, in the phase in which timers of the package run
 * - `twice`: as `timer`, and again after Node has read sockets once
 */
export type StallMoment = (typeof STALL_MOMENTS)[number];

/** From the harness to the server. */
export type Command =
  /** Block for `ms` at the next such moment, or after `fallback` ms where it does not come. */
  | { readonly do: 'stall'; readonly moment: StallMoment; readonly ms: number; readonly fallback: number }
  /** Send the next broadcast to all sessions. */
  | { readonly do: 'broadcast' }
  /** The answer to a query. */
  | { readonly do: 'answer'; readonly query: number }
  /** Close all routers, with that timeout by the server's clock, and block for `ms` when close frames are written. */
  | { readonly do: 'close'; readonly timeout: number; readonly ms: number };

/** From the server to the harness. */
export type Report =
  | { readonly kind: 'listening'; readonly port: number }
  /** The server blocks as soon as this is sent. */
  | { readonly kind: 'stalling' }
  | { readonly kind: 'stalled' }
  /** All sessions have been given the broadcast of that number. */
  | { readonly kind: 'broadcast'; readonly number: number }
  /** The event loop has run for another `ms`; `null` where it was stalled. */
  | { readonly kind: 'free'; readonly ms: number | null }
  /** The application waits for an answer. */
  | { readonly kind: 'query'; readonly query: number; readonly by: string }
  /** A request with that header `X-Soak` has arrived, or what else the tag stands for. */
  | { readonly kind: 'seen'; readonly tag: string }
  | SessionClosed
  /** The session of that id got a message that was not due. */
  | { readonly kind: 'wrong'; readonly id: string; readonly text: string }
  /** All routers are closed. */
  | { readonly kind: 'shut'; readonly dropped: number };

/** A session has ended. */
export interface SessionClosed {
  readonly kind: 'closed';
  readonly id: string;
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** The options of the server, which it gets as JSON in its first argument. */
export interface StallServerOptions {
  /** Every time limit of the endpoints, in ms of the server's clock. */
  readonly limit: number;
  /** How many times as fast as a real clock the clock of the package runs. */
  readonly speed: number;
}

/** Bytes of a large message: more than the kernel takes on a new connection whose client does not read. */
export const BIG_BYTES = 5 * 1024 * 1024;

/** ms that the package gives a client to read a large message at the end of a response; see `HttpTransport`. */
export const FLUSH_TIMEOUT = 30_000 + BIG_BYTES / 32;

/** The code with which the server closes its routers. */
export const GOING_AWAY = 1001;
