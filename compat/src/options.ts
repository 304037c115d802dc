/** The options by the names of npm sockjs, and what they mean to express-sockjs. */
import type { SockjsOptions } from 'express-sockjs';
import { type CookieFunction, cookieFunction } from './cookie-function.ts';

/** The options of `createServer()`, `listen()`, `installHandlers()`, `listener()` and `middleware()`. */
export interface CompatOptions {
  /** The source text of a regular expression for the beginning of the path. Default: empty. */
  prefix: string;
  /** Bytes after which a streaming response ends; 0 for no limit. Default 131 072. */
  response_limit: number;
  /** Whether there are WebSockets, with SockJS frames and raw ones. Default true. */
  websocket: boolean;
  /** Options of faye-websocket: `maxLength` and `extensions` count, others have no effect. Default null. */
  faye_server_options: { readonly maxLength?: number; readonly extensions?: readonly unknown[] } | null;
  /**
   * Whether to set the cookie `JSESSIONID`, or a function that sets it. The function gets the request, with `cookies`,
   * and the response. It is not called for WebSockets. Default false.
   */
  jsessionid: unknown;
  /** ms of silence before a heartbeat; 0 for none. Default 25 000. */
  heartbeat_delay: number;
  /** ms that a session waits for the next receiving request. Default 5000. */
  disconnect_delay: number;
  /** Gets a severity (`debug`, `info`, `error`) and a line. Default: prints the line by `console.log`. */
  log: (severity: string, line: string) => void;
  /** The address of the client library for the iframe page, relative ones too. */
  sockjs_url: string;
  /** Whether answers carry no CORS headers. Default false. */
  disable_cors: boolean;
  /** What `/info` tells clients as `base_url`: a string, or a function that returns one. Default: nothing. */
  base_url: string | (() => string) | undefined;
  /**
   * Whether the limits of express-sockjs hold, and what a listener throws ends its session with 1011 in place of the
   * process. Not an option of npm sockjs. Default false.
   */
  safe: boolean;
}

const DEFAULTS: CompatOptions = {
  prefix: '',
  response_limit: 131_072,
  websocket: true,
  faye_server_options: null,
  jsessionid: false,
  heartbeat_delay: 25_000,
  disconnect_delay: 5_000,
  log: (_severity, line) => console.log(line),
  sockjs_url: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js',
  disable_cors: false,
  base_url: undefined,
  safe: false,
};

/** The longest delay of a timer of Node, in ms. */
const MAX_DELAY = 2 ** 31 - 1;

/** Fills gaps in options. Of two sources the later one wins; `undefined` counts as left out. */
export function mergeOptions(...sources: readonly (Partial<CompatOptions> | null | undefined)[]): CompatOptions {
  const merged: CompatOptions = { ...DEFAULTS };
  for (const source of sources) {
    const given = Object.entries(source ?? {}).filter(([, value]) => value !== undefined);
    Object.assign(merged, Object.fromEntries(given));
  }
  return merged;
}

/** The options of the express-sockjs endpoint that does the work. */
export function endpointOptions(options: CompatOptions): SockjsOptions {
  const { jsessionid, base_url: baseUrl, faye_server_options: faye } = options;
  return {
    sockjsUrl: clientUrl(String(options.sockjs_url)),
    responseLimit: responseLimit(options.response_limit),
    websocket: Boolean(options.websocket),
    rawWebsocket: Boolean(options.websocket),
    heartbeatDelay: delay(options.heartbeat_delay),
    disconnectDelay: delay(options.disconnect_delay),
    jsessionid: isFunction(jsessionid) ? cookieFunction(jsessionid, options.safe) : Boolean(jsessionid),
    onError: (error) => options.log('error', `Exception in a listener: ${describe(error)}`),
    ...(options.disable_cors && { checkOrigin: () => false }),
    // npm sockjs calls the function without arguments.
    ...(baseUrl && { baseUrl: typeof baseUrl === 'function' ? () => baseUrl() : String(baseUrl) }),
    ...(faye?.extensions?.length && { websocketServer: { perMessageDeflate: true } }),
    ...(options.safe ? {} : WITHOUT_LIMITS),
    // What is no number is no limit, as in faye-websocket.
    ...(Number(faye?.maxLength) && { maxMessageSize: Math.max(Number(faye?.maxLength), 0) }),
  };
}

/** TypeScript cannot tell what the function takes. */
function isFunction(jsessionid: unknown): jsessionid is CookieFunction {
  return typeof jsessionid === 'function';
}

/** An error as `log` gets it. */
export function describe(error: unknown): string {
  return error instanceof Error ? String(error.stack) : String(error);
}

/** npm sockjs has none of these limits. */
const WITHOUT_LIMITS = {
  maxMessageSize: Number.POSITIVE_INFINITY,
  maxMessagesPerRequest: Number.POSITIVE_INFINITY,
  maxSendBuffer: Number.POSITIVE_INFINITY,
  maxReceiveBuffer: Number.POSITIVE_INFINITY,
  receiveStallTimeout: 0,
  receiveTimeout: 0,
} as const;

/** express-sockjs wants it plain that a URL is relative. */
function clientUrl(url: string): string {
  return /^(\.{0,2}\/|http)/.test(url) ? url : `./${url}`;
}

/** Below 0 each response carries one frame, since that is longer than the limit. */
function responseLimit(given: number): number {
  const limit = Number(given) || Number.POSITIVE_INFINITY;
  return Math.max(limit, 0);
}

function delay(given: number): number {
  const ms = Number(given);
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MAX_DELAY);
}
