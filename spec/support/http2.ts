/** HTTP/2 without TLS. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { SockjsRouter } from '../../lib/index.ts';
import { afterTest } from './cleanup.ts';

/** A client of a server that answers by a router; both are gone when the test is over. */
export async function connectHttp2(router: SockjsRouter): Promise<ClientHttp2Session> {
  // Its types know requests of HTTP/2 only.
  const server = createServer(router as unknown as Parameters<typeof createServer>[1]);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  afterTest(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return client;
}
