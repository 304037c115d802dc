/**
 * Makes upgrade requests ordinary HTTP again. Node emits an upgrade for each request that asks for one where it has no
 * `shouldUpgradeCallback` (before 22.21 and 24.9), or where no `attachUpgrade()` has wrapped that callback.
 *
 * Bypass: `http._connectionListener` is called, by which Node serves HTTP/1 on a connection. `socket.server` is read,
 * where Node keeps the server of a connection. Where a runtime lacks one of them, the client gets 501.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
// Jest's jsdom environment has no global `setImmediate`.
import { setImmediate } from 'node:timers';
import { debugUpgrade } from '../util/debug.ts';
import { connectionListener } from './parsed-body.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import type { UpgradeServer } from './server.ts';
import { answerAndClose } from './sockets.ts';
import type { Upgrade } from './upgrade-request.ts';
import type { UpgradeTarget } from './upgrade-target.ts';

/** Names and values of headers that Node keeps of a request, where the server has no `maxHeadersCount`. */
const DEFAULT_LIMIT = 2_000;

/**
 * Gives an upgrade request back to Node's HTTP parser without its `Upgrade` header. Java's HTTP client, for example,
 * asks for h2c with the first request of each connection. A request that may have lost headers gets 431.
 */
export function replay(target: UpgradeTarget, { req, socket, head }: Upgrade): void {
  const ownServer = serverOf(req);
  const server = target.server ?? ownServer;
  const serveConnection = connectionListener();
  // Node would emit a CONNECT, which it emits by an event of its own, a second time.
  if (server === undefined || serveConnection === undefined || req.method === 'CONNECT') {
    answerAndClose(socket, 501, target.timers);
    return;
  }
  if (mayLackHeaders(ownServer ?? server, req)) {
    debugUpgrade('%s %s: too many headers', req.method, req.url);
    answerAndClose(socket, 431, target.timers);
    return;
  }
  const url = requestTarget(req.url);
  if (url === undefined) {
    answerAndClose(socket, 400, target.timers);
    return;
  }
  debugUpgrade('replaying %s %s as an ordinary request', req.method, url);
  let text = `${req.method} ${url} HTTP/${req.httpVersion}\r\n`;
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
  flowOn(socket);
}

/**
 * The URL as it stands in the head of a request. A dispatcher may have rewritten it: one without a path stands for `/`, and
 * one that was decoded may hold a line of its own, which would become a header.
 */
function requestTarget(url = ''): string | undefined {
  const whole = url === '' || url.startsWith('?') ? `/${url}` : url;
  return /[^\x21-\x7e\x80-\xff]/.test(whole) ? undefined : whole;
}

/**
 * Starts a socket again that has stopped in the middle of its bytes, which it does when a `request` listener throws.
 * Where the process goes on, Node would not notice the end of the client any more.
 */
function flowOn(socket: Duplex): void {
  setImmediate(() => {
    if (socket.readableFlowing && socket.readableLength > 0) {
      socket.pause();
      socket.resume();
      flowOn(socket);
    }
  });
}

/** The server that has accepted the connection of a request, where it is a server of HTTP/1. */
function serverOf({ socket }: { readonly socket: object }): UpgradeServer | undefined {
  const { server } = socket as { readonly server?: UpgradeServer & { readonly headersTimeout?: number } };
  return typeof server?.headersTimeout === 'number' ? server : undefined;
}

/**
 * Whether Node may have dropped headers, by the limit of the server that has read the request. Without a Content-Length
 * or Transfer-Encoding that was among them, Node would take the body of the replayed request for the next request.
 */
function mayLackHeaders(server: UpgradeServer & { maxHeadersCount?: number | null }, req: IncomingMessage): boolean {
  const { maxHeadersCount } = server;
  // Computed as in Node; 0 or less is no limit.
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount << 1 : DEFAULT_LIMIT;
  return limit > 0 && req.rawHeaders.length >= limit;
}
