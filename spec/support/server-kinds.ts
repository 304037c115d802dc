/** All servers that speak HTTP/1, and bare connections to them. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { UpgradeServer } from '../../lib/index.ts';
import { afterTest } from './cleanup.ts';
import { RawSocket } from './http.ts';
import { TLS } from './tls-certificate.ts';

const connectSecurely = (port: number) =>
  tlsConnect({ port, host: '127.0.0.1', ca: TLS.cert, ALPNProtocols: ['http/1.1'] });

/** `event` is the event for a new connection that speaks HTTP. */
export const SERVER_KINDS = [
  {
    name: 'http',
    event: 'connection',
    create: (listener: RequestListener): UpgradeServer => createServer(listener),
    open: (port: number) => new RawSocket(connect(port, '127.0.0.1')),
  },
  {
    name: 'https',
    event: 'secureConnection',
    create: (listener: RequestListener): UpgradeServer => createHttpsServer(TLS, listener),
    open: (port: number) => new RawSocket(connectSecurely(port)),
  },
  {
    name: 'http2 that allows HTTP/1',
    event: 'secureConnection',
    // The types of node:http2 accept only listeners for HTTP/2.
    create: (listener: RequestListener): UpgradeServer =>
      createSecureServer({ ...TLS, allowHTTP1: true }, listener as never),
    open: (port: number) => new RawSocket(connectSecurely(port)),
  },
] as const;

/** Listens on a free port, and returns it. All connections are closed after the test. */
export async function listenAs(server: UpgradeServer): Promise<number> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    if (server.listening) {
      await new Promise((resolve) => server.close(resolve));
    }
  });
  return (server.address() as AddressInfo).port;
}
