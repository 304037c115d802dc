/** The options of `sockjs()`: their types, and what each of them means. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions, WebSocketServer } from 'ws';
import type { Session } from '../session/session.ts';
import type { ClusterAdapter } from './cluster-adapter.ts';

/** The options of `ws` that an application may give: all but those that say where to listen. */
export type WebSocketServerOptions = Omit<ServerOptions, 'server' | 'port' | 'host' | 'backlog' | 'path' | 'noServer'>;

/**
 * Options of `sockjs()`. All may be left out; `undefined` counts as left out. Each number may be `Infinity`, for no limit
 * or for never.
 */
export interface SockjsOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  /**
   * URL of the client library that the iframe page loads. It names the very version that the embedding page uses; with
   * another version the client refuses to work.
   *
   * It begins with `/`, `http`, `./` or `../`. The last two are relative to the iframe page, which is right below the
   * endpoint: at `/echo`, `./sockjs.js` is `/echo/sockjs.js`, and `../sockjs.js` is `/sockjs.js`. A function may return
   * the same; for anything else the iframe page fails with a RangeError.
   * @default 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js'
   */
  sockjsUrl?: string | ((req: Req) => string) | undefined;

  /**
   * Bytes after which a streaming response ends, so that the browser can free its memory. The client then opens the
   * next response. At 1 and 0, streaming behaves as polling. With `Infinity`, no response ends for its size.
   * @default 131_072 // 128 KiB
   */
  responseLimit?: number | undefined;

  /**
   * Whether the WebSocket transport is on. `/info` tells clients the same.
   * @default true
   */
  websocket?: boolean | undefined;

  /**
   * Whether `/websocket` takes plain WebSocket clients, without SockJS framing.
   * @default false
   */
  rawWebsocket?: boolean | undefined;

  /**
   * Whether the xhr-polling transport is on.
   * @default true
   */
  xhrPolling?: boolean | undefined;

  /**
   * Whether the xhr-streaming transport is on.
   * @default true
   */
  xhrStreaming?: boolean | undefined;

  /**
   * Whether the EventSource transport is on.
   * @default true
   */
  eventSource?: boolean | undefined;

  /**
   * Whether the htmlfile transport is on.
   * @default true
   */
  htmlFile?: boolean | undefined;

  /**
   * Whether the jsonp-polling transport is on.
   * @default true
   */
  jsonp?: boolean | undefined;

  /**
   * The WebSocket engine: options for `ws`, or a `WebSocketServer` made with `noServer: true`. `server`, `port` and
   * `path` have no place here, since the mount decides where WebSockets arrive.
   * @default { perMessageDeflate: false, clientTracking: false }
   */
  websocketServer?: WebSocketServerOptions | WebSocketServer | undefined;

  /**
   * ms within which bytes written to a WebSocket must have left this process, else the WebSocket is terminated; 0 or
   * `Infinity` for no limit.
   * @default 0
   */
  websocketWriteTimeout?: number | undefined;

  /**
   * ms of outgoing silence after which a heartbeat is sent; 0 or `Infinity` for none. A jsonp poll is answered with a
   * heartbeat after 30 s at the latest all the same, since the browser client gives up after 35 s.
   * @default 25_000 // 25 seconds
   */
  heartbeatDelay?: number | undefined;

  /**
   * ms that a session lives without a receiver. Its close code and reason are remembered for twice as long, for the
   * newest 10000 ids: a client that asks late gets the close frame and not a second session.
   *
   * With `Infinity` an active session without a receiver never expires, and nothing tells whether its client will come
   * back. The application must close such sessions itself; `router.sessions` has them all. A session that it has closed
   * waits 5 s for its client to take what is queued and the close frame. How it ended is then remembered until 10000
   * other sessions have ended.
   * @default 5_000 // 5 seconds
   */
  disconnectDelay?: number | undefined;

  /**
   * Whether transports set the `JSESSIONID` cookie, by which load balancers keep a client on one server. An object
   * switches the cookie on, with these attributes. A function is called instead, for every answer of a transport or
   * send route, and may set any header of `res`.
   * @default false
   */
  jsessionid?: boolean | JsessionidAttributes | ((req: Req, res: ServerResponse) => void) | undefined;

  /**
   * The `Access-Control-Allow-Origin` to send. Empty: the request's own `Origin`, or `*` where it has none.
   * @default ''
   */
  origin?: string | undefined;

  /**
   * Decides alone, where given, whether CORS headers are sent: true as for an empty `origin`, false none at all.
   * It keeps pages of other origins from reading answers; it does not refuse requests.
   * @default undefined
   */
  checkOrigin?: ((req: Req) => boolean) | undefined;

  /**
   * The `base_url` in `/info`, which clients then use in place of the address they know.
   * @default undefined
   */
  baseUrl?: string | ((req: Req) => string) | undefined;

  /**
   * Path under which the endpoint answers, for use without a framework: `createServer(sockjs({ prefix: '/echo' }, …))`.
   * With `app.use('/echo', …)` leave it out.
   *
   * A string is plain text. A regular expression must match from the beginning of the path up to a slash or the end of
   * the path: `/\/[^/]+\/echo/` takes `/red/echo` and all below it, but not `/red/echoes`. It is matched against the path
   * as it is in `req.url`: percent-encoding is not decoded, and there is no query. Its flags count, but for `g` and `y`.
   * The object itself is not used, so its `lastIndex` stays as it is. Clients choose the path: avoid expressions that
   * backtrack for long, and write `[^/]+` for one segment, since `.+` would match ids of sessions as well.
   * @default ''
   */
  prefix?: string | RegExp | undefined;

  /**
   * Which pages may connect. Anything but `'*'` is enforced on every route but the greeting, before a session exists:
   * others get 403.
   *
   * - `'*'`: all pages, as the protocol has it.
   * - `'same-origin'`: pages of this server.
   * - A list: origins as browsers write them (`https://example.com`), and regular expressions that must match a whole
   *   origin.
   * - A function: called with the origin of each request that is not of this server's own.
   *
   * This server's own origin always passes, since the iframe transports send it.
   *
   * A request without Origin passes, with two exceptions. A foreign page can load jsonp, htmlfile and the iframe page
   * without one; a browser can mark a request as another site's (`Sec-Fetch-Site: cross-site`, `same-site`). Such
   * requests are judged by their Referer, and without one must carry `Sec-Fetch-Site: same-origin`.
   * @default '*'
   */
  allowedOrigins?: AllowedOrigins<Req> | undefined;

  /**
   * Called once for each new session, on every transport, before the session exists. True lets the client in. An object
   * does, too, and becomes `session.data`. Anything else is answered with 403, a thrown error that has a `status` with
   * that status.
   *
   * TypeScript takes the type of `session.data` from that object. It is `unknown` where only booleans are returned.
   *
   * While a promise is pending, other receiving requests for the same id get 2010, sends 404. Clients give a transport
   * a few hundred ms.
   * @default undefined
   */
  authorize?: ((req: Req) => boolean | Data | Promise<boolean | Data>) | undefined;

  /**
   * Returns a client id. All requests of a session must give the same one; others get 404, as if the session did not
   * exist.
   * @default undefined
   */
  identify?: ((req: Req) => string) | undefined;

  /**
   * Bytes of one request body (else 413) or one WebSocket message (else closed with 1009). At most 536 870 888, the
   * length of the longest string in Node (`buffer.constants.MAX_STRING_LENGTH`), which `Infinity` stands for.
   * @default 1_048_576 // 1 MiB
   */
  maxMessageSize?: number | undefined;

  /**
   * Messages in one request body (else 413) or one WebSocket message (else closed with 1009); `Infinity` for no limit.
   * @default 10_000
   */
  maxMessagesPerRequest?: number | undefined;

  /**
   * Bytes that may be queued towards one client, those included that the kernel has not taken yet. A session with more
   * is closed with 1013 `Slow consumer`. `Infinity` for no limit: then the application must pace what it sends.
   * @default 16_777_216 // 16 MiB
   */
  maxSendBuffer?: number | undefined;

  /**
   * Bytes queued towards one client from which on `writableNeedDrain` is true, until fewer are left; with `Infinity` it
   * never is.
   * @default 65_536 // 64 KiB
   */
  sendHighWaterMark?: number | undefined;

  /**
   * Bytes of messages that were received and not yet read. A session with more slows its client: it does not read from
   * the WebSocket and does not answer send requests, until the application has read. If the application has never
   * listened or read when `onSession` settles, excess messages are dropped instead. `Infinity` for no limit.
   * @default 1_048_576 // 1 MiB
   */
  maxReceiveBuffer?: number | undefined;

  /**
   * ms that a client is slowed while the application reads not one message, before the session is closed with 1013; 0
   * or `Infinity` for no limit.
   * @default 60_000 // 60 seconds
   */
  receiveStallTimeout?: number | undefined;

  /**
   * ms within which a request body must have come in, else 408; 0 or `Infinity` for no limit.
   * @default 30_000 // 30 seconds
   */
  receiveTimeout?: number | undefined;

  /**
   * Live sessions of this router; further ones get 503. `Infinity` for no limit.
   * @default Infinity
   */
  maxSessions?: number | undefined;

  /**
   * Live sessions of one client; further ones get 429. Clients are told apart by `identify`, else by `req.ip`, else by
   * the address of the connection. `Infinity` for no limit.
   * @default Infinity
   */
  maxSessionsPerClient?: number | undefined;

  /**
   * Subresource integrity of the script at `sockjsUrl`, such as `sha384-…`; empty for none.
   * @default ''
   */
  sockjsIntegrity?: string | undefined;

  /**
   * Shares the sessions of this endpoint with other processes, so that each of them may get any request. `redisCluster()`
   * of `express-sockjs/redis` makes it. `maxSessions` and `maxSessionsPerClient` count in each process.
   * @default undefined
   */
  cluster?: ClusterAdapter | undefined;

  /**
   * Called with the error that `onSession` or a listener of the session threw, or with which its promise was rejected.
   * The session is closed with 1011 afterwards. Should not throw itself.
   * @default prints the stack to stderr
   */
  onError?: ((error: unknown, session: Session<Data, Req>) => unknown) | undefined;
}

/** What `authorize` may return that is no data: booleans, and what `&&` and `?.` make where something is missing. */
type Verdict = boolean | '' | 0 | null | undefined;

/** Whether `Returned` is nothing but verdicts: `false` or, for the reason that `DataOf` has, `any`. */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript passes over no other type.
type IsVerdict<Returned> = [Returned] extends [Verdict | PromiseLike<Verdict>] ? any : false;

/**
 * The type of `session.data`, from what `authorize` returns: `unknown` if that is never data.
 *
 * An application may call `sockjs()` in a function with a type parameter `T`. `DataOf<T>` is undecided there, and
 * TypeScript accepts it as `T` only if it knows of no other outcome. It passes over an outcome that depends on `any`.
 */
export type DataOf<Returned, Is = IsVerdict<Returned>> = Is extends true ? unknown : Returned;

/**
 * The options of a `sockjs()` without type arguments. TypeScript leaves booleans out of the `Returned` that it infers,
 * unless `authorize` returns nothing else; then `Returned` is `boolean`, and `DataOf` turns that into `unknown`.
 */
export interface InferredOptions<Returned, Req extends IncomingMessage>
  extends Omit<SockjsOptions<DataOf<Returned>, Req>, 'authorize'>,
    Pick<SockjsOptions<Returned, Req>, 'authorize'> {}

/** See the `allowedOrigins` option. */
export type AllowedOrigins<Req extends IncomingMessage = IncomingMessage> =
  | '*'
  | 'same-origin'
  | readonly (string | RegExp)[]
  | ((origin: string, req: Req) => boolean | Promise<boolean>);

/** Attributes of the `JSESSIONID` cookie. Inside an iframe of another site, browsers want `none` and `secure`. */
export interface JsessionidAttributes {
  readonly sameSite?: 'strict' | 'lax' | 'none' | undefined;
  readonly secure?: boolean | undefined;
  readonly httpOnly?: boolean | undefined;
}

/** The options that have no default: `undefined` is what they are when left out. */
type WithoutDefault = 'authorize' | 'baseUrl' | 'checkOrigin' | 'cluster' | 'identify';

/** The options that have a default, filled. Mapped with `as`, by which editors find the documentation of each. */
type WithDefault<Options> = {
  readonly [Name in keyof Options as Exclude<Name, WithoutDefault>]-?: Exclude<Options[Name], undefined>;
};

/** The options with every gap filled. */
export interface ResolvedOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage>
  extends WithDefault<SockjsOptions<Data, Req>> {
  readonly authorize: SockjsOptions<Data, Req>['authorize'];
  readonly baseUrl: SockjsOptions<Data, Req>['baseUrl'];
  readonly checkOrigin: SockjsOptions<Data, Req>['checkOrigin'];
  readonly cluster: SockjsOptions<Data, Req>['cluster'];
  readonly identify: SockjsOptions<Data, Req>['identify'];
}

/**
 * Whether `websocketServer` is an engine rather than options for one. `instanceof` would fail across copies of `ws`.
 */
export function isWebSocketServer(value: WebSocketServerOptions | WebSocketServer): value is WebSocketServer {
  return 'handleUpgrade' in value && typeof value.handleUpgrade === 'function';
}
