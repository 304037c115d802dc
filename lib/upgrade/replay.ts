/** Upgrade requests that become ordinary HTTP again. */
import http, { type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';
import type { TimerQueue } from '../util/timer-queue.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import type { UpgradeServer } from './server.ts';
import { answerAndClose } from './sockets.ts';

/** Names and values that Node keeps of the headers of a request, where the server sets no limit of its own. */
const DEFAULT_LIMIT = 2_000;

/** What Node has beyond its types: how it serves HTTP/1 on a connection, be it of an http, https or http2 server. */
interface HttpInternals {
  _connectionListener?: (this: UpgradeServer, socket: Duplex) => void;
}

/**
 * Gives a request that Node took for an upgrade back to Node's HTTP parser, less the header that made it one: Java's HTTP
 * client, for one, asks to upgrade to h2c with every first request. A request that may have lost headers gets 431.
 */
export function replay(
  server: UpgradeServer,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  timers: TimerQueue,
): void {
  if (mayLackHeaders(server, req)) {
    debugUpgrade('%s %s: too many headers', req.method, req.url);
    answerAndClose(socket, 431, timers);
    return;
  }
  const { _connectionListener: serveConnection } = http as HttpInternals;
  if (serveConnection === undefined) {
    // A runtime that is not Node.
    answerAndClose(socket, 501, timers);
    return;
  }
  debugUpgrade('replaying %s %s as an ordinary request', req.method, req.url);
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? '';
    // With `insecureHTTPParser` the name may end in spaces.
    if (name.trim().toLowerCase() !== 'upgrade') {
      text += `${name}: ${req.rawHeaders[i + 1]}\r\n`;
    }
  }
  socket.off('error', ignoreSocketError);
  // Node decodes headers as latin1, so this gives back the very bytes that came.
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  // Not the event `connection`: the application has heard of this one.
  serveConnection.call(server, socket);
}

/**
 * Whether Node may have dropped headers. Its parser has obeyed a Content-Length or Transfer-Encoding among them; without
 * it, the body of the replayed request would be taken for the next request.
 */
function mayLackHeaders(server: UpgradeServer & { maxHeadersCount?: number | null }, req: IncomingMessage): boolean {
  const { maxHeadersCount } = server;
  // Computed as Node does; 0 or less is no limit.
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : DEFAULT_LIMIT;
  return limit > 0 && req.rawHeaders.length >= limit;
}
