/** Upgrades that a dispatcher of the application passes on, one by one. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import { withHelp } from '../util/help.ts';
import { TimerQueue } from '../util/timer-queue.ts';
import { handleUpgrade } from './handle-upgrade.ts';
import { type AttachUpgradeOptions, upgradeTimeoutOf } from './options.ts';
import { isTaken, setTaken } from './pending-upgrade.ts';
import { isServer, type UpgradeServer } from './server.ts';
import { serverTarget, type UpgradeTarget } from './upgrade-target.ts';

/**
 * Returns a listener for the event `upgrade` that has each upgrade answered as `attachUpgrade()` does, for an
 * application that decides itself which listener gets which upgrade. It changes nothing on a server.
 *
 * It answers every upgrade that it is called with. The WebSocket of a SockJS endpoint opens; for all else the client
 * gets the response of the application, a 404 as well, and the connection is closed. A request for another protocol
 * than WebSocket is answered as the ordinary request that it also is, by the server of its connection. A second call
 * for the same upgrade does nothing.
 *
 * @param serverOrApp a server, whose `request` listeners get each upgrade; or an Express app, a Connect app or another
 *   request listener, which gets each upgrade itself
 * @throws TypeError where `serverOrApp` is neither, RangeError where `upgradeTimeout` is no number above 0
 *
 * @example
 * const handleUpgrade = upgradeHandler(app);
 * server.on('upgrade', (req, socket, head) => {
 *   if (req.url?.startsWith('/echo/')) {
 *     handleUpgrade(req, socket, head);
 *   } else {
 *     socket.destroy();
 *   }
 * });
 */
export function upgradeHandler(
  serverOrApp: UpgradeServer | RequestListener,
  options: AttachUpgradeOptions = {},
): (req: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const target = targetOf(serverOrApp, upgradeTimeoutOf(options));
  return (req, socket, head) => {
    if (!isTaken(req)) {
      setTaken(req);
      handleUpgrade(target, { req, socket, head });
    }
  };
}

function targetOf(serverOrApp: UpgradeServer | RequestListener, timeout: number): UpgradeTarget {
  const time = { timers: new TimerQueue(), timeout };
  if (typeof serverOrApp === 'function') {
    // A request listener may be async. Node does not look at what it returns either.
    return { ...time, server: undefined, request: (req, res) => void serverOrApp(req, res) };
  }
  if (isServer(serverOrApp)) {
    return serverTarget(serverOrApp, time);
  }
  throw withHelp(
    'upgradehandler-takes-a-server-an-app-or-a-listener',
    new TypeError(
      'sockjs: upgradeHandler() takes a server, an Express or Connect app, or another request listener; ' +
        "write server.on('upgrade', upgradeHandler(app)), in NestJS upgradeHandler(app.getHttpServer()), " +
        'in Koa upgradeHandler(app.callback()), in Fastify upgradeHandler(app.server)',
    ),
  );
}
