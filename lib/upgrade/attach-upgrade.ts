/**
 * WebSocket upgrades by way of the application: an upgrade request runs through the server's own request handling, so
 * that mount paths and earlier middleware apply to it, until a WebSocket endpoint takes it over.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { pathOf } from '../http/query.ts';
import { hasToken } from '../http/tokens.ts';
import { MAX_DELAY } from '../options/options.ts';
import { TimerQueue } from '../util/timer-queue.ts';
import { dispatch } from './dispatch.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import { replay } from './replay.ts';
import type { UpgradeServer } from './server.ts';
import { closeUnlessTaken, whenIdle } from './sockets.ts';

export type { UpgradeServer };

/** Options of `attachUpgrade()`. */
export interface AttachUpgradeOptions {
  /**
   * ms until the handshake of an upgrade must have been answered; then the client gets 503. Middleware, `authorize` and
   * an asynchronous `verifyClient` of `websocketServer` share them. Answers to earlier requests of the connection have
   * as much to end before; then the connection is closed.
   * @default 10_000 // 10 seconds
   */
  upgradeTimeout?: number | undefined;
}

/** Where a server keeps what detaches it; registered, so that a second copy of this package sees the first. */
const DETACH = Symbol.for('express-sockjs.detach-upgrade');

/** What a server may have beyond its type: our mark, and what Node 22.21 and 24.9 brought. */
interface UpgradingServer {
  [DETACH]?: () => void;
  shouldUpgradeCallback?: (req: IncomingMessage) => boolean;
}

/**
 * Lets the WebSockets of all SockJS endpoints of a server in. Called again for the same server it changes nothing and
 * returns the same function.
 *
 * An upgrade request to a path that ends in `/websocket` is given to the server's `request` listeners first. What a
 * SockJS endpoint takes, no other `upgrade` listener sees. A refusal by the application (3xx, 4xx but 404, 5xx) is the
 * client's answer. Anything else is discarded and the event passed on to the other listeners; where there are none, the
 * client gets the application's answer and the connection is closed. A client that ends its side of the connection
 * while its upgrade waits is gone.
 *
 * @returns a function that undoes it; WebSockets that are open stay open
 * @throws TypeError for anything that is no server, RangeError for an `upgradeTimeout` that is no number above 0
 */
export function attachUpgrade(
  server: UpgradeServer,
  { upgradeTimeout = 10_000 }: AttachUpgradeOptions = {},
): () => void {
  // Apps of other frameworks, such as NestJS, are objects that listen, but emit nothing.
  const isServer =
    typeof server === 'object' && typeof server?.listen === 'function' && typeof server.on === 'function';
  if (!isServer) {
    throw new TypeError(
      'sockjs: attachUpgrade() takes the server, not the app; ' +
        'write const server = createServer(app); attachUpgrade(server); server.listen(8080), ' +
        'or in NestJS attachUpgrade(app.getHttpServer())',
    );
  }
  if (!(typeof upgradeTimeout === 'number' && upgradeTimeout > 0 && upgradeTimeout <= MAX_DELAY)) {
    throw new RangeError(
      `sockjs: option "upgradeTimeout" is ${String(upgradeTimeout)}; it must be a number of ms from 1 to ${MAX_DELAY}`,
    );
  }
  const marked = server as UpgradeServer & UpgradingServer;
  marked[DETACH] ??= attach(marked, upgradeTimeout);
  return marked[DETACH];
}

function attach(server: UpgradeServer & UpgradingServer, timeout: number): () => void {
  const timers = new TimerQueue();
  const countOtherListeners = () => server.listeners('upgrade').filter((other) => other !== listener).length;
  // Node tells of upgrades only where there is a listener. The work is done in `emit`, before any listener is called:
  // others must not see what is ours, nor anything before that is known, however early they were added.
  const listener = () => {};
  server.on('upgrade', listener);

  const ownEmit = Object.hasOwn(server, 'emit');
  const emit = server.emit;
  const emitUpgrade = (...args: [event: string | symbol, ...unknown[]]): boolean => {
    if (args[0] !== 'upgrade' || server[DETACH] !== detach) {
      return Reflect.apply(emit, server, args);
    }
    const [, req, socket, head] = args as [unknown, IncomingMessage, Duplex, Buffer];
    // Stays on a socket that another listener is given: one that ignores the upgrade would leave it without any.
    socket.on('error', ignoreSocketError);
    const emitToOtherListeners = () => {
      closeUnlessTaken(socket, { timers, timeout });
      Reflect.apply(emit, server, args);
    };
    whenIdle(req, socket, { timers, timeout }, () => {
      if (!isWebSocketRequest(req)) {
        if (previous === undefined) {
          replay(server, req, socket, head, timers);
        } else {
          // Set by the application, `shouldUpgradeCallback` has said yes to this one.
          emitToOtherListeners();
        }
      } else if (isCandidate(req) || countOtherListeners() === 0) {
        dispatch(server, req, socket, head, { timers, timeout, countOtherListeners, emitToOtherListeners });
      } else {
        emitToOtherListeners();
      }
    });
    return true;
  };
  server.emit = emitUpgrade;

  const previous = server.shouldUpgradeCallback;
  const shouldUpgrade = (req: IncomingMessage): boolean => {
    if (isCandidate(req) || countOtherListeners() === 0) {
      // An upgrade to another protocol stays ordinary HTTP where there is no other listener that could take it.
      return isWebSocketRequest(req);
    }
    // Node's own callback counts listeners. Ours must not count, nor any for what is no WebSocket.
    const listenerCount = () => (isWebSocketRequest(req) ? countOtherListeners() : 0);
    const view: Server = Object.create(server, { listenerCount: { value: listenerCount } });
    return previous?.call(view, req) === true;
  };
  if (previous !== undefined) {
    server.shouldUpgradeCallback = shouldUpgrade;
  }

  const detach = () => {
    if (server[DETACH] !== detach) {
      return;
    }
    server.off('upgrade', listener);
    delete server[DETACH];
    // Where the application has wrapped ours in the meantime it stays, and lets everything through.
    if (server.emit === emitUpgrade) {
      if (ownEmit) {
        server.emit = emit;
      } else {
        Reflect.deleteProperty(server, 'emit');
      }
    }
    if (previous !== undefined && server.shouldUpgradeCallback === shouldUpgrade) {
      server.shouldUpgradeCallback = previous;
    }
  };
  return detach;
}

/** A WebSocket handshake is a GET (RFC 6455, 4.1); everything else that names the protocol is an ordinary request. */
function isWebSocketRequest(req: IncomingMessage): boolean {
  return req.method === 'GET' && hasToken(req.headers.upgrade, 'websocket');
}

/** Whether an upgrade may be for SockJS: all its WebSocket paths end alike. */
function isCandidate(req: IncomingMessage): boolean {
  return isWebSocketRequest(req) && pathOf(req.url ?? '').endsWith('/websocket');
}
