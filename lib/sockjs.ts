/** The factory: makes the context of an endpoint from the options, and its router from the context. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Application, Request, Router } from 'express';
import { ClusterNode } from './cluster/cluster-node.ts';
import type { Cluster } from './cluster/cluster-state.ts';
import type { EndpointContext } from './context.ts';
import { Metrics, type SockjsStats } from './metrics.ts';
import { readArguments } from './options/arguments.ts';
import type { DataOf, InferredOptions, SockjsOptions } from './options/options.ts';
import { resolveOptions } from './options/resolve.ts';
import { pageRoutes } from './pages/index.ts';
import { assertClosable, CLOSES, closeFrom } from './protocol/close-code.ts';
import { assertText } from './protocol/shared-message.ts';
import type { Next } from './router/handle-request.ts';
import { createRouter } from './router/router.ts';
import { upgradeTaker } from './router/take-upgrade.ts';
import { type BroadcastOptions, closeAll, sendToAll } from './session/broadcast.ts';
import type { SessionDirectory } from './session/directory.ts';
import { type LiveSessions, liveSessionsOf } from './session/live-sessions.ts';
import { SessionRegistry } from './session/registry.ts';
import { assertRoom } from './session/rooms.ts';
import type { Session, SessionHandler } from './session/session.ts';
import type { CloseOptions, CloseResult, Shutdown } from './session/shutdown.ts';
import { allTransportRoutes, transportRoutes, webSocketServerOf } from './transports/index.ts';
import { withHelp } from './util/help.ts';
import { ignoreRejection } from './util/promises.ts';
import { DELAYS, isDelay, TimerQueue } from './util/timer-queue.ts';

/**
 * The router that `sockjs()` returns: an Express Router that is also a plain request listener. It works in Express 4
 * and 5, in Connect, and as `http.createServer(router)`.
 */
export interface SockjsRouter<Data = unknown, Req extends IncomingMessage = IncomingMessage> extends Router {
  /**
   * Answers a request to one of its routes, and calls `next` for all others. Without `next` it answers those with 404.
   */
  (req: IncomingMessage, res: ServerResponse, next?: Next): void;

  /** The live sessions of this router. */
  readonly sessions: LiveSessions<Data, Req>;

  /**
   * The processes that share the sessions of this endpoint; undefined without the option `cluster`.
   *
   * @experimental It may change in any release.
   */
  readonly cluster: Cluster | undefined;

  /**
   * Sends a message to every open session. Quotes it and builds its frames once for all. Each session keeps the order
   * of messages that were sent by this method and by its own `send()`. All others get the message even if one session
   * does not accept it. With the option `cluster` the sessions of all processes get it.
   *
   * @param options.except the session or sessions of this process that do not get the message
   * @param options.local whether only sessions of this process get it
   * @returns how many sessions of this process accepted it
   * @throws TypeError for anything but a string
   */
  broadcast(message: string, options?: BroadcastOptions<Session<Data, Req>>): number;

  /**
   * The sessions that have joined a room of this router by `session.join(room)`.
   *
   * @throws TypeError for anything but a string; RangeError for a name of more than 1024 characters
   */
  to(room: string): Room<Data, Req>;

  /**
   * Takes an upgrade whose path is one of the routes of this router, below its option `prefix`. Has it answered as
   * `attachUpgrade()` does, within 10 seconds: the WebSocket opens, or the client gets the refusal of the router, such as
   * 403, 405, or the 404 of a transport that is switched off. No middleware sees the upgrade: for a router that is
   * mounted in an app, use `upgradeHandler(app)`. A request for another protocol than WebSocket is answered as an ordinary
   * request by the server of its connection.
   *
   * @returns true where the router answers, or a listener of this package has taken the upgrade before; false where it
   *   leaves request and socket as they came, so that another handler may take them
   *
   * @example
   * server.on('upgrade', (req, socket, head) => {
   *   if (!router.handleUpgrade(req, socket, head)) {
   *     socket.destroy();
   *   }
   * });
   */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean;

  /**
   * How many sessions there are, those that are closing included. With the option `cluster` those of all processes: the
   * others have told of theirs within about a second.
   */
  count(): number;

  /** Counters since the router was made, and how many sessions and queued bytes there are now. */
  stats(): SockjsStats;

  /**
   * Shuts down. New sessions get 503. Live ones get the messages queued for them, then the close frame, on all
   * transports. From then on answers close their connection, so that `server.close()` does not wait for it. Further
   * calls return the first promise.
   *
   * @returns settles when no session is left, or when `timeout` has passed and the rest was cut; never rejects. With the
   *   option `cluster`, relayed requests get `timeout` once more, and each command of the registry `nodeTimeout`
   * @throws RangeError for a code or reason that cannot be sent, or a timeout that is no number of ms
   */
  close(options?: CloseOptions): Promise<CloseResult>;

  /** `close()` with its defaults, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The sessions in one room; see `router.to()`. */
export interface Room<Data = unknown, Req extends IncomingMessage = IncomingMessage> {
  /** Sends a message to the sessions in the room; otherwise as `router.broadcast()`. */
  send(message: string, options?: BroadcastOptions<Session<Data, Req>>): number;

  /**
   * Closes the sessions in the room, with the option `cluster` those of all processes.
   *
   * @param code as for `session.close()`; 1000 where it is left out
   * @param reason as for `session.close()`
   * @returns settles when every other process has closed its sessions. Rejects with a `NotConfirmedError` whose `nodeIds`
   *   are the processes that have not confirmed it within twice `nodeTimeout`: they do it once they are linked again, or
   *   end all sessions in rooms where that took too long. Rejects with an Error where this process has not joined the
   *   cluster within `nodeTimeout`, or has left it. May be ignored
   * @throws RangeError for a code or reason that cannot be sent
   */
  close(code?: number, reason?: string): Promise<void>;

  /** How many sessions are in the room; otherwise as `router.count()`. */
  count(): number;
}

/** The request that an app passes on. `App` is the type of `req.app`, which Express sets; `unknown` without Express. */
type RequestOf<App> = [App] extends [Application] ? Request : IncomingMessage;

/**
 * A {@link SockjsRouter}, always, since every type extends `unknown`. From the other branch TypeScript infers `App`:
 * within `app.use()` it compares that branch with Express's `RequestHandler`, whose request has an `app`.
 *
 * A `SockjsRouter` has two signatures, its own and Express's, and TypeScript compares them in order. So the branch has two
 * as well, and `App` stays unknown where a `SockjsRouter` is expected: its own signature takes any `IncomingMessage`.
 */
type RouterFor<App, Data, Req extends IncomingMessage> = [App] extends [unknown]
  ? SockjsRouter<Data, Req>
  : { (req: { readonly app: App }): void; (req: never): void };

/**
 * Makes a SockJS endpoint as middleware. Endpoints share no sessions. For WebSockets call `attachUpgrade(server)` once,
 * too.
 *
 * TypeScript finds the type of `session.data` in `authorize`: `User | undefined` where that returns a `User` or booleans,
 * `unknown` where it returns only booleans or is left out. `session.request` is Express's `Request` where the call is an
 * argument of `app.use()`, else an `IncomingMessage`. `sockjs<Data, Req>(…)` or `(session: Session<Data, Req>) => …` says
 * something else.
 *
 * @param options see {@link SockjsOptions}; may be left out
 * @param onSession called once for each new session, right after its open frame
 * @throws TypeError if `onSession` is missing; TypeError or RangeError for a wrong option
 *
 * @example
 * app.use('/echo', sockjs({ heartbeatDelay: 25_000 }, (session) => {
 *   session.on('message', (message) => session.send(message));
 * }));
 */
export function sockjs<App, Returned, Req extends RequestOf<App>>(
  options: InferredOptions<Returned, Req>,
  onSession: SessionHandler<DataOf<Returned>, Req>,
): RouterFor<App, DataOf<Returned>, Req>;
/**
 * Makes a SockJS endpoint as middleware, with all options at their defaults.
 *
 * `session.data` is `unknown`. `session.request` is Express's `Request` where the call is an argument of `app.use()`, else
 * an `IncomingMessage`. `sockjs<Data, Req>(…)` or `(session: Session<Data, Req>) => …` says something else.
 *
 * @param onSession called once for each new session, right after its open frame
 * @throws TypeError if `onSession` is missing
 *
 * @example
 * app.use('/echo', sockjs((session) => {
 *   session.on('message', (message) => session.send(message));
 * }));
 */
export function sockjs<App, Data, Req extends RequestOf<App>>(
  onSession: SessionHandler<Data, Req>,
): RouterFor<App, Data, Req>;
/**
 * Makes a SockJS endpoint as middleware, where `Data` is the type of `session.data` and `Req` that of `session.request`.
 *
 * @param options see {@link SockjsOptions}; may be left out
 * @param onSession called once for each new session, right after its open frame
 * @throws TypeError if `onSession` is missing; TypeError or RangeError for a wrong option
 */
export function sockjs<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  options: SockjsOptions<Data, Req>,
  onSession: SessionHandler<Data, Req>,
): SockjsRouter<Data, Req>;
/**
 * Makes a SockJS endpoint as middleware, where `Data` is the type of `session.data` and `Req` that of `session.request`.
 * All options have their defaults.
 *
 * @param onSession called once for each new session, right after its open frame
 * @throws TypeError if `onSession` is missing
 */
export function sockjs<Data = unknown, Req extends IncomingMessage = IncomingMessage>(
  onSession: SessionHandler<Data, Req>,
): SockjsRouter<Data, Req>;
export function sockjs<Data, Req extends IncomingMessage>(
  ...args: [SessionHandler<Data, Req>] | [SockjsOptions<Data, Req>, SessionHandler<Data, Req>]
): SockjsRouter<Data, Req> {
  const { options, onSession } = readArguments<Data, Req>(args);
  return createSockjsRouter(options, onSession);
}

/**
 * Makes the router of an endpoint, as `sockjs()` does once it has told its arguments apart.
 *
 * @param directoryOf the directory that HTTP requests ask for their sessions, given the sessions of this process
 * @throws TypeError or RangeError for a wrong option
 * @internal
 */
export function createSockjsRouter<Data, Req extends IncomingMessage>(
  given: SockjsOptions<Data, Req>,
  onSession: SessionHandler<Data, Req>,
  directoryOf: (sessions: SessionRegistry<Data, Req>) => SessionDirectory<Data, Req> = (sessions) => sessions,
): SockjsRouter<Data, Req> {
  const options = resolveOptions(given);
  const metrics = new Metrics();
  const timers = new TimerQueue();
  const sessions = new SessionRegistry<Data, Req>({ ...options, onSession, metrics, timers }, options);
  const webSocketServer = webSocketServerOf(options);
  const { cluster } = options;
  const node =
    cluster === undefined
      ? undefined
      : new ClusterNode<Data, Req>(cluster, sessions, {
          ...options,
          timers,
          onCutOff: () => ignoreRejection(listener.close(CLOSES.sessionLost)),
        });
  const endpoint: EndpointContext<Data, Req> = {
    options,
    sessions,
    directory: node?.directory ?? directoryOf(sessions),
    shutdown: sessions.shutdown,
    webSocketServer,
    metrics,
    timers,
  };
  const router = createRouter(endpoint, [...transportRoutes(options), ...pageRoutes]);
  const listener = router as Router & SockjsRouter<Data, Req>;
  const handleUpgrade = upgradeTaker(endpoint, (req, res) => listener(req, res), ALL_ROUTES);
  return Object.assign(listener, membersOf(endpoint, node), { handleUpgrade });
}

/** The routes that an endpoint has where no transport is switched off. */
const ALL_ROUTES = [...allTransportRoutes, ...pageRoutes];

/** ms that `router.close()` gives to bytes that have not left. */
const CLOSE_TIMEOUT = 5_000;

/** The members that a SockJS router has beside those of an Express Router. */
function membersOf<Data, Req extends IncomingMessage>(
  { sessions, shutdown, metrics }: EndpointContext<Data, Req>,
  node: ClusterNode<Data, Req> | undefined,
) {
  const rooms = node?.rooms;
  const relay = (room: string | undefined, text: string, options?: BroadcastOptions<Session<Data, Req>>) => {
    // Callers in JavaScript may give null.
    if (options?.local !== true) {
      rooms?.post({ type: 'message', room, text });
    }
  };
  const close = (options: CloseOptions = {}) => {
    const closed = shutDown(shutdown, options);
    return node === undefined ? closed : node.close(closed, options.timeout ?? CLOSE_TIMEOUT);
  };
  return {
    sessions: liveSessionsOf(sessions),
    cluster: node?.state,
    broadcast: (message: string, options?: BroadcastOptions<Session<Data, Req>>) => {
      assertText('router.broadcast', message);
      const accepted = sendToAll(sessions, message, options);
      relay(undefined, message, options);
      return accepted;
    },
    count: () => sessions.size + (rooms?.countElsewhere(undefined) ?? 0),
    to: (room: string) => {
      assertRoom('router.to', room);
      return {
        send: (message: string, options?: BroadcastOptions<Session<Data, Req>>) => {
          assertText('router.to(room).send', message);
          const accepted = sendToAll(sessions.rooms.in(room), message, options);
          relay(room, message, options);
          return accepted;
        },
        close: (code?: number, reason?: string) => {
          const close = closeFrom(code, reason);
          closeAll(sessions.rooms.in(room), close.code, close.reason);
          return node?.closeRoom({ type: 'close', room, ...close }) ?? Promise.resolve();
        },
        count: () => sessions.rooms.sizeOf(room) + (rooms?.countElsewhere(room) ?? 0),
      };
    },
    stats: () => metrics.snapshot(sessions, node?.stats()),
    close,
    [Symbol.asyncDispose]: async () => {
      await close();
    },
  };
}

/** Fills the gaps in the options of `router.close()`, checks them, and shuts down. */
function shutDown(
  shutdown: Shutdown,
  { code = CLOSES.goingAway.code, reason = CLOSES.goingAway.reason, timeout = CLOSE_TIMEOUT }: CloseOptions,
): Promise<CloseResult> {
  assertClosable(code, reason);
  if (!isDelay(timeout)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(`sockjs: option "timeout" is ${String(timeout)}; it must be a number of ms from 0 to ${DELAYS}`),
    );
  }
  return shutdown.close(code, reason, timeout);
}
