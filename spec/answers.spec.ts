/** Answers that leave when a turn of the event loop is over, and what may have happened to them by then. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type SockjsRouter, sockjs } from '../lib/index.ts';
import { fetchText, post, RawSocket } from './support/http.ts';
import { Queue } from './support/queue.ts';
import { listen, serve, sessionCatcher } from './support/server.ts';
import { WebSocketClient } from './support/websocket.ts';

/** The endpoint behind a function that sees each answer when the endpoint has done its part, in the same turn. */
async function seen(see: (res: ServerResponse, url: string, router: SockjsRouter) => void): Promise<string> {
  const router = sockjs({ prefix: '/echo' }, () => {});
  const { origin } = await listen(
    createServer((req, res) => {
      const url = req.url ?? '';
      router(req, res);
      req.on('end', () => see(res, url, router));
      if (req.method === 'GET') {
        see(res, url, router);
      }
    }),
  );
  return origin;
}

/** Ends at once what others end later, as a time limit of middleware does. */
function answer503(res: ServerResponse): void {
  if (!res.writableEnded) {
    res.statusCode = 503;
    res.removeHeader('Content-Length');
    res.end('too late');
  }
}

describe('an answer', () => {
  it('of /info that somebody else has given in the meantime stands', async () => {
    const origin = await seen((res, url) => url.endsWith('/info') && answer503(res));
    const { status, body } = await fetchText(`${origin}/echo/info`);
    assert.deepEqual([status, body], [503, 'too late']);
    assert.equal((await fetchText(`${origin}/echo`)).status, 200, 'the server lives');
  });

  it('to a send that somebody else has given in the meantime stands', async () => {
    const origin = await seen((res, url) => url.endsWith('/xhr_send') && answer503(res));
    await post(`${origin}/echo/0/a/xhr`);
    const { status, body } = await post(`${origin}/echo/0/a/xhr_send`, '["x"]');
    assert.deepEqual([status, body], [503, 'too late']);
    assert.equal((await fetchText(`${origin}/echo`)).status, 200, 'the server lives');
  });

  it('whose end throws costs its connection and nothing else', async () => {
    const origin = await seen((res, url) => {
      if (url.endsWith('/info')) {
        res.end = () => {
          throw new Error('broken middleware');
        };
      }
    });
    await assert.rejects(fetchText(`${origin}/echo/info`));
    assert.equal((await fetchText(`${origin}/echo`)).status, 200);
  });

  it('for which nobody is there any more is dropped', async () => {
    const origin = await seen((res, url) => url.endsWith('/info') && res.destroy());
    await assert.rejects(fetchText(`${origin}/echo/info`));
    assert.equal((await fetchText(`${origin}/echo`)).status, 200);
  });

  it('closes its connection where shutdown began in the same turn', async () => {
    const origin = await seen((_res, url, router) => {
      if (url.endsWith('/info')) {
        void router.close();
      }
    });
    assert.equal((await fetchText(`${origin}/echo/info`)).headers['connection'], 'close');
  });
});

describe('sends that wait in line', () => {
  it('are answered 404 when the session ends, though one of them has been answered in the meantime', async () => {
    const sessions = sessionCatcher();
    const router = sockjs({ prefix: '/echo' }, sessions.onSession);
    const came = new Queue<ServerResponse>();
    const { origin, port } = await listen(
      createServer((req, res) => {
        router(req, res);
        came.push(res);
      }),
    );
    await post(`${origin}/echo/0/a/xhr`);
    await came.next();
    const session = await sessions.next();
    const send = (length: number, body: string) =>
      new RawSocket(port).send(`POST /echo/0/a/xhr_send HTTP/1.1`, 'Host: x', `Content-Length: ${length}`, '', body);
    const reading = send(100, '["');
    await came.next();
    const answered = send(5, '["x"]');
    answer503(await came.next());
    const waiting = send(5, '["y"]');
    await came.next();
    session.close();
    for (const raw of [reading, waiting]) {
      assert.match(await raw.until('Session not found.'), /^HTTP\/1\.1 404 /);
    }
    assert.match(await answered.until('too late'), /^HTTP\/1\.1 503 /);
  });
});

describe('a handshake', () => {
  it('leaves together with the open frame, and nothing is held back afterwards', async () => {
    const corked: number[] = [];
    const sessions = sessionCatcher();
    const { origin } = await serve({}, (session) => {
      corked.push(session.request.socket.writableCorked);
      return sessions.onSession(session);
    });
    const client = new WebSocketClient(origin, '/echo/0/a/websocket');
    const { request } = await sessions.next();
    const socket: Socket = request.socket;
    assert.equal(await client.next(), 'o');
    assert.deepEqual(corked, [1]);
    assert.equal(socket.writableCorked, 0);
  });
});
