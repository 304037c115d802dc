/** Upgrade requests that become ordinary HTTP again. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../debug.ts';
import { ignoreSocketError } from '../http/upgrade.ts';
import type { UpgradeServer } from './server.ts';

/**
 * Gives a request that Node took for an upgrade back to the HTTP parser, less the header that made it one: Java's HTTP
 * client, for one, asks to upgrade to h2c with every first request.
 */
export function replay(server: UpgradeServer, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  debugUpgrade('replaying %s %s as an ordinary request', req.method, req.url);
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? '';
    if (name.toLowerCase() !== 'upgrade') {
      text += `${name}: ${req.rawHeaders[i + 1]}\r\n`;
    }
  }
  // Node decodes headers as latin1, so this gives back the very bytes that came.
  socket.off('error', ignoreSocketError);
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}
