/** The HTTP transports over HTTP/2, by way of Node's compatibility layer; WebSockets stay with HTTP/1.1. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { type SockjsOptions, sockjs } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { connectHttp2 } from '../support/http2.ts';
import { sessionCatcher } from '../support/test-server.ts';

async function serveHttp2(
  options: SockjsOptions = {},
): Promise<{ client: ClientHttp2Session; sessions: ReturnType<typeof sessionCatcher> }> {
  const sessions = sessionCatcher();
  const router = sockjs({ ...options, prefix: '/echo' }, (session) => {
    session.on('message', (message) => session.send(message));
    return sessions.onSession(session);
  });
  return { client: await connectHttp2(router), sessions };
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

  it('carries any number of users on one connection, since no stream waits for another', async () => {
    const { client } = await serveHttp2({ authorize: async () => true });
    const ids = Array.from({ length: 200 }, (_, i) => `s${i}`);
    const onAll = (endpoint: string, body?: (id: string) => string) =>
      Promise.all(ids.map((id) => post(client, `/echo/0/${id}/${endpoint}`, body?.(id))));
    assert.deepEqual(
      await onAll('xhr'),
      ids.map(() => ({ status: 200, body: 'o\n' })),
    );
    const polls = onAll('xhr');
    await onAll('xhr_send', (id) => JSON.stringify([id]));
    assert.deepEqual(
      await polls,
      ids.map((id) => ({ status: 200, body: `a["${id}"]\n` })),
    );
  });

  it('gives the place of a stream back that is broken off while authorize thinks', async () => {
    const asked = new AsyncQueue<() => void>();
    const { client, sessions } = await serveHttp2({
      maxSessions: 1,
      authorize: () => new Promise((resolve) => asked.push(() => resolve(true))),
    });
    const stream = client.request({ ':method': 'POST', ':path': '/echo/0/left/xhr' });
    stream.on('error', () => {});
    stream.end();
    const decideLeft = await asked.next();
    stream.close(8);
    await once(stream, 'close');
    // Behind the reset on the same connection.
    const poll = post(client, '/echo/0/s/xhr');
    const decide = await asked.next();
    decideLeft();
    decide();
    assert.deepEqual(await poll, { status: 200, body: 'o\n' });
    assert.equal((await sessions.next()).id, 's');
    assert.equal(sessions.count(), 1);
  });
});
