/**
 * Makes upgrade requests ordinary HTTP again, where Node has no `shouldUpgradeCallback` (before 22.21 and 24.9).
 *
 * Bypass: `http._connectionListener` is called, by which Node serves HTTP/1 on a connection. Where a runtime has none,
 * the client gets 501.
 */
import http, { type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import type { UpgradeServer } from './server.ts';
import { answerAndClose } from './sockets.ts';
import type { Upgrade } from './upgrade-request.ts';
import type { UpgradeTarget } from './upgrade-target.ts';

/** Names and values of headers that Node keeps of a request, where the server has no `maxHeadersCount`. */
const DEFAULT_LIMIT = 2_000;

/** Node's types leave it out. It serves connections of http, https and http2 servers. */
interface HttpInternals {
  _connectionListener?: (this: UpgradeServer, socket: Duplex) => void;
}

/**
 * Gives an upgrade request back to Node's HTTP parser without its `Upgrade` header. Java's HTTP client, for example,
 * asks for h2c with the first request of each connection. A request that may have lost headers gets 431.
 */
export function replay({ server, timers }: UpgradeTarget, { req, socket, head }: Upgrade): void {
  if (mayLackHeaders(server, req)) {
    debugUpgrade('%s %s: too many headers', req.method, req.url);
    answerAndClose(socket, 431, timers);
    return;
  }
  const { _connectionListener: serveConnection } = http as HttpInternals;
  if (serveConnection === undefined) {
    answerAndClose(socket, 501, timers);
    return;
  }
  debugUpgrade('replaying %s %s as an ordinary request', req.method, req.url);
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? '';
    // With `insecureHTTPParser`, the name may end in spaces.
    if (name.trim().toLowerCase() !== 'upgrade') {
      text += `${name}: ${req.rawHeaders[i + 1]}\r\n`;
    }
  }
  socket.off('error', ignoreSocketError);
  // Node decodes headers as latin1, so these are the bytes that came.
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  // Not by the event `connection`, which the application has had for this socket.
  serveConnection.call(server, socket);
}

/**
 * Whether Node may have dropped headers. Without a Content-Length or Transfer-Encoding that was among them, Node would
 * take the body of the replayed request for the next request.
 */
function mayLackHeaders(server: UpgradeServer & { maxHeadersCount?: number | null }, req: IncomingMessage): boolean {
  const { maxHeadersCount } = server;
  // Computed as in Node; 0 or less is no limit.
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : DEFAULT_LIMIT;
  return limit > 0 && req.rawHeaders.length >= limit;
}
