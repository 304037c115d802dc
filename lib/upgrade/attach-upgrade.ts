/**
 * WebSocket upgrades by way of the application. An upgrade request runs through the `request` listeners of its server,
 * so that mount paths and earlier middleware apply to it, until a WebSocket route takes it over.
 */
import { DELAYS, isDelay, TimerQueue } from '../util/timer-queue.ts';
import { dispatch } from './dispatch.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import { replaceEmit, type UpgradeHandler } from './replace-emit.ts';
import { replay } from './replay.ts';
import type { UpgradeServer } from './server.ts';
import { wrapShouldUpgrade } from './should-upgrade.ts';
import { closeUnlessTaken } from './sockets.ts';
import { isCandidate, isWebSocketRequest } from './upgrade-request.ts';
import { whenIdle } from './when-idle.ts';

export type { UpgradeServer };

/** Options of `attachUpgrade()`. */
export interface AttachUpgradeOptions {
  /**
   * ms in which the handshake of an upgrade must be answered; then the client gets 503. Middleware, `authorize` and an
   * asynchronous `verifyClient` of `websocketServer` share them. Responses to earlier requests of the connection have
   * the same time to end before; then the connection is closed.
   *
   * `Infinity` for no limit: then the application, or the listener of another package that ignores an upgrade, must see
   * to it that the connection is closed.
   * @default 10_000 // 10 seconds
   */
  upgradeTimeout?: number | undefined;
}

/** Where a server keeps its detach function; registered, so that a second copy of this package sees the first. */
const DETACH = Symbol.for('express-sockjs.detach-upgrade');

interface AttachedServer {
  [DETACH]?: () => void;
}

/**
 * Lets in the WebSockets of all SockJS endpoints of a server. A second call for the same server changes nothing and
 * returns the same function.
 *
 * The `request` listeners of the server get an upgrade request first where its path, as the client sent it, ends in
 * `/websocket`, and where the server has no other `upgrade` listeners. They may rewrite `req.url`. Other `upgrade`
 * listeners do not see an upgrade that a SockJS endpoint takes. A refusal by the application (3xx, 4xx but 404, 5xx)
 * goes to the client. Any other response is discarded, and the other listeners get the event with the URL that the
 * client sent. Where there are none, the client gets the response of the application and the connection is closed. An
 * upgrade ends when its client ends its side of the connection.
 *
 * @returns a function that undoes it; open WebSockets stay open
 * @throws TypeError where `server` is no server, RangeError where `upgradeTimeout` is no number above 0
 */
export function attachUpgrade(
  server: UpgradeServer,
  { upgradeTimeout = 10_000 }: AttachUpgradeOptions = {},
): () => void {
  assertServer(server);
  if (!isDelay(upgradeTimeout) || upgradeTimeout === 0) {
    throw new RangeError(
      `sockjs: option "upgradeTimeout" is ${String(upgradeTimeout)}; it must be a number of ms from 1 to ${DELAYS}`,
    );
  }
  const attached = server as UpgradeServer & AttachedServer;
  attached[DETACH] ??= attach(attached, upgradeTimeout);
  return attached[DETACH];
}

function assertServer(server: UpgradeServer): void {
  // Apps of some frameworks, such as NestJS, have `listen`, but do not emit events.
  const isServer =
    typeof server === 'object' && typeof server?.listen === 'function' && typeof server.on === 'function';
  if (!isServer) {
    throw new TypeError(
      'sockjs: attachUpgrade() takes the server, not the app; ' +
        'write const server = createServer(app); attachUpgrade(server); server.listen(8080), ' +
        'or in NestJS attachUpgrade(app.getHttpServer())',
    );
  }
}

function attach(server: UpgradeServer & AttachedServer, timeout: number): () => void {
  const timers = new TimerQueue();
  const time = { timers, timeout };
  // Node emits upgrades only where there is a listener. `onUpgrade` does the work before any listener is called.
  const listener = () => {};
  server.on('upgrade', listener);
  const countOtherListeners = () => server.listeners('upgrade').filter((other) => other !== listener).length;
  const restoreCallback = wrapShouldUpgrade(server, countOtherListeners);

  const onUpgrade: UpgradeHandler = (req, socket, head, emitToListeners) => {
    // Stays on a socket that another listener gets. A listener that ignores the upgrade would leave it without any.
    socket.on('error', ignoreSocketError);
    const emitToOtherListeners = () => {
      closeUnlessTaken(socket, time);
      emitToListeners();
    };
    whenIdle(req, socket, time, () => {
      const isWebSocket = isWebSocketRequest(req);
      if (isWebSocket && (isCandidate(req) || countOtherListeners() === 0)) {
        dispatch(server, req, socket, head, { ...time, countOtherListeners, emitToOtherListeners });
      } else if (isWebSocket || restoreCallback !== undefined) {
        // Where it is no WebSocket, a `shouldUpgradeCallback` of the application has accepted the upgrade.
        emitToOtherListeners();
      } else {
        replay(server, req, socket, head, timers);
      }
    });
  };
  const restoreEmit = replaceEmit(server, onUpgrade);

  const detach = () => {
    if (server[DETACH] === detach) {
      server.off('upgrade', listener);
      delete server[DETACH];
      restoreEmit();
      restoreCallback?.();
    }
  };
  return detach;
}
