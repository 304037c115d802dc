/** The HTTP transports over HTTP/2, by way of Node's compatibility layer; WebSockets stay with HTTP/1.1. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { sockjs } from '../lib/index.ts';
import { afterTest } from './support/leftovers.ts';
import { sessionCatcher } from './support/server.ts';

async function serveHttp2(): Promise<{ client: ClientHttp2Session; sessions: ReturnType<typeof sessionCatcher> }> {
  const sessions = sessionCatcher();
  const server: Http2Server = createServer(
    sockjs({ prefix: '/echo' }, (session) => {
      session.on('message', (message) => session.send(message));
      return sessions.onSession(session);
    }) as unknown as Parameters<typeof createServer>[1],
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  afterTest(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { client, sessions };
}

async function post(client: ClientHttp2Session, path: string, body = ''): Promise<{ status: unknown; body: string }> {
  const stream = client.request({ ':method': 'POST', ':path': path });
  stream.end(body);
  const [headers] = await once(stream, 'response');
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
  }
  return { status: headers[':status'], body: text };
}

describe('HTTP/2', () => {
  it('carries a polling session from poll to poll', async () => {
    const { client } = await serveHttp2();
    assert.deepEqual(await post(client, '/echo/0/s/xhr'), { status: 200, body: 'o\n' });
    for (const text of ['1', '2', '3']) {
      assert.equal((await post(client, '/echo/0/s/xhr_send', JSON.stringify([text]))).status, 204);
      assert.equal((await post(client, '/echo/0/s/xhr')).body, `a["${text}"]\n`);
    }
  });

  it('ends a session whose stream is broken off', async () => {
    const { client, sessions } = await serveHttp2();
    const stream = client.request({ ':method': 'POST', ':path': '/echo/0/s/xhr_streaming' });
    stream.on('error', () => {});
    stream.end();
    const session = await sessions.next();
    const closed = once(session, 'close');
    stream.close(8);
    assert.deepEqual(await closed, [{ code: 1002, reason: 'Connection interrupted', wasClean: false }]);
  });
});
