/**
 * Whether the body of an upgrade request is in the request, or among the bytes behind it. Node 26 parses such bodies;
 * the versions before leave them to the connection.
 *
 * Bypass: `http._connectionListener` is called with a connection in memory, since Node does not say which it does.
 */
import http, { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import type { UpgradeServer } from './server.ts';
import type { Upgrade } from './upgrade-request.ts';

/** Node's types leave it out. It serves connections of http, https and http2 servers. */
interface HttpInternals {
  _connectionListener?: (this: UpgradeServer, socket: Duplex) => void;
}

/** The function by which Node serves HTTP/1 on a connection; undefined where a runtime has none. */
export function connectionListener(): HttpInternals['_connectionListener'] {
  return (http as HttpInternals)._connectionListener;
}

/** Whether an upgrade request has a body that Node has parsed, or is parsing. */
export function hasParsedBody({ req, socket }: Upgrade): boolean {
  return socket !== req.socket || (announcesBody(req.rawHeaders) && parsesBodies());
}

/** Whether there is a Transfer-Encoding, or a Content-Length other than 0. */
function announcesBody(rawHeaders: readonly string[]): boolean {
  return rawHeaders.some((header, i) => {
    // With `insecureHTTPParser`, the name may end in spaces.
    const name = i % 2 === 0 ? header.trim().toLowerCase() : '';
    return name === 'transfer-encoding' || (name === 'content-length' && rawHeaders[i + 1]?.trim() !== '0');
  });
}

let parses: boolean | undefined;

/** Whether this version of Node parses the bodies of upgrade requests. It is found out once. */
function parsesBodies(): boolean {
  parses ??= tryBody();
  return parses;
}

/** Sends an upgrade request to a server in memory, without its body. Where Node waits for the body, it emits a wrapper. */
function tryBody(): boolean {
  const connection = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  let isWrapped = false;
  const server = createServer().on('upgrade', (_req, socket) => {
    isWrapped = socket !== connection;
  });
  connectionListener()?.call(server, connection);
  const lines = ['GET / HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: other', 'Content-Length: 1'];
  // Node's listener reads the bytes before `emit()` returns.
  connection.emit('data', Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  connection.destroy();
  return isWrapped;
}
