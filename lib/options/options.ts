/** The options of `sockjs()`: what they mean, their defaults, and their checks. */
import { type IncomingMessage, type ServerResponse, validateHeaderValue } from 'node:http';
import type { ServerOptions, WebSocketServer } from 'ws';
import type { Session } from '../session/session.ts';

/** The options of `ws` that mean something here: everything but where to listen, which is the mount's business. */
export type WebSocketServerOptions = Omit<ServerOptions, 'server' | 'port' | 'host' | 'backlog' | 'path' | 'noServer'>;

/** Options of `sockjs()`. All may be left out; `undefined` counts as left out. */
export interface SockjsOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  /**
   * Address of the client library that the iframe page loads, beginning with `/` or `http`. It must be the very version
   * that the embedding page uses, or the client refuses to work.
   * @default 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js'
   */
  sockjsUrl?: string | ((req: Req) => string) | undefined;

  /**
   * Bytes after which a streaming response ends, so that the browser can free its memory; the client then opens the
   * next. At 1, streaming behaves as polling.
   * @default 131_072 // 128 KiB
   */
  responseLimit?: number | undefined;

  /**
   * Whether the WebSocket transport is on; also what `/info` tells clients.
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
   * `path` are not for here: where WebSockets arrive is decided by the mount.
   * @default { perMessageDeflate: false, clientTracking: false }
   */
  websocketServer?: WebSocketServerOptions | WebSocketServer | undefined;

  /**
   * ms within which bytes written to a WebSocket must have left this process, or it is terminated; 0 for no limit.
   * @default 0
   */
  websocketWriteTimeout?: number | undefined;

  /**
   * ms of outgoing silence after which a heartbeat is sent; 0 for none. A jsonp poll is answered with one after 30 s
   * at the latest all the same, since the browser client gives up after 35.
   * @default 25_000 // 25 seconds
   */
  heartbeatDelay?: number | undefined;

  /**
   * ms that a session lives without a receiver. How it ended is remembered for twice as long, for the newest 10000 ids,
   * so that a client that asks late gets the close frame and no second session.
   * @default 5_000 // 5 seconds
   */
  disconnectDelay?: number | undefined;

  /**
   * Whether transports set the `JSESSIONID` cookie by which load balancers keep a client on one server; an object
   * switches it on with these attributes. A function is called instead, for every answer of a transport or send
   * endpoint, and sets what it likes on `res`.
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
   * Path under which the endpoints are, for use without a framework: `createServer(sockjs({ prefix: '/echo' }, …))`.
   * With `app.use('/echo', …)` leave it out.
   * @default ''
   */
  prefix?: string | undefined;

  /**
   * Which pages may connect. `'*'`: all, as the protocol has it. `'same-origin'`: those of this server. A list: origins
   * as browsers write them (`https://example.com`), and regular expressions that must match the whole of one. A
   * function: called with the origin of each request that is not of this server's own. This server's own origin always
   * passes, since the iframe transports send it. Anything but `'*'` is enforced on every endpoint but the greeting,
   * before a session exists: 403.
   *
   * A request without Origin passes, except on jsonp, htmlfile and the iframe page, which a foreign page can load
   * without one: these are judged by their Referer, and without one must carry `Sec-Fetch-Site: same-origin`.
   * So are requests without Origin that a browser marks as another site's (`Sec-Fetch-Site: cross-site`, `same-site`).
   * @default '*'
   */
  allowedOrigins?: AllowedOrigins<Req> | undefined;

  /**
   * Asked once for each new session, on every transport, before anything is made. True lets it in; an object does, too,
   * and becomes `session.data`; anything else is 403, a thrown error with a `status` is that status. Other receiving
   * requests for the same id get 2010 while it is pending, sends 404. Clients give a transport a few hundred ms.
   * @default undefined
   */
  authorize?: ((req: Req) => boolean | Data | Promise<boolean | Data>) | undefined;

  /**
   * Whose a request is, compared on every request of a session: one that gives another answer than the opening request
   * did gets 404, as if the session were not there.
   * @default undefined
   */
  identify?: ((req: Req) => string) | undefined;

  /**
   * Bytes of one request body (else 413) or one WebSocket message (else closed with 1009).
   * @default 1_048_576 // 1 MiB
   */
  maxMessageSize?: number | undefined;

  /**
   * Messages in one request body (else 413) or one WebSocket message (else closed with 1009).
   * @default 10_000
   */
  maxMessagesPerRequest?: number | undefined;

  /**
   * Bytes that may be queued towards one client, those the kernel has not taken yet included; over it the session is
   * closed with 1013 `Slow consumer`.
   * @default 16_777_216 // 16 MiB
   */
  maxSendBuffer?: number | undefined;

  /**
   * Bytes queued towards one client from which on `writableNeedDrain` is true, until fewer are left.
   * @default 65_536 // 64 KiB
   */
  sendHighWaterMark?: number | undefined;

  /**
   * Bytes of messages received and not yet read, over which the client is slowed: its WebSocket is not read, its send
   * requests are not answered, until there is room again. Where `onSession` has finished and nobody ever read,
   * messages over it are discarded instead.
   * @default 1_048_576 // 1 MiB
   */
  maxReceiveBuffer?: number | undefined;

  /**
   * ms that a client is slowed while not one message is read, before its session is closed with 1013; 0 for ever.
   * @default 60_000 // 60 seconds
   */
  receiveStallTimeout?: number | undefined;

  /**
   * ms within which a request body must have come in, else 408; 0 for any.
   * @default 30_000 // 30 seconds
   */
  receiveTimeout?: number | undefined;

  /**
   * Live sessions of this router; beyond it new ones get 503.
   * @default Infinity
   */
  maxSessions?: number | undefined;

  /**
   * Live sessions of one client, as `identify` tells them apart, else `req.ip`, else the address of the connection;
   * beyond it new ones get 429.
   * @default Infinity
   */
  maxSessionsPerClient?: number | undefined;

  /**
   * Subresource integrity of the script at `sockjsUrl`, such as `sha384-…`; empty for none.
   * @default ''
   */
  sockjsIntegrity?: string | undefined;

  /**
   * Called with whatever `onSession` or a listener of the session threw, or their promise rejected with, before the
   * session is closed with 1011. Should not throw itself.
   * @default prints the stack to stderr
   */
  onError?: ((error: unknown, session: Session<Data, Req>) => unknown) | undefined;
}

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

/** The options with every gap filled. */
export interface ResolvedOptions<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  readonly sockjsUrl: string | ((req: Req) => string);
  readonly responseLimit: number;
  readonly websocket: boolean;
  readonly rawWebsocket: boolean;
  readonly xhrPolling: boolean;
  readonly xhrStreaming: boolean;
  readonly eventSource: boolean;
  readonly htmlFile: boolean;
  readonly jsonp: boolean;
  readonly websocketServer: WebSocketServerOptions | WebSocketServer;
  readonly websocketWriteTimeout: number;
  readonly heartbeatDelay: number;
  readonly disconnectDelay: number;
  readonly jsessionid: boolean | JsessionidAttributes | ((req: Req, res: ServerResponse) => void);
  readonly origin: string;
  readonly checkOrigin: ((req: Req) => boolean) | undefined;
  readonly baseUrl: string | ((req: Req) => string) | undefined;
  readonly prefix: string;
  readonly allowedOrigins: AllowedOrigins<Req>;
  readonly authorize: ((req: Req) => boolean | Data | Promise<boolean | Data>) | undefined;
  readonly identify: ((req: Req) => string) | undefined;
  readonly maxMessageSize: number;
  readonly maxMessagesPerRequest: number;
  readonly maxSendBuffer: number;
  readonly sendHighWaterMark: number;
  readonly maxReceiveBuffer: number;
  readonly receiveStallTimeout: number;
  readonly receiveTimeout: number;
  readonly maxSessions: number;
  readonly maxSessionsPerClient: number;
  readonly sockjsIntegrity: string;
  readonly onError: (error: unknown, session: Session<Data, Req>) => unknown;
}

/** What an option is when it is left out; see {@link SockjsOptions} for what each means. Frozen. */
export const defaultOptions: ResolvedOptions = Object.freeze({
  sockjsUrl: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js',
  responseLimit: 131_072,
  websocket: true,
  rawWebsocket: false,
  xhrPolling: true,
  xhrStreaming: true,
  eventSource: true,
  htmlFile: true,
  jsonp: true,
  websocketServer: Object.freeze({ perMessageDeflate: false, clientTracking: false }),
  websocketWriteTimeout: 0,
  heartbeatDelay: 25_000,
  disconnectDelay: 5_000,
  jsessionid: false,
  origin: '',
  checkOrigin: undefined,
  baseUrl: undefined,
  prefix: '',
  allowedOrigins: '*',
  authorize: undefined,
  identify: undefined,
  maxMessageSize: 1_048_576,
  maxMessagesPerRequest: 10_000,
  maxSendBuffer: 16_777_216,
  sendHighWaterMark: 65_536,
  maxReceiveBuffer: 1_048_576,
  receiveStallTimeout: 60_000,
  receiveTimeout: 30_000,
  maxSessions: Number.POSITIVE_INFINITY,
  maxSessionsPerClient: Number.POSITIVE_INFINITY,
  sockjsIntegrity: '',
  onError: printError,
});

/** Prints an error's stack to stderr, as Node does with one that nobody caught. */
export function printError(error: unknown): void {
  console.error(error);
}

/** Whether `websocketServer` is an engine rather than options for one. `instanceof` would fail across copies of `ws`. */
export function isWebSocketServer(value: WebSocketServerOptions | WebSocketServer): value is WebSocketServer {
  return 'handleUpgrade' in value && typeof value.handleUpgrade === 'function';
}

/**
 * Checks options and fills the gaps.
 *
 * @throws TypeError for an unknown name or a wrong type, RangeError for a value that makes no sense; both name the
 *   option, the value, and what is allowed
 */
export function resolveOptions<Data, Req extends IncomingMessage>(
  options: SockjsOptions<Data, Req>,
): ResolvedOptions<Data, Req> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`sockjs: options must be an object, not ${describe(options)}`);
  }
  const given: [string, unknown][] = [];
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS.get(name);
    if (check === undefined) {
      throw new TypeError(unknownOption(name));
    }
    if (value !== undefined) {
      check(name, value);
      given.push([name, value]);
    }
  }
  // The type of what was given is what the caller says it is; its shape has been checked.
  const resolved = Object.freeze({ ...defaultOptions, ...Object.fromEntries(given) }) as ResolvedOptions<Data, Req>;
  const { allowedOrigins, origin, checkOrigin } = resolved;
  if (allowedOrigins !== '*' && (origin !== '' || checkOrigin !== undefined)) {
    throw new TypeError(
      'sockjs: option "allowedOrigins" decides about CORS headers as well; ' +
        `leave out "${origin === '' ? 'checkOrigin' : 'origin'}"`,
    );
  }
  return resolved;
}

type Check = (name: string, value: unknown) => void;

/** The longest delay that a timer of Node's keeps; anything over it would fire at once. */
export const MAX_DELAY = 2_147_483_647;

const CHECKS = new Map<string, Check>(
  Object.entries({
    sockjsUrl: anyOf('a string or a function', ['string', 'function'], (name, value) => {
      if (typeof value === 'string') {
        assertClientUrl(value, `option "${name}"`);
      }
    }),
    responseLimit: number('a number of bytes', Number.MAX_SAFE_INTEGER),
    websocket: anyOf('true or false', ['boolean']),
    rawWebsocket: anyOf('true or false', ['boolean']),
    xhrPolling: anyOf('true or false', ['boolean']),
    xhrStreaming: anyOf('true or false', ['boolean']),
    eventSource: anyOf('true or false', ['boolean']),
    htmlFile: anyOf('true or false', ['boolean']),
    jsonp: anyOf('true or false', ['boolean']),
    websocketServer: checkWebSocketServer,
    websocketWriteTimeout: number('a number of ms', MAX_DELAY),
    heartbeatDelay: number('a number of ms', MAX_DELAY),
    disconnectDelay: number('a number of ms', MAX_DELAY),
    jsessionid: checkJsessionid,
    origin: anyOf('a string', ['string'], (name, value) => {
      try {
        validateHeaderValue('Access-Control-Allow-Origin', String(value));
      } catch (cause) {
        throw new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must fit into an HTTP header`, {
          cause,
        });
      }
    }),
    checkOrigin: anyOf('a function', ['function']),
    baseUrl: anyOf('a string or a function', ['string', 'function']),
    prefix: anyOf('a string', ['string'], (name, value) => {
      if (!/^(\/[^/?#]+)*$/.test(String(value))) {
        throw new RangeError(
          `sockjs: option "${name}" is ${describe(value)}; it must be empty, or begin with "/" and end without, ` +
            'as in "/echo"',
        );
      }
    }),
    allowedOrigins: checkAllowedOrigins,
    authorize: anyOf('a function', ['function']),
    identify: anyOf('a function', ['function']),
    maxMessageSize: number('a number of bytes', Number.MAX_SAFE_INTEGER),
    maxMessagesPerRequest: number('a number', Number.MAX_SAFE_INTEGER),
    maxSendBuffer: number('a number of bytes', Number.MAX_SAFE_INTEGER),
    sendHighWaterMark: number('a number of bytes', Number.MAX_SAFE_INTEGER),
    maxReceiveBuffer: number('a number of bytes', Number.MAX_SAFE_INTEGER),
    receiveStallTimeout: number('a number of ms', MAX_DELAY),
    receiveTimeout: number('a number of ms', MAX_DELAY),
    maxSessions: number('a number', Number.POSITIVE_INFINITY),
    maxSessionsPerClient: number('a number', Number.POSITIVE_INFINITY),
    sockjsIntegrity: anyOf('a string', ['string'], (name, value) => {
      if (!/^(sha(256|384|512)-[A-Za-z0-9+/]+={0,2}( +|$))*$/.test(String(value))) {
        throw new RangeError(
          `sockjs: option "${name}" is ${describe(value)}; it must be empty or hashes such as "sha384-…"`,
        );
      }
    }),
    onError: anyOf('a function', ['function']),
  } satisfies Record<keyof SockjsOptions, Check>),
);

/**
 * Checks an address for the iframe page, which comes from the options or from a function in them.
 *
 * @throws RangeError for one that does not begin with `/` or `http`
 */
export function assertClientUrl(url: string, what: string): void {
  if (!/^(\/|http)/.test(url)) {
    throw new RangeError(`sockjs: ${what} is ${describe(url)}; an address must begin with "/" or "http"`);
  }
}

function anyOf(allowed: string, types: readonly string[], then?: Check): Check {
  return (name, value) => {
    if (!types.includes(typeof value)) {
      throw new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`);
    }
    then?.(name, value);
  };
}

function number(allowed: string, max: number): Check {
  return anyOf(`${allowed} from 0 to ${max}`, ['number'], (name, value) => {
    const given = Number(value);
    if (!(given >= 0 && given <= max)) {
      throw new RangeError(`sockjs: option "${name}" is ${given}; it must be ${allowed} from 0 to ${max}`);
    }
  });
}

function checkWebSocketServer(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      `sockjs: option "${name}" is ${describe(value)}; it must be options for ws, or a WebSocketServer made with noServer`,
    );
  }
  if (isWebSocketServer(value)) {
    if (value.options?.noServer !== true || value.options.path) {
      throw new TypeError(
        `sockjs: option "${name}" is a WebSocketServer with a server, port or path of its own; ` +
          'make it with new WebSocketServer({ noServer: true })',
      );
    }
    return;
  }
  for (const forbidden of ['server', 'port', 'host', 'backlog', 'path', 'noServer']) {
    if (forbidden in value) {
      throw new TypeError(
        `sockjs: option "${name}" has "${forbidden}"; leave it out, ` +
          'WebSockets arrive where the router is mounted, by attachUpgrade(server)',
      );
    }
  }
}

function checkJsessionid(name: string, value: unknown): void {
  if (typeof value === 'boolean' || typeof value === 'function') {
    return;
  }
  const allowed = 'true, false, a function, or an object of sameSite ("strict", "lax", "none"), secure and httpOnly';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`);
  }
  for (const [attribute, given] of Object.entries(value)) {
    const values: unknown[] = attribute === 'sameSite' ? ['strict', 'lax', 'none'] : [true, false];
    if (!['sameSite', 'secure', 'httpOnly'].includes(attribute) || !(given === undefined || values.includes(given))) {
      throw new TypeError(`sockjs: option "${name}" has ${attribute}: ${describe(given)}; it must be ${allowed}`);
    }
  }
}

function checkAllowedOrigins(name: string, value: unknown): void {
  if (value === '*' || value === 'same-origin' || typeof value === 'function') {
    return;
  }
  if (!Array.isArray(value)) {
    throw new TypeError(
      `sockjs: option "${name}" is ${describe(value)}; ` +
        'it must be "*", "same-origin", a list of origins and regular expressions, or a function',
    );
  }
  for (const item of value) {
    if (item instanceof RegExp) {
      continue;
    }
    if (typeof item !== 'string') {
      throw new TypeError(
        `sockjs: option "${name}" lists ${describe(item)}; it may list strings and regular expressions`,
      );
    }
    const origin = /^https?:/i.test(item) && URL.canParse(item) ? new URL(item).origin : item;
    if (item.includes('*') || origin !== item) {
      const remedy = item.includes('*') ? 'write a regular expression' : `write ${describe(origin)}`;
      throw new RangeError(
        `sockjs: option "${name}" lists ${describe(item)}, which no browser sends as an origin; ` +
          (item === '*' ? `for every origin write ${name}: "*"` : remedy),
      );
    }
  }
}

/** What takes the place of options that other servers have, by their names in lower case without underscores. */
const REMEDIES = new Map([
  ['log', 'nothing is logged but by DEBUG=sockjs:*; leave it out'],
  ['disablecors', 'write checkOrigin: () => false, or allowedOrigins: "same-origin" to keep foreign pages out'],
  ['fayeserveroptions', 'write websocketServer, with options of ws'],
  ['websocketupgrader', 'write websocketServer, with options of ws'],
  ['transports', 'each transport has a switch: websocket, xhrPolling, xhrStreaming, eventSource, htmlFile, jsonp'],
]);

/** Names the remedy for what people coming from other servers write. */
function unknownOption(name: string): string {
  const plain = name.replaceAll('_', '').toLowerCase();
  const meant = [...CHECKS.keys()].find((known) => known.toLowerCase() === plain);
  const remedy = REMEDIES.get(plain);
  if (remedy !== undefined) {
    return `sockjs: there is no option "${name}"; ${remedy}`;
  }
  return meant === undefined
    ? `sockjs: there is no option "${name}"; the options are ${[...CHECKS.keys()].join(', ')}`
    : `sockjs: there is no option "${name}"; did you mean "${meant}"?`;
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
