/** The state of one endpoint, and of one request to it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebSocketServer } from 'ws';
import type { Metrics } from './metrics.ts';
import type { ResolvedOptions } from './options/options.ts';
import type { SessionDirectory } from './session/directory.ts';
import type { SessionRegistry } from './session/registry.ts';
import type { Shutdown } from './session/shutdown.ts';
import type { TimerQueue } from './util/timer-queue.ts';

/** One call of `sockjs()`: its options, its sessions, its WebSocket engine. Two endpoints share nothing. */
export interface EndpointContext<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  readonly options: ResolvedOptions<Data, Req>;
  /** The sessions of this process. */
  readonly sessions: SessionRegistry<Data, Req>;
  /** Finds the session that an HTTP request names. The registry itself, unless sessions may be elsewhere. */
  readonly directory: SessionDirectory<Data, Req>;
  readonly shutdown: Shutdown;
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
  /** Session id of the URL, decoded and checked; empty on routes that have none. */
  readonly sessionId: string;
  /** Passes an error of a function of the application to the application's error handling. */
  next(error: unknown): void;
}

/** Answers one method of one route. May throw the error of a function in the options; the router passes that on. */
export type Handler = <Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>) => void;

/**
 * Which header the origin check reads. `script`: Origin, which browsers send with every request that a foreign page can
 * make to the route. `embedded`: else the Referer, since a page can load the route as script or frame without Origin.
 */
export type OriginRule = 'script' | 'embedded';

/** One route of an endpoint: its path, its handlers, and its header groups (docs/protocol.md, section 2). */
export interface Route {
  /** The path under the endpoint, with percent-encoding as it came. */
  readonly path: RegExp;
  /** The last segment of a path that names a session; undefined for other paths. */
  readonly action?: string;
  readonly methods: Readonly<Partial<Record<'GET' | 'POST', Handler>>>;
  /** Whether HEAD is answered as GET without its body. Never where a GET opens a session. */
  readonly head?: boolean;
  /** Whether answers carry CORS headers. */
  readonly cors?: boolean;
  /** Whether OPTIONS is answered, for the preflight requests of browsers. */
  readonly preflight?: boolean;
  /** Whether answers set the JSESSIONID cookie, and are not cached. */
  readonly setsSessionCookie?: boolean;
  /** How the origin of a request is checked; not at all where this is left out. */
  readonly origin?: OriginRule;
}
