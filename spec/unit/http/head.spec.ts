/** Deferred headers: what middleware sees of them, and what comes of those that it has set itself. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage, ServerResponse } from 'node:http';
import connect from 'connect';
import express, { type ErrorRequestHandler } from 'express';
import { isHeadKnown } from '../../../lib/http/head.ts';
import { type SockjsRouter, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { fetchText, post, RawSocket, Stream } from '../../support/http.ts';
import { captureErrors } from '../../support/mountings.ts';
import { listen } from '../../support/test-server.ts';

const PAGE = 'https://page.example';
const NO_STORE = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** An endpoint behind a function, without a framework. */
async function behind(before: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const router = sockjs({ prefix: '/echo' }, () => {});
  const { origin } = await listen(
    createServer((req, res) => {
      before(req, res);
      router(req, res);
    }),
  );
  return `${origin}/echo`;
}

/** A poll that waits for a message, and its response, which no other code has touched. */
async function waitingPoll() {
  const waiting = new AsyncQueue<ServerResponse>();
  const router = sockjs({ prefix: '/echo' }, () => {});
  const { origin } = await listen(
    createServer((req, res) => {
      router(req, res);
      waiting.push(res);
    }),
  );
  const url = `${origin}/echo/0/a/xhr`;
  await post(url);
  await waiting.next();
  const poll = post(url, '', { Origin: PAGE });
  return { router, poll, res: await waiting.next() };
}

const ANSWERS = [
  ['/info', (url: string) => fetchText(`${url}/info`)],
  ['a poll', (url: string) => post(`${url}/0/a/xhr`)],
  ['a send', (url: string) => post(`${url}/0/a/xhr`).then(() => post(`${url}/0/a/xhr_send`, '["x"]'))],
  ['an error', (url: string) => post(`${url}/0/none/xhr_send`, '["x"]')],
] as const;

describe('the head of', () => {
  for (const [title, ask] of ANSWERS) {
    describe(title, () => {
      it('is complete where nothing was set before', async () => {
        const { headers } = await ask(await behind(() => {}));
        assert.equal(headers['access-control-allow-origin'], '*');
        assert.equal(headers.vary, 'Origin');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.match(headers['content-type'] ?? '', /; charset=UTF-8$/);
      });

      it('has what was set before, but for what it sets itself, in upper or lower case', async () => {
        const url = await behind((_req, res) => {
          res.setHeader('x-mine', 'yes');
          res.setHeader('CACHE-CONTROL', 'public');
          res.setHeader('last-modified', 'yesterday');
          res.setHeader('EXPIRES', 'tomorrow');
          res.setHeader('vary', 'Accept-Encoding');
          res.setHeader('content-type', 'text/css');
          res.setHeader('Set-Cookie', ['a=1', 'b=2']);
        });
        const { headers } = await ask(url);
        assert.equal(headers['x-mine'], 'yes');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.equal(headers['last-modified'], undefined);
        assert.equal(headers.expires, undefined);
        assert.equal(headers.vary, 'Accept-Encoding, Origin');
        assert.doesNotMatch(headers['content-type'] ?? '', /css/);
        assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
      });

      it('is seen by what wraps writeHead, which may add to it', async () => {
        const seen: unknown[] = [];
        const url = await behind((_req, res) => {
          const writeHead = res.writeHead.bind(res) as (status: number, headers?: object) => ServerResponse;
          res.writeHead = ((status: number, headers: Record<string, unknown> = {}) => {
            seen.push(headers['Cache-Control'] ?? res.getHeader('cache-control'));
            res.setHeader('x-late', 'yes');
            return writeHead(status, headers);
          }) as never;
        });
        const { headers } = await ask(url);
        assert.equal(seen.at(-1), NO_STORE);
        assert.equal(headers['x-late'], 'yes');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.equal(headers.vary, 'Origin');
      });
    });
  }

  it('what an error handler answers has the headers that were deferred', async () => {
    const failure = () => {
      throw new Error('from the application');
    };
    const app = express().use(
      '/echo',
      sockjs({ authorize: failure }, () => {}),
    );
    app.use(((_error, _req, res, _next) => {
      res.status(418).end();
    }) satisfies ErrorRequestHandler);
    const { origin } = await listen(app);
    const { status, headers } = await post(`${origin}/echo/0/a/xhr`, '', { Origin: PAGE });
    assert.equal(status, 418);
    assert.equal(headers['access-control-allow-origin'], PAGE);
    assert.equal(headers['cache-control'], NO_STORE);
    assert.equal(headers.vary, 'Origin');
  });

  it('an answer is on the response for a jsessionid function, which may change it', async () => {
    const seen: unknown[] = [];
    const router = sockjs(
      {
        prefix: '/echo',
        jsessionid: (_req, res) => {
          seen.push(res.getHeader('Cache-Control'));
          res.setHeader('Cache-Control', 'private');
        },
      },
      () => {},
    );
    const { origin } = await listen(createServer(router));
    const { headers } = await post(`${origin}/echo/0/a/xhr`);
    assert.deepEqual(seen, [NO_STORE]);
    assert.equal(headers['cache-control'], 'private');
  });

  for (const [title, ask] of ANSWERS) {
    it(`${title} takes what a wrapped end adds`, async () => {
      const url = await behind((_req, res) => {
        const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
        res.end = ((...args: unknown[]) => {
          res.setHeader('x-time', '1');
          return end(...args);
        }) as never;
      });
      const { headers } = await ask(url);
      assert.equal(headers['x-time'], '1');
      assert.equal(headers['access-control-allow-origin'], '*');
    });

    it(`${title} is on the response for who listens for its end`, async () => {
      const seen: unknown[] = [];
      const url = await behind((_req, res) => {
        res.on('finish', () => seen.push(res.getHeader('content-type'), res.getHeader('vary')));
      });
      const { headers } = await ask(url);
      assert.deepEqual(seen.slice(-2), [headers['content-type'], 'Origin']);
    });

    it(`${title} is on the response for who listens later, or on Node's channel`, async () => {
      const seen: unknown[] = [];
      const see = (res: ServerResponse) => seen.push(res.getHeader('vary'));
      const server = createServer(sockjs({ prefix: '/echo' }, () => {}));
      server.on('request', (_req, res) => res.on('finish', () => see(res)));
      const { origin } = await listen(server);
      await ask(`${origin}/echo`);
      const count = seen.length;
      assert.ok(count > 0);
      server.removeAllListeners('request');
      server.on(
        'request',
        sockjs({ prefix: '/echo' }, () => {}),
      );
      const onFinish = (message: unknown) => see((message as { response: ServerResponse }).response);
      subscribe('http.server.response.finish', onFinish);
      afterTest(() => void unsubscribe('http.server.response.finish', onFinish));
      await ask(`${origin}/echo`);
      assert.deepEqual(
        seen.slice(count),
        Array.from({ length: count }, () => 'Origin'),
      );
    });

    it(`${title} is an error where another has been written before`, async () => {
      const printed = captureErrors();
      const url = await behind((_req, res) => void res.flushHeaders());
      await assert.rejects(ask(url));
      assert.deepEqual(
        printed.map((one) => (one as { code?: string }).code),
        printed.map(() => 'ERR_HTTP_HEADERS_SENT'),
      );
      assert.ok(printed.length > 0);
    });
  }

  it('a poll takes what an end adds that was wrapped while it waited', async () => {
    const { router, poll, res } = await waitingPoll();
    const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
    res.end = ((...args: unknown[]) => {
      res.setHeader('x-time', '1');
      return end(...args);
    }) as never;
    router.broadcast('x');
    const { headers, body } = await poll;
    assert.deepEqual([headers['x-time'], headers.vary, body], ['1', 'Origin', 'a["x"]\n']);
  });

  it('a poll names what both it and others have said that it depends on, and what was said last', async () => {
    const { router, poll, res } = await waitingPoll();
    res.appendHeader('Vary', 'Accept-Encoding');
    res.setHeader('Content-Length', 1000);
    res.setHeader('Cache-Control', 'private');
    router.broadcast('y');
    const { headers, body } = await poll;
    assert.deepEqual(
      [headers.vary, headers['content-length'], headers['cache-control'], body],
      ['Accept-Encoding, Origin', '7', 'private', 'a["y"]\n'],
    );
  });

  it('a poll is on the response for who began to listen while it waited', async () => {
    const { router, poll, res } = await waitingPoll();
    const seen: unknown[] = [];
    res.on('finish', () => seen.push(res.getHeader('vary')));
    router.broadcast('x');
    await poll;
    assert.deepEqual(seen, ['Origin']);
  });

  it('a preflight to a page that may not is without what was set before that was known', async () => {
    const { origin } = await listen(sockjs({ prefix: '/echo', checkOrigin: () => false }, () => {}));
    const { status, headers } = await fetchText(`${origin}/echo/info`, 'OPTIONS', { headers: { Origin: PAGE } });
    assert.equal(status, 204);
    assert.equal(headers['access-control-max-age'], undefined);
    assert.match(headers['cache-control'] ?? '', /max-age=31536000/);
  });

  it('an error is on the response when an error handler gets it, without Express too', async () => {
    const baseUrl = () => {
      throw new Error('from the application');
    };
    const seen: unknown[] = [];
    const app = connect().use(
      '/echo',
      sockjs({ baseUrl }, () => {}),
    );
    app.use(((_error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      seen.push(res.getHeader('access-control-allow-origin'), res.getHeader('vary'));
      res.end();
    }) as never);
    const { origin } = await listen(app);
    await fetchText(`${origin}/echo/info`);
    assert.deepEqual(seen, ['*', 'Origin']);
  });

  for (const [title, answer] of [
    ['a poll', (router) => router.broadcast('x')],
    ['what a time limit answers', (_router, res) => void res.writeHead(200).end('a["x"]\n')],
  ] as readonly [string, (router: SockjsRouter, res: ServerResponse) => void][]) {
    it(`${title} passes through a writeHead that all responses got while the poll waited`, async () => {
      const { router, poll, res } = await waitingPoll();
      const seen: unknown[] = [];
      const { writeHead } = ServerResponse.prototype;
      ServerResponse.prototype.writeHead = function (this: ServerResponse, ...args: unknown[]) {
        seen.push(this.getHeader('vary'));
        return Reflect.apply(writeHead, this, args);
      } as typeof writeHead;
      afterTest(() => {
        ServerResponse.prototype.writeHead = writeHead;
      });
      answer(router, res);
      const { headers, body } = await poll;
      assert.deepEqual([seen, headers.vary, body], [['Origin'], 'Origin', 'a["x"]\n']);
    });
  }

  it('a poll passes through a wrapped setHeader', async () => {
    const url = await behind((_req, res) => {
      const setHeader = res.setHeader.bind(res);
      res.setHeader = (name, value) => setHeader(name, name === 'Vary' ? 'Everything' : value);
    });
    assert.equal((await post(`${url}/0/a/xhr`)).headers.vary, 'Everything');
  });

  it('a stream has the very bytes of headers that are not ASCII', async () => {
    for (const value of [undefined, 'Jos\xe9']) {
      const router = sockjs({ prefix: '/echo' }, () => {});
      const { port } = await listen(
        createServer((req, res) => {
          if (value !== undefined) {
            res.setHeader('X-User', value);
          }
          router(req, res);
        }),
      );
      const raw = new RawSocket(port).send(
        'POST /echo/0/a/xhr_streaming HTTP/1.1',
        'Host: localhost',
        'Access-Control-Request-Headers: x-\xe9',
        'Content-Length: 0',
        '',
        '',
      );
      const answer = await raw.until('o\n');
      assert.ok(answer.includes('\r\nAccess-Control-Allow-Headers: x-\xe9\r\n'), answer.slice(0, 600));
      assert.equal(answer.includes('X-User: Jos\xe9\r\n'), value !== undefined);
    }
  });

  it('an answer is on the response while functions of the application are asked', async () => {
    const seen: unknown[] = [];
    let current: ServerResponse | undefined;
    const see = () => {
      seen.push(current?.getHeader('Cache-Control'));
      current?.removeHeader('Cache-Control');
    };
    for (const options of [
      {
        authorize: () => {
          see();
          return true;
        },
      },
      {
        allowedOrigins: async () => {
          await null;
          see();
          return true;
        },
      },
    ]) {
      const router = sockjs({ prefix: '/echo', ...options }, () => {});
      const { origin } = await listen(
        createServer((req, res) => {
          current = res;
          router(req, res);
        }),
      );
      const { headers } = await post(`${origin}/echo/0/a/xhr`, '', { Origin: PAGE });
      assert.equal(headers['cache-control'], undefined);
      assert.equal(headers['access-control-allow-origin'], PAGE);
    }
    assert.deepEqual(seen, [NO_STORE, NO_STORE]);
  });

  it('a stream takes what a wrapped write adds', async () => {
    const url = await behind((_req, res) => {
      const write = res.write.bind(res) as (...args: unknown[]) => boolean;
      res.write = ((...args: unknown[]) => {
        if (!res.headersSent) {
          res.setHeader('x-time', '1');
        }
        return write(...args);
      }) as never;
    });
    const stream = new Stream(`${url}/0/a/xhr_streaming`, 'POST');
    const { headers } = await stream.response;
    assert.equal(headers['x-time'], '1');
    assert.equal(headers['access-control-allow-origin'], '*');
    await stream.until('o\n');
  });

  it('a poll that waits is on what a time limit answers in its place', async () => {
    const { poll, res } = await waitingPoll();
    res.statusCode = 503;
    res.setHeader('Vary', 'Cookie');
    res.end('too late');
    const { status, headers, body } = await poll;
    assert.deepEqual([status, body], [503, 'too late']);
    assert.equal(headers['access-control-allow-origin'], PAGE);
    assert.equal(headers['cache-control'], NO_STORE);
    assert.equal(headers.vary, 'Cookie, Origin');
  });

  it('a poll keeps what functions of the application set in Express, though it adds no header of its own', async () => {
    const authorize = ({ res }: express.Request) => {
      res?.vary('Cookie').setHeader('Cache-Control', 'private');
      return true;
    };
    const app = express().disable('x-powered-by');
    app.use(
      '/echo',
      sockjs<unknown, express.Request>({ authorize }, () => {}),
    );
    const { origin } = await listen(app);
    const { headers } = await post(`${origin}/echo/0/a/xhr`);
    assert.deepEqual([headers.vary, headers['cache-control']], ['Origin, Cookie', 'private']);
  });

  it('is refused at once where a lenient parser let something in that no answer can repeat', async () => {
    const printed = captureErrors();
    const router = sockjs({ prefix: '/echo' }, () => {});
    const { port } = await listen(createServer({ insecureHTTPParser: true }, router));
    const raw = new RawSocket(port).send(
      'POST /echo/0/a/xhr HTTP/1.1',
      'Host: localhost',
      'Origin: a\x01\u0100b',
      'Content-Length: 0',
      'Connection: close',
      '',
      '',
    );
    const answer = await raw.closed;
    // Newer Node lets a server that is as lenient repeat it.
    assert.equal(answer.startsWith('HTTP/1.1 500 '), printed.length === 1, answer);
    assert.equal(router.stats().opened, router.sessions.size);
  });

  it('a poll is not written where the application has answered while it waited', async () => {
    const router = sockjs({ prefix: '/echo' }, () => {});
    const { origin } = await listen(
      createServer((req, res) => {
        router(req, res);
        if (req.headers['x-limit'] !== undefined) {
          res.writeHead(503, { 'Content-Length': 0 }).end();
        }
      }),
    );
    await post(`${origin}/echo/0/a/xhr`);
    assert.equal((await post(`${origin}/echo/0/a/xhr`, '', { 'X-Limit': '1' })).status, 503);
    assert.equal(router.broadcast('x'), 1);
    assert.equal((await post(`${origin}/echo/0/a/xhr`)).body, 'a["x"]\n');
  });
});

describe('a large answer', () => {
  it('over HTTP/2 is not asked for its status message, of which Node warns', () => {
    const res = {
      req: { httpVersionMajor: 2 },
      get statusMessage(): string {
        throw new Error('asked');
      },
    };
    assert.equal(isHeadKnown(res as unknown as ServerResponse), false);
  });
});
