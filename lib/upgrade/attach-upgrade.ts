/**
 * WebSocket upgrades by way of the application. An upgrade request runs through the `request` listeners of its server,
 * so that mount paths and earlier middleware apply to it, until a WebSocket route takes it over.
 */
import type { IncomingMessage } from 'node:http';
import { withHelp } from '../util/help.ts';
import { TimerQueue } from '../util/timer-queue.ts';
import { handleUpgrade } from './handle-upgrade.ts';
import { type AttachUpgradeOptions, upgradeTimeoutOf } from './options.ts';
import { type OnUpgrade, replaceEmit } from './replace-emit.ts';
import { isServer, type UpgradeServer } from './server.ts';
import { wrapShouldUpgrade } from './should-upgrade.ts';
import { closeUnlessTaken } from './sockets.ts';
import { isCandidate, isWebSocketRequest } from './upgrade-request.ts';
import { serverTarget } from './upgrade-target.ts';

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
export function attachUpgrade(server: UpgradeServer, options: AttachUpgradeOptions = {}): () => void {
  if (!isServer(server)) {
    throw withHelp(
      'attachupgrade-takes-the-server-not-the-app',
      new TypeError(
        'sockjs: attachUpgrade() takes the server, not the app; ' +
          'write const server = createServer(app); attachUpgrade(server); server.listen(8080), ' +
          'or in NestJS attachUpgrade(app.getHttpServer())',
      ),
    );
  }
  const timeout = upgradeTimeoutOf(options);
  const attached = server as UpgradeServer & AttachedServer;
  attached[DETACH] ??= attach(attached, timeout);
  return attached[DETACH];
}

function attach(server: UpgradeServer & AttachedServer, timeout: number): () => void {
  const target = serverTarget(server, { timers: new TimerQueue(), timeout });
  // Node emits upgrades only where there is a listener. `onUpgrade` does the work before any listener is called.
  const listener = () => {};
  server.on('upgrade', listener);
  const count = () => server.listeners('upgrade').filter((other) => other !== listener).length;
  const restoreCallback = wrapShouldUpgrade(server, count);
  // Where it is no WebSocket, a `shouldUpgradeCallback` of the application has accepted the upgrade.
  const comeFirst = (req: IncomingMessage) =>
    isWebSocketRequest(req) ? !isCandidate(req) && count() > 0 : restoreCallback !== undefined;

  const onUpgrade: OnUpgrade = (req, socket, head, emitToListeners) => {
    const emit = () => {
      closeUnlessTaken(socket, target);
      emitToListeners();
    };
    handleUpgrade(target, { req, socket, head }, { count, comeFirst, emit });
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
