/** The IPC messages between the harness and the blocked server. */

/** All values of {@link StallMoment}. */
export const STALL_MOMENTS = ['broadcast', 'request', 'message', 'timer', 'twice'] as const;

/**
 * When the server blocks within a turn of the event loop.
 *
 * - `broadcast`: after a broadcast has answered all waiting polls, in the `setImmediate` phase
 * - `request`: in middleware, before SockJS gets the next request
 * - `message`: in a `message` listener, before the answers of that turn are written
 * - `timer`: in a timer of the application, in the phase in which timers of the package run
 * - `twice`: as `timer`, and once more after Node has read from sockets
 */
export type StallMoment = (typeof STALL_MOMENTS)[number];

/** From the harness to the server. */
export type Command =
  /** Block for `ms` at the next such moment. If it does not come within `fallback` ms, block then. */
  | { readonly do: 'stall'; readonly moment: StallMoment; readonly ms: number; readonly fallback: number }
  /** Send the next broadcast to all sessions. */
  | { readonly do: 'broadcast' }
  /** Answer a query. */
  | { readonly do: 'answer'; readonly query: number }
  /** Close all routers with that timeout, by the server's clock. Block for `ms` when the close frames are written. */
  | { readonly do: 'close'; readonly timeout: number; readonly ms: number };

/** From the server to the harness. */
export type Report =
  | { readonly kind: 'listening'; readonly port: number }
  /** The server blocks immediately after this report. */
  | { readonly kind: 'stalling' }
  | { readonly kind: 'stalled' }
  /** All sessions were sent the broadcast with that number. */
  | { readonly kind: 'broadcast'; readonly number: number }
  /** The event loop has run for another `ms`. `null` after a stall. */
  | { readonly kind: 'free'; readonly ms: number | null }
  /** The application waits for an answer. */
  | { readonly kind: 'query'; readonly query: number; readonly by: string }
  /** A request with that `X-Soak` header has arrived, or another event that the tag names. */
  | { readonly kind: 'seen'; readonly tag: string }
  | SessionClosed
  /** The session with that id got an unexpected message. */
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

/** The options of the server, as JSON in its first argument. */
export interface StallServerOptions {
  /** ms of every time limit of the endpoints, by the server's clock. */
  readonly limit: number;
  /** How many times faster the clock of the package runs than a real clock. */
  readonly speed: number;
}

/** Bytes of a large message: more than the kernel takes on a new connection whose client does not read. */
export const BIG_BYTES = 5 * 1024 * 1024;

/**
 * ms that the package gives a client to read a large message at the end of a response; see
 * lib/transports/flush-time.ts.
 */
export const FLUSH_TIMEOUT = 30_000 + BIG_BYTES / 32;

/** The close code of `router.close()`. */
export const GOING_AWAY = 1001;
