/** Answers that leave when a turn of the event loop is over, and what may have happened to them by then. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import { type Session, type SessionCloseEvent, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { fetchText, post, RawSocket } from '../../support/http.ts';
import { ResponseReader } from '../../support/response-reader.ts';
import { listen, serve, sessionCatcher } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

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
  it('of /info that other code has given in the meantime stands', async () => {
    const origin = await seen((res, url) => url.endsWith('/info') && answer503(res));
    const { status, body } = await fetchText(`${origin}/echo/info`);
    assert.deepEqual([status, body], [503, 'too late']);
    assert.equal((await fetchText(`${origin}/echo`)).status, 200, 'the server lives');
  });

  it('to a send that other code has given in the meantime stands', async () => {
    const origin = await seen((res, url) => url.endsWith('/xhr_send') && answer503(res));
    await post(`${origin}/echo/0/a/xhr`);
    const { status, body } = await post(`${origin}/echo/0/a/xhr_send`, '["x"]');
    assert.deepEqual([status, body], [503, 'too late']);
    assert.equal((await fetchText(`${origin}/echo`)).status, 200, 'the server lives');
  });

  it('to a send whose head other code has sent in the meantime keeps its status', async () => {
    const origin = await seen((res, url) => url.endsWith('/xhr_send') && res.flushHeaders());
    await post(`${origin}/echo/0/a/xhr`);
    assert.equal((await post(`${origin}/echo/0/a/xhr_send`, '["x"]')).status, 204);
  });

  it('of /info whose head other code has sent in the meantime is completed', async () => {
    const origin = await seen((res, url) => url.endsWith('/info') && res.flushHeaders());
    const { status, headers, body } = await fetchText(`${origin}/echo/info`);
    assert.deepEqual([status, headers['access-control-allow-origin']], [200, '*']);
    assert.equal(JSON.parse(body).websocket, true);
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

  it('whose client has gone is dropped', async () => {
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
    const came = new AsyncQueue<ServerResponse>();
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

describe('sends of one session', () => {
  it('are delivered in order, where one waited for room and the next for its turn', async () => {
    const sessions = sessionCatcher();
    const came = new AsyncQueue<void>();
    const { origin } = await serve(
      { maxReceiveBuffer: 10 },
      async (session) => {
        sessions.onSession(session);
        await once(session, 'close');
      },
      {
        before: (app) => {
          app.use(express.json());
          app.use((_req, _res, next) => {
            next();
            came.push();
          });
        },
      },
    );
    await post(`${origin}/echo/0/a/xhr`);
    await came.next();
    const session = await sessions.next();
    const answers = [];
    for (const body of ['["m1-aaaaaaaaaa","m2","m3"]', '["m4"]']) {
      answers.push(post(`${origin}/echo/0/a/xhr_send`, body, { 'Content-Type': 'application/json' }));
      await came.next();
    }
    const got: string[] = [];
    session.on('message', (message) => got.push(message));
    assert.deepEqual(
      (await Promise.all(answers)).map(({ status }) => status),
      [204, 204],
    );
    assert.deepEqual(got, ['m1-aaaaaaaaaa', 'm2', 'm3', 'm4']);
  });
});

describe('an answer at the end of a turn', () => {
  it('has its own status in place of an earlier one', async () => {
    const { origin } = await serve({}, undefined, {
      before: (app) => {
        app.use((_req, res, next) => {
          res.statusCode = 404;
          next();
        });
      },
    });
    assert.equal((await fetchText(`${origin}/echo/info`)).status, 200);
    await fetchText(`${origin}/echo/0/a/jsonp?c=x`);
    const sent = await post(`${origin}/echo/0/a/jsonp_send`, '["x"]', { 'Content-Type': 'text/plain' });
    assert.deepEqual([sent.status, sent.body], [200, 'ok']);
  });

  it('ends in the async context of its own request, and so does what it delivers', async () => {
    const storage = new AsyncLocalStorage<string>();
    const ended: string[] = [];
    const heard: unknown[] = [];
    const { port, origin } = await serve(
      {},
      (session) => {
        session.on('message', () => heard.push(storage.getStore()));
      },
      {
        before: (app) => {
          app.use((req, res, next) => {
            const id = req.get('X-Id') ?? '';
            const { end } = res;
            res.end = (...args: unknown[]) => {
              ended.push(`${id} in ${storage.getStore()}`);
              return Reflect.apply(end, res, args);
            };
            storage.run(id, next);
          });
        },
      },
    );
    await post(`${origin}/echo/0/a/xhr`);
    const raw = new RawSocket(port);
    const request = (id: string, head: string, body = '') =>
      [head, 'Host: x', `X-Id: ${id}`, `Content-Length: ${body.length}`, '', body].join('\r\n');
    raw.send(
      request('A', 'GET /echo/info HTTP/1.1') +
        request('B', 'GET /echo/info HTTP/1.1') +
        request('C', 'POST /echo/0/a/xhr_send HTTP/1.1', '["x"]'),
    );
    await raw.until(' 204 ');
    assert.deepEqual(ended.slice(1).sort(), ['A in A', 'B in B', 'C in C']);
    assert.deepEqual(heard, ['C']);
  });
});

describe('messages for a poll whose end throws', () => {
  it('cost its connection and nothing else', async () => {
    const sessions = sessionCatcher();
    const { origin } = await serve({}, sessions.onSession, {
      before: (app) => {
        app.use((req, res, next) => {
          if (req.get('X-Broken') !== undefined) {
            res.end = () => {
              throw new Error('broken middleware');
            };
          }
          next();
        });
      },
    });
    await post(`${origin}/echo/0/a/xhr`);
    (await sessions.next()).send('x');
    await assert.rejects(post(`${origin}/echo/0/a/xhr`, '', { 'X-Broken': '1' }));
    assert.equal((await fetchText(`${origin}/echo`)).status, 200);
  });
});

describe('a stream whose write begins to throw', () => {
  for (const [title, options, then] of [
    ['a heartbeat', { heartbeatDelay: 10 }, () => {}],
    ['a message', {}, (session: Session) => void session.send('x')],
    // It leaves with the end.
    ['the close frame', {}, (session: Session) => void session.close(3000)],
  ] as const) {
    const method = title === 'the close frame' ? 'end' : 'write';
    it(`costs its session and nothing else when it is ${title}`, async () => {
      const closed = new AsyncQueue<SessionCloseEvent>();
      let isBroken = false;
      const { origin, port } = await serve(
        options,
        (session) => {
          session.on('close', (event) => closed.push(event));
          isBroken = true;
          then(session);
        },
        {
          before: (app) => {
            app.use((req, res, next) => {
              const original = res[method].bind(res) as (...args: unknown[]) => unknown;
              res[method] = ((...args: unknown[]) => {
                if (isBroken && req.path.endsWith('/xhr_streaming')) {
                  throw new Error('broken middleware');
                }
                return original(...args);
              }) as never;
              next();
            });
          },
        },
      );
      const stream = new ResponseReader(port, '/echo/0/a/xhr_streaming', 'POST');
      const { code, wasClean } = await closed.next();
      assert.deepEqual([code, wasClean], [title === 'the close frame' ? 3000 : 1002, false]);
      assert.deepEqual(await stream.ended, { aborted: true });
      assert.equal((await fetchText(`${origin}/echo`)).status, 200);
    });
  }
});

describe('an open frame that cannot be written', () => {
  for (const [how, authorize] of [
    ['without authorize', undefined],
    ['after authorize', () => true],
    ['after an async authorize', async () => true],
  ] as const) {
    for (const [endpoint, method] of [
      ['xhr', 'end'],
      ['xhr_streaming', 'write'],
    ] as const) {
      it(`ends the session and gives its place back, and the request is answered: ${endpoint} ${how}`, async () => {
        const opened: Session[] = [];
        const errors: unknown[] = [];
        const router = sockjs({ maxSessions: 1, authorize }, (session) => void opened.push(session));
        const app = express();
        app.use((req, res, next) => {
          if (req.get('X-Broken') !== undefined) {
            res[method] = () => {
              throw new Error('broken middleware');
            };
          }
          next();
        });
        app.use('/echo', router);
        app.use(((error, _req, res, _next) => {
          errors.push(String(error));
          res.destroy();
        }) satisfies ErrorRequestHandler);
        const { origin } = await listen(app);
        await assert.rejects(post(`${origin}/echo/0/a/${endpoint}`, '', { 'X-Broken': '1' }));
        assert.deepEqual(errors, ['Error: broken middleware']);
        assert.deepEqual(opened, []);
        assert.equal(router.sessions.size, 0);
        const { opened: counted, closed } = router.stats();
        assert.deepEqual([counted, closed], [0, 0]);
        assert.equal((await post(`${origin}/echo/0/b/xhr`)).body, 'o\n');
        assert.equal(opened.length, 1);
      });
    }
  }
});

describe('a handshake', () => {
  it('leaves together with the open frame, and counts for nothing that the application sends', async () => {
    const held: number[] = [];
    const seen: unknown[] = [];
    const { origin, server } = await serve({ maxSendBuffer: 1000, sendHighWaterMark: 100 }, (session) => {
      const { socket } = session.request;
      seen.push(socket.bytesWritten === held[0], socket.writableCorked, session.bufferedAmount);
      seen.push(session.send('y'), session.writableNeedDrain, session.send('x'.repeat(900)));
    });
    server.on('connection', (socket) => {
      const { uncork } = socket;
      socket.uncork = () => {
        held.push(socket.writableLength);
        uncork.call(socket);
      };
    });
    const client = new WebSocketClient(origin, '/echo/0/a/websocket');
    assert.equal(await client.next(), 'o');
    assert.deepEqual(JSON.parse((await client.next()).slice(1)), ['y', 'x'.repeat(900)]);
    assert.deepEqual(seen, [true, 0, 0, true, false, true]);
  });
});
