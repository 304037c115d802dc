/** HTTP/2 without TLS. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { afterTest } from './cleanup.ts';

/** Returns a client of a new server, with this listener, such as a router. Both are closed after the test. */
export async function connectHttp2(listener: RequestListener): Promise<ClientHttp2Session> {
  // The types of node:http2 accept only listeners for HTTP/2.
  const server = createServer(listener as unknown as Parameters<typeof createServer>[1]);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  afterTest(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return client;
}
