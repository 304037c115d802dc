/** The factory: options in, an Express Router with one route per SockJS endpoint out. */
import { IncomingMessage, type ServerResponse } from 'node:http';
import { Router } from 'express';
import { reject } from './admission/admit.ts';
import { isOriginAllowed } from './admission/origin.ts';
import type { EndpointContext, RequestContext, Route } from './context.ts';
import { pageRoutes } from './endpoints/index.ts';
import { setNotCached } from './http/cache.ts';
import { setCookie } from './http/cookie.ts';
import { addVary, sendPreflight, setCors } from './http/cors.ts';
import { applyDeferredHeaders, deferHeaders, setHeader } from './http/head.ts';
import { isPipelined, takePlace } from './http/pipeline.ts';
import { pathOf } from './http/query.ts';
import { endConnectionIfClosing, sendEmpty, sendError, setConnectionClose } from './http/respond.ts';
import { Metrics, type SockjsStats } from './metrics.ts';
import { MAX_DELAY, printError, resolveOptions, type SockjsOptions } from './options/options.ts';
import { assertClosable, CloseCode } from './protocol/close-code.ts';
import { assertText } from './protocol/shared-message.ts';
import { type Match, RouteTable } from './router/route-table.ts';
import { type CloseOptions, type CloseResult, type LiveSessions, SessionRegistry } from './session/registry.ts';
import { type BroadcastOptions, sendToAll } from './session/rooms.ts';
import type { Session, SessionHandler } from './session/session.ts';
import { transportRoutes, webSocketServerOf } from './transports/index.ts';
import { debugRequest } from './util/debug.ts';
import { isThenable } from './util/promises.ts';
import { TimerQueue } from './util/timer-queue.ts';

/** Continues with whatever comes after the router; an argument is an error. */
type Next = (error?: unknown) => void;

/**
 * What `sockjs()` returns: an Express Router that is also a plain request listener, so that it works in Express 4 and
 * 5, in Connect, and as `http.createServer(router)`.
 */
export interface SockjsRouter<Data = unknown, Req extends IncomingMessage = IncomingMessage> extends Router {
  /** Answers a request, or passes it on to `next` where it is none of SockJS's; without `next` it answers 404. */
  (req: IncomingMessage, res: ServerResponse, next?: Next): void;

  /** The live sessions of this router. */
  readonly sessions: LiveSessions<Data, Req>;

  /**
   * Sends a message to every session that is open, quoting it and building its frames once for all. In each session it
   * comes after what was sent before and before what is sent later. A session that does not accept it, as `send()`
   * would not, does not stop the others.
   *
   * @param options.except a session, or some, that are left out
   * @returns how many sessions accepted it
   * @throws TypeError for anything but a string
   */
  broadcast(message: string, options?: BroadcastOptions<Session<Data, Req>>): number;

  /** The sessions that have joined a room of this router by `session.join(room)`, to send them something. */
  to(room: string): Room<Data, Req>;

  /** What this router has counted so far, and what its sessions hold at the moment. */
  stats(): SockjsStats;

  /**
   * Shuts down: new sessions get 503; every live one gets what is queued for it, then the close frame, on all
   * transports. From then on answers close their connection, so that `server.close()` need not wait. Called again, it
   * returns the first promise.
   *
   * @returns settles when no session is left, or `timeout` has passed and what was left was cut; never rejects
   * @throws RangeError for a code or reason that cannot be sent, or a timeout that is none
   */
  close(options?: CloseOptions): Promise<CloseResult>;

  /** `close()` with its defaults, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The sessions in one room; see `router.to()`. */
export interface Room<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  /** As `router.broadcast()`, but for those who are in the room. */
  send(message: string, options?: BroadcastOptions<Session<Data, Req>>): number;
}

/** Answers a request, or passes it on. */
type Dispatch = (req: MountedRequest, res: ServerResponse, next: Next) => void;

/** A Router with the method by which Express dispatches; public in both majors, missing from their types. */
interface DispatchingRouter {
  readonly stack: readonly unknown[];
  handle(req: MountedRequest, res: ServerResponse, next?: Next): void;
}

/** What Express and Connect put on a request. */
interface MountedRequest extends IncomingMessage {
  baseUrl?: string;
  originalUrl?: string;
  params?: unknown;
  [MOUNT_PARAMS]?: unknown;
}

/** The parameters as they were at the mount: the Router puts its own in their place while it dispatches. */
const MOUNT_PARAMS = Symbol('express-sockjs.mount-params');

/**
 * Makes a SockJS endpoint as middleware.
 *
 * `Data` is the type of `session.data`, `Req` that of `session.request`. Each call has sessions of its own. For
 * WebSockets call `attachUpgrade(server)` once, too.
 *
 * @param options see {@link SockjsOptions}; may be left out
 * @param onSession called once for each new session, right after its open frame
 * @throws TypeError where `onSession` is missing, and TypeError or RangeError for an option that is wrong
 *
 * @example
 * app.use('/echo', sockjs({ heartbeatDelay: 25_000 }, (session) => {
 *   session.on('message', (message) => session.send(message));
 * }));
 */
export function sockjs<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  options: SockjsOptions<Data, Req>,
  onSession: SessionHandler<Data, Req>,
): SockjsRouter<Data, Req>;
export function sockjs<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  onSession: SessionHandler<Data, Req>,
): SockjsRouter<Data, Req>;
export function sockjs<Data, Req extends IncomingMessage>(
  ...args: [SessionHandler<Data, Req>] | [SockjsOptions<Data, Req>, SessionHandler<Data, Req>]
): SockjsRouter<Data, Req> {
  const [given, onSession] = args.length === 1 && typeof args[0] === 'function' ? [{}, args[0]] : args;
  if (given instanceof IncomingMessage) {
    throw new TypeError(
      "sockjs: sockjs itself is no middleware, what it returns is; write app.use('/echo', sockjs(onSession))",
    );
  }
  if (args.some(isAppOrServer)) {
    throw new TypeError(
      "sockjs: sockjs() takes no app and no server; write app.use('/echo', sockjs(onSession)); " +
        'const server = createServer(app); attachUpgrade(server); server.listen(8080)',
    );
  }
  if (typeof onSession !== 'function') {
    throw new TypeError("sockjs: onSession is missing; write app.use('/echo', sockjs(options, (session) => { … }))");
  }
  const options = resolveOptions<Data, Req>(given as SockjsOptions<Data, Req>);
  const metrics = new Metrics();
  const timers = new TimerQueue();
  const sessions = new SessionRegistry<Data, Req>({ ...options, onSession, metrics, timers }, options);
  const endpoint: EndpointContext<Data, Req> = {
    options,
    sessions,
    webSocketServer: webSocketServerOf(options),
    metrics,
    timers,
  };

  const router = Router({ strict: true, caseSensitive: true });
  const routes = [...transportRoutes(options), ...pageRoutes];
  const table = new RouteTable(routes);
  const dispatch: Dispatch = (req, res, next) => {
    const path = pathOf(req.url ?? '') || '/';
    const match = table.find(path);
    if (match === undefined) {
      next();
      return;
    }
    const fail = (error: unknown) => {
      applyDeferredHeaders(res);
      next(error);
    };
    try {
      // The application vouches for Req by naming it: it is what its own middleware makes of a request.
      answer(endpoint, match, req as unknown as Req & MountedRequest, res, fail);
    } catch (error) {
      fail(error);
    }
  };
  for (const { path } of routes) {
    router.all(path, (req, res, next) => {
      const mounted: MountedRequest = req;
      mounted.params = mounted[MOUNT_PARAMS];
      dispatch(mounted, res, next);
    });
  }
  dispatchUnder(options.prefix, router as unknown as DispatchingRouter, dispatch);
  const close = ({
    code = CloseCode.GoingAway,
    reason = 'Server shutting down',
    timeout = 5_000,
  }: CloseOptions = {}) => {
    assertClosable(code, reason);
    if (!(typeof timeout === 'number' && timeout >= 0 && timeout <= MAX_DELAY)) {
      throw new RangeError(
        `sockjs: option "timeout" is ${String(timeout)}; it must be a number of ms from 0 to ${MAX_DELAY}`,
      );
    }
    return sessions.close(code, reason, timeout);
  };
  return Object.assign(router as unknown as Router & SockjsRouter<Data, Req>, {
    sessions: sessions as LiveSessions<Data, Req>,
    broadcast: (message: string, options?: BroadcastOptions<Session<Data, Req>>) => {
      assertText('router.broadcast', message);
      return sendToAll(sessions, message, options);
    },
    to: (room: string) => ({
      send: (message: string, options?: BroadcastOptions<Session<Data, Req>>) => {
        assertText('router.to(room).send', message);
        return sendToAll(sessions.rooms.in(room), message, options);
      },
    }),
    stats: () => metrics.snapshot(sessions),
    close,
    [Symbol.asyncDispose]: async () => {
      await close();
    },
  });
}

/** What other packages are given, and is of no use here: `handle` is how Express and Connect dispatch. */
function isAppOrServer(value: unknown): boolean {
  const members = value as { handle?: unknown; listen?: unknown } | null | undefined;
  return typeof members?.handle === 'function' || typeof members?.listen === 'function';
}

/**
 * Puts before the Router's own dispatch what it lacks: a prefix, a last handler where there is no `next`, the memory
 * of the mount's parameters, and an eye on slashes. As long as the application has added nothing to the Router,
 * `direct` finds the route in its place: the same table without the cost of a layer for each.
 */
function dispatchUnder(prefix: string, router: DispatchingRouter, direct: Dispatch): void {
  const dispatch = router.handle.bind(router);
  const ownLayers = router.stack.length;
  router.handle = (req, res, next = lastHandler(res)) => {
    const url = req.url ?? '/';
    const rest = prefix === '' ? url : stripPrefix(url, prefix);
    if (rest === undefined || hasDoubledSlash(req)) {
      next();
      return;
    }
    const done: Next = (error) => {
      req.url = url;
      next(error);
    };
    req.url = rest;
    if (router.stack.length === ownLayers) {
      req.originalUrl ??= url;
      req.baseUrl ??= '';
      direct(req, res, done);
    } else {
      req[MOUNT_PARAMS] = req.params;
      dispatch(req, res, done);
    }
  };
}

/** What is left of a URL under the prefix, or undefined where it is not under it. */
function stripPrefix(url: string, prefix: string): string | undefined {
  if (url.startsWith(`${prefix}/`)) {
    return url.slice(prefix.length);
  }
  const path = pathOf(url);
  if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    return undefined;
  }
  const query = url.indexOf('?');
  const rest = path.slice(prefix.length) || '/';
  return query === -1 ? rest : rest + url.slice(query);
}

/** Express 4 swallows the second slash of `/echo//…`, which is no path of ours (PROTOCOL.md section 1). */
function hasDoubledSlash({ baseUrl, originalUrl }: MountedRequest): boolean {
  return Boolean(baseUrl) && pathOf(originalUrl ?? '').startsWith(`${baseUrl}//`);
}

/** What happens to requests that nobody took, where there is no framework to say. */
function lastHandler(res: ServerResponse): Next {
  return (error) => {
    if (error !== undefined) {
      printError(error);
    }
    if (res.headersSent) {
      res.destroy();
    } else if (error === undefined) {
      sendError(res, 404, 'Not found.');
    } else {
      sendError(res, 500, 'Internal server error.');
    }
  };
}

/** One request to one route: who is asked, which headers go along, and by what methods. */
function answer<Data, Req extends IncomingMessage>(
  endpoint: EndpointContext<Data, Req>,
  { route, sessionId }: Match,
  req: Req & MountedRequest,
  res: ServerResponse,
  next: Next,
): void {
  debugRequest('%s %s', req.method, req.originalUrl ?? req.url);
  const context: RequestContext<Data, Req> = { endpoint, req, res, sessionId, next };
  deferHeaders(res);
  if (isPipelined(req, res) && !takePlace(req, res)) {
    setConnectionClose(res);
    reject(context, 'busy', 503, 'Too many pipelined requests.');
    return;
  }
  endConnectionIfClosing(context);
  if (route.setsSessionCookie) {
    setNotCached(res);
    setCookie(context);
    if (res.writableEnded) {
      return;
    }
  }
  if (!isAllowedMethod(route, req.method)) {
    setHeader(res, 'Allow', allowedMethods(route).join(', '));
    sendEmpty(res, 405);
    return;
  }
  const isAllowed = route.origin === undefined || isOriginAllowed(endpoint.options, req, route.origin);
  if (!isThenable(isAllowed)) {
    proceed(context, route, isAllowed);
    return;
  }
  applyDeferredHeaders(res);
  Promise.resolve(isAllowed)
    .then((allowed) => {
      endConnectionIfClosing(context);
      proceed(context, route, allowed);
    })
    .catch(next);
}

/** Goes on when it is known whether the page that asks may. */
function proceed<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  route: Route,
  isAllowed: boolean,
): void {
  const { req, res } = context;
  if (!isAllowed) {
    addVary(res, 'Origin');
    reject(context, 'origin', 403, 'Origin not allowed (see the allowedOrigins option).');
    return;
  }
  if (route.origin !== undefined) {
    addVary(res, 'Origin');
  }
  const corsAllowed = route.cors === true && setCors(context);
  if (req.method === 'OPTIONS') {
    sendPreflight(context, route.methods.POST === undefined ? 'GET' : 'POST', corsAllowed);
    return;
  }
  const handler = route.methods[req.method === 'POST' ? 'POST' : 'GET'];
  handler?.(context);
}

function isAllowedMethod({ methods, head, preflight }: Route, method: string | undefined): boolean {
  switch (method) {
    case 'GET':
    case 'POST':
      return methods[method] !== undefined;
    case 'HEAD':
      return head === true;
    case 'OPTIONS':
      return preflight === true;
    default:
      return false;
  }
}

/** The methods of a route, as they stand in an `Allow` header. */
function allowedMethods(route: Route): string[] {
  return [...(route.preflight ? ['OPTIONS'] : []), ...Object.keys(route.methods), ...(route.head ? ['HEAD'] : [])];
}
