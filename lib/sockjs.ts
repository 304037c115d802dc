/** The factory: options in, an Express Router with one route per SockJS endpoint out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Router } from 'express';
import type { EndpointContext } from './context.ts';
import { pageRoutes } from './endpoints/index.ts';
import { Metrics, type SockjsStats } from './metrics.ts';
import { readArguments } from './options/arguments.ts';
import { MAX_DELAY, type SockjsOptions } from './options/options.ts';
import { resolveOptions } from './options/resolve.ts';
import { assertClosable, CloseCode } from './protocol/close-code.ts';
import { assertText } from './protocol/shared-message.ts';
import type { Next } from './router/handle-request.ts';
import { createRouter } from './router/router.ts';
import { type CloseOptions, type CloseResult, type LiveSessions, SessionRegistry } from './session/registry.ts';
import { type BroadcastOptions, sendToAll } from './session/rooms.ts';
import type { Session, SessionHandler } from './session/session.ts';
import { transportRoutes, webSocketServerOf } from './transports/index.ts';
import { TimerQueue } from './util/timer-queue.ts';

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
  const { options, onSession } = readArguments<Data, Req>(args);
  return createSockjsRouter(options, onSession);
}

/**
 * Makes the router for arguments that have been checked.
 *
 * @throws TypeError or RangeError for an option that is wrong
 * @internal
 */
export function createSockjsRouter<Data, Req extends IncomingMessage>(
  given: SockjsOptions<Data, Req>,
  onSession: SessionHandler<Data, Req>,
): SockjsRouter<Data, Req> {
  const options = resolveOptions(given);
  const metrics = new Metrics();
  const timers = new TimerQueue();
  const sessions = new SessionRegistry<Data, Req>({ ...options, onSession, metrics, timers }, options);
  const webSocketServer = webSocketServerOf(options);
  const endpoint: EndpointContext<Data, Req> = { options, sessions, webSocketServer, metrics, timers };
  const router = createRouter(endpoint, [...transportRoutes(options), ...pageRoutes]);
  return Object.assign(router as Router & SockjsRouter<Data, Req>, membersOf(endpoint));
}

/** What a SockJS router has beside the members of an Express Router. */
function membersOf<Data, Req extends IncomingMessage>({ sessions, metrics }: EndpointContext<Data, Req>) {
  const close = (options: CloseOptions = {}) => closeAll(sessions, options);
  return {
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
  };
}

/** Fills the gaps of the options of `router.close()`, checks them, and shuts down. */
function closeAll<Data, Req extends IncomingMessage>(
  sessions: SessionRegistry<Data, Req>,
  { code = CloseCode.GoingAway, reason = 'Server shutting down', timeout = 5_000 }: CloseOptions,
): Promise<CloseResult> {
  assertClosable(code, reason);
  if (!(typeof timeout === 'number' && timeout >= 0 && timeout <= MAX_DELAY)) {
    throw new RangeError(
      `sockjs: option "timeout" is ${String(timeout)}; it must be a number of ms from 0 to ${MAX_DELAY}`,
    );
  }
  return sessions.close(code, reason, timeout);
}
