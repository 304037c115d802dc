/** Runs an upgrade through the application. */
import { hasToken } from '../http/tokens.ts';
import { debugUpgrade } from '../util/debug.ts';
import { setPendingUpgrade } from './pending-upgrade.ts';
import { ResponseSocket } from './response-socket.ts';
import { UpgradeAttempt } from './upgrade-attempt.ts';
import type { Upgrade } from './upgrade-request.ts';
import { connectResponse, responseTo } from './upgrade-response.ts';
import type { OtherListeners, UpgradeTarget } from './upgrade-target.ts';
import { WaitingClient } from './waiting-client.ts';

/** Has a WebSocket handshake answered, by a response whose first bytes decide what becomes of the upgrade. */
export function dispatch(target: UpgradeTarget, upgrade: Upgrade, others: OtherListeners | undefined): void {
  const { req } = upgrade;
  const res = responseTo(req);
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
