/**
 * Runs an upgrade through the application.
 *
 * Bypass: the `ServerResponse` is made here, and gets a stream of this package for a socket by `assignSocket()`, which
 * Node does not document. Node makes no response for an upgrade, and without one no middleware could see it.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import { dropResponse } from '../http/express.ts';
import { hasToken } from '../http/tokens.ts';
import { debugUpgrade } from '../util/debug.ts';
import { setPendingUpgrade } from './pending-upgrade.ts';
import { ResponseSocket } from './response-socket.ts';
import { UpgradeAttempt } from './upgrade-attempt.ts';
import type { Upgrade } from './upgrade-request.ts';
import type { OtherListeners, UpgradeTarget } from './upgrade-target.ts';
import { WaitingClient } from './waiting-client.ts';

/** Has a WebSocket handshake answered, by a response whose first bytes decide what becomes of the upgrade. */
export function dispatch(target: UpgradeTarget, upgrade: Upgrade, others: OtherListeners | undefined): void {
  const { req } = upgrade;
  const res = responseTo(req);
  ignoreInformationalResponses(res);
  const attempt = new UpgradeAttempt(upgrade, res, target, others);
  setPendingUpgrade(req, attempt);
  connectResponse(req, res, attempt.responseSocket);
  try {
    target.request(req, res);
  } finally {
    attempt.wait();
  }
}

/**
 * Has an ordinary request answered whose body Node has given to it, or goes on giving to it. The connection is closed
 * after the response, since Node serves no further request on a connection that it has emitted as an upgrade.
 */
export function dispatchWithBody(target: UpgradeTarget, { req, socket }: Upgrade): void {
  debugUpgrade('%s %s is answered as an ordinary request', req.method, req.url);
  const res = responseTo(req);
  // The wrapper of a connection discards the rest of the body when it is read.
  const connection = req.socket;
  const client = new WaitingClient(connection, connection === socket);
  const responseSocket = new ResponseSocket(connection, target.timers, () => {
    client.release();
    return true;
  });
  connection.on('close', () => {
    responseSocket.destroy();
    req.destroy();
  });
  connectResponse(req, res, responseSocket);
  // As Node does: the application may leave the rest of a body unread.
  res.on('finish', () => req.resume());
  if (hasToken(req.headers.expect, '100-continue')) {
    res.writeContinue();
  }
  target.request(req, res);
}

/**
 * Makes the response to an upgrade. It is made from what Node reads of a request, not from `req`: in Bun, a response
 * that is made from a request of its server writes to the connection of that request, past any assigned socket.
 */
function responseTo(req: IncomingMessage): ServerResponse {
  const { method, url, httpVersionMajor, httpVersionMinor, headers } = req;
  const res = new ServerResponse({ method, url, httpVersionMajor, httpVersionMinor, headers } as IncomingMessage);
  // Read-only in the types of Node alone.
  (res as { req: IncomingMessage }).req = req;
  res.shouldKeepAlive = false;
  return res;
}

/** Informational responses decide nothing, and none may precede a 101. */
function ignoreInformationalResponses(res: ServerResponse): void {
  // Own properties, since Express replaces the prototype of the response.
  res.writeContinue = callLast;
  res.writeProcessing = callLast;
  res.writeEarlyHints = callLast;
}

/** Calls the callback that may be the last argument. */
function callLast(...args: unknown[]): void {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    callback();
  }
}

/** Does for a response what Node does for those that it makes itself. */
function connectResponse(req: IncomingMessage, res: ServerResponse, responseSocket: ResponseSocket): void {
  const socket = responseSocket as unknown as NonNullable<ServerResponse['socket']>;
  res.on('finish', () => {
    res.detachSocket(socket);
    responseSocket.end();
    res.destroyed = true;
    process.nextTick(() => {
      res.emit('close');
      dropResponse(req, res);
    });
  });
  res.assignSocket(socket);
}
