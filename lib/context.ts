/** What one call of `sockjs()` holds, and what a handler is given of one request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebSocketServer } from 'ws';
import type { Metrics } from './metrics.ts';
import type { ResolvedOptions } from './options/options.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { TimerQueue } from './util/timer-queue.ts';

/** One call of `sockjs()`: its options, its sessions, its WebSocket engine. Nothing of it is shared with another. */
export interface EndpointContext<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  readonly options: ResolvedOptions<Data, Req>;
  readonly sessions: SessionRegistry<Data, Req>;
  readonly webSocketServer: WebSocketServer;
  readonly metrics: Metrics;
  /** Keeps the time for sessions and WebSockets. */
  readonly timers: TimerQueue;
}

/** One request to one endpoint, and its answer. */
export interface RequestContext<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  readonly endpoint: EndpointContext<Data, Req>;
  readonly req: Req;
  readonly res: ServerResponse;
  /** Session id of the URL, decoded and checked; empty on endpoints that have none. */
  readonly sessionId: string;
  /** Hands an error of the application's own functions to its error handling. */
  next(error: unknown): void;
}

/** Answers one method of one endpoint. May throw what a function in the options threw; the router passes that on. */
export type Handler = <Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>) => void;

/**
 * Which header the origin check reads. `script`: Origin, which browsers send with every request that a foreign page can
 * make to the route. `embedded`: else the Referer, since a page can load the route as script or frame without Origin.
 */
export type OriginRule = 'script' | 'embedded';

/** One endpoint: where it is, what it answers, and the header groups of PROTOCOL.md section 2 that it takes part in. */
export interface Route {
  /** The path under the mount, with percent-encoding as it came. */
  readonly path: RegExp;
  /** The last segment of the path of an endpoint that belongs to a session; nothing for others. */
  readonly endpoint?: string;
  readonly methods: Readonly<Partial<Record<'GET' | 'POST', Handler>>>;
  /** Whether HEAD is answered as GET without its body. Never where a GET opens a session. */
  readonly head?: boolean;
  /** Whether answers carry CORS headers. */
  readonly cors?: boolean;
  /** Whether OPTIONS is answered, by which browsers ask for leave first. */
  readonly preflight?: boolean;
  /** Whether answers set the JSESSIONID cookie, and are not cached. */
  readonly setsSessionCookie?: boolean;
  /** How the origin of a request is judged; not at all where this is left out. */
  readonly origin?: OriginRule;
}
