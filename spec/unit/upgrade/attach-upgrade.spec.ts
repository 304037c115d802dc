/** `attachUpgrade()`: how an upgrade runs through the application, and what it leaves of a server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import connect from 'connect';
import express, { type Express } from 'express';
import { WebSocketServer } from 'ws';
import { attachUpgrade, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { express4 } from '../../support/mountings.ts';
import { listenAs } from '../../support/server-kinds.ts';
import { echo, listen, serve, sessionCatcher } from '../../support/test-server.ts';
import { TLS } from '../../support/tls-certificate.ts';
import { clientFrame, parseAnswer, ServerSockets, serverFrame } from '../../support/upgrade-client.ts';
import {
  appWith,
  attached,
  H2C,
  hasShouldUpgradeCallback,
  otherListener,
  pausingMiddleware,
  request,
  type UpgradeListener,
  type Upgrading,
  untilReceived,
} from '../../support/upgrade-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const PATH = '/echo/000/ws/websocket';

const BY_OTHER = 'X-By: other';

/** Opens a WebSocket at a path and gets a message back, over one raw connection. */
async function assertEchoes(port: number, path = PATH): Promise<void> {
  const raw = new RawSocket(port).send(...handshake(path));
  await raw.until(serverFrame(1, 'o'));
  raw.send(clientFrame(1, '["x"]'));
  await raw.until(serverFrame(1, 'a["x"]'));
  raw.socket.destroy();
}

describe('attachUpgrade()', () => {
  for (const [title, given] of [
    ['an app', express()],
    ['a router', sockjs(echo)],
    ['nothing', undefined],
    ['null', null],
    ['something else', {}],
    ['an app as those of NestJS', { listen() {}, getHttpServer() {} }],
    ['an app as those of Koa', { listen() {}, on() {}, callback() {} }],
  ] as const) {
    it(`throws a TypeError that shows the right call when given ${title}`, () => {
      assert.throws(
        () => attachUpgrade(given as unknown as Server),
        (error: Error) =>
          error instanceof TypeError &&
          error.message.includes('attachUpgrade() takes the server, not the app') &&
          error.message.includes('createServer(app)'),
      );
    });
  }

  for (const given of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 31, '10', null]) {
    it(`throws a RangeError that names upgradeTimeout when it is ${given === null ? 'null' : (JSON.stringify(given) ?? given)} (${typeof given})`, () => {
      const server = createServer();
      assert.throws(() => attachUpgrade(server, { upgradeTimeout: given as number }), {
        name: 'RangeError',
        message: new RegExp(
          `"upgradeTimeout" is ${String(given)}; it must be a number of ms from 1 to 2147483647, or Infinity$`,
        ),
      });
      assert.equal(server.listenerCount('upgrade'), 0);
    });
  }

  describe('frameworks', () => {
    for (const [title, create] of [
      ['Express 5', () => express().use('/echo', sockjs(echo))],
      ['Express 4', () => express4().use('/echo', sockjs(echo))],
      ['Connect', () => connect().use('/echo', sockjs(echo))],
      ['a bare listener with a prefix', () => sockjs({ prefix: '/echo' }, echo)],
    ] as const) {
      it(`opens WebSockets in ${title}`, async () => {
        const { port } = await attached(create() as RequestListener);
        await assertEchoes(port);
      });
    }

    it('does not keep the response to the handshake in memory with the session', async () => {
      const sessions = sessionCatcher();
      const seen: unknown[] = [];
      const app = express().use((req, res, next) => {
        res.on('close', () => seen.push(req.res === res));
        next();
      });
      app.use('/echo', sockjs(sessions.onSession));
      const { origin } = await attached(app);
      const client = new WebSocketClient(origin, '/echo/000/a/websocket');
      const { request } = await sessions.next();
      assert.equal(await client.next(), 'o');
      assert.deepEqual(seen, [true], 'middleware that waits for the end still finds it');
      assert.equal((request as express.Request).res, undefined);
      assert.equal((request as express.Request).next, undefined);
    });

    for (const [title, create] of [
      ['an https server', (app: Express) => createHttpsServer(TLS, app)],
      [
        'an http2 server that allows HTTP/1',
        (app: Express) => createSecureServer({ ...TLS, allowHTTP1: true }, app as never),
      ],
    ] as const) {
      it(`opens WebSockets on ${title}, and answers a request for h2c as ordinary HTTP`, async () => {
        const app = express4().use('/echo', sockjs(echo));
        app.get('/plain', (_req, res) => res.send('plain'));
        const server = create(app);
        attachUpgrade(server);
        const port = await listenAs(server);
        const client = new WebSocketClient(`https://127.0.0.1:${port}`, PATH, { ca: TLS.cert });
        assert.equal(await client.next(), 'o');
        client.send('"x"');
        assert.equal(await client.next(), 'a["x"]');

        const plain = tlsConnect({ port, host: '127.0.0.1', ca: TLS.cert, ALPNProtocols: ['http/1.1'] });
        afterTest(() => {
          plain.destroy();
        });
        const lines = ['GET /plain HTTP/1.1', 'Host: localhost', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'];
        plain.end([...lines, '', ''].join('\r\n'));
        const chunks: Buffer[] = [];
        for await (const chunk of plain) {
          chunks.push(chunk);
        }
        assert.match(String(Buffer.concat(chunks)), /^HTTP\/1.1 200 OK.*plain$/s);

        const refused = new WebSocketClient(`https://127.0.0.1:${port}`, '/nowhere/websocket', { ca: TLS.cert });
        await assert.rejects(refused.opened, /Unexpected server response: 404/);
      });
    }

    it('keeps the parameters of the mount path, and what middleware has put on the request', async () => {
      interface Request extends IncomingMessage {
        params: unknown;
        session?: { user: string };
      }
      const sessions = new AsyncQueue<Request>();
      const app = express();
      app.use((req, _res, next) => {
        Object.assign(req, { session: { user: 'ann' } });
        next();
      });
      const rooms = express.Router({ mergeParams: true });
      rooms.use(
        '/room/:room/echo',
        sockjs<unknown, Request>(({ request }) => sessions.push(request)),
      );
      app.use('/tenant/:tenant', rooms);
      const { port } = await attached(app);
      new RawSocket(port).send(...handshake('/tenant/t%201/room/7/echo/000/ws/websocket'));
      const request = await sessions.next();
      assert.deepEqual({ ...(request.params as object) }, { tenant: 't 1', room: '7' });
      assert.deepEqual(request.session, { user: 'ann' });
    });
  });

  describe('middleware in front', () => {
    it('answers in place of the WebSocket, with a whole HTTP response, and the connection is closed', async () => {
      const { onSession, count } = sessionCatcher();
      const { port, sockets } = await attached(
        appWith((_req, res) => {
          res.setHeader('X-Why', 'because');
          res.status(401).type('txt').send('No entry.');
        }, onSession),
      );
      const raw = new RawSocket(port).send(...handshake(PATH));
      const { status, headers, rest } = parseAnswer(await raw.closed);
      assert.equal(status, 'HTTP/1.1 401 Unauthorized');
      assert.deepEqual(
        headers.filter((line) => !/^(date|etag):/i.test(line)),
        ['X-Why: because', 'Content-Type: text/plain; charset=utf-8', 'Content-Length: 9', 'Connection: close'],
      );
      assert.equal(rest, 'No entry.');
      await sockets.gone();
      assert.equal(count(), 0);
    });

    it('redirects', async () => {
      const { port } = await attached(appWith((_req, res) => res.redirect('/login')));
      const { status, headers } = parseAnswer(await new RawSocket(port).send(...handshake(PATH)).closed);
      assert.equal(status, 'HTTP/1.1 302 Found');
      assert.equal(headers.includes('Location: /login'), true);
    });

    for (const [title, fail] of [
      [
        'throws',
        () => {
          throw new Error('secret');
        },
      ],
      ['rejects', () => Promise.reject(new Error('secret'))],
    ] as const) {
      it(`has the client get 500 when it ${title}`, async () => {
        const { port } = await attached(appWith(fail));
        const { status } = parseAnswer(await new RawSocket(port).send(...handshake(PATH)).closed);
        assert.equal(status, 'HTTP/1.1 500 Internal Server Error');
      });
    }

    it('streams a long response whole, to HTTP/1.0 clients as well', async () => {
      const body = 'x'.repeat(300_000);
      const { port } = await attached(
        appWith((_req, res) => {
          res.status(403);
          res.write(body);
          setImmediate(() => res.end('end'));
        }),
      );
      const request = handshake(PATH).join('\r\n').replace('HTTP/1.1', 'HTTP/1.0');
      const { headers, rest } = parseAnswer(await new RawSocket(port).send(request).closed);
      assert.equal(
        headers.some((line) => /^transfer-encoding/i.test(line)),
        false,
      );
      assert.equal(rest.length, body.length + 3);
      assert.equal(rest.endsWith('xend'), true);
    });

    it('may decide later, and bytes that came meanwhile are not lost', async () => {
      const { middleware, next } = pausingMiddleware();
      const messages = new AsyncQueue<string>();
      const app = appWith(middleware, (session) => {
        session.on('message', (message) => messages.push(message));
      });
      const { port, sockets } = await attached(app);
      const raw = new RawSocket(port).send(handshake(PATH).join('\r\n') + clientFrame(1, '["a"]'));
      const decision = await next();
      await untilReceived(await sockets.next(), () => raw.send(clientFrame(1, '["b"]')));
      decision.next();
      assert.equal(await messages.next(), 'a');
      assert.equal(await messages.next(), 'b');
    });

    it('adds headers to the 101, set early, as late as writeHead, or in end', async () => {
      const app = appWith((_req, res, next) => {
        res.setHeader('Set-Cookie', ['a=1; Path=/', 'b=2']);
        res.setHeader('X-Early', 'yes');
        res.setHeader('X-Number', 7);
        const { writeHead, end } = res;
        res.writeHead = function (this: typeof res, ...args: unknown[]) {
          res.appendHeader('Set-Cookie', 'late=3');
          return Reflect.apply(writeHead, this, args);
        } as typeof writeHead;
        // As session middleware does: it sends the head, stores the session, and ends later.
        res.end = function (this: typeof res, ...args: unknown[]) {
          if (!res.headersSent) {
            res.setHeader('X-Stored', 'yes');
          }
          setImmediate(() => Reflect.apply(end, this, args));
          return this;
        } as typeof end;
        next();
      });
      const { port } = await attached(app);
      const { headers } = parseAnswer(await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o')));
      assert.deepEqual(headers.slice(3), [
        'set-cookie: a=1; Path=/',
        'set-cookie: b=2',
        'set-cookie: late=3',
        'x-early: yes',
        'x-number: 7',
        'cache-control: no-store, no-cache, no-transform, must-revalidate, max-age=0',
        'vary: Origin',
      ]);
    });

    it('cannot add headers to the 101 that belong to the handshake or to a body', async () => {
      const app = appWith((_req, res, next) => {
        for (const name of [
          'Connection',
          'Upgrade',
          'Date',
          'Content-Length',
          'Content-Type',
          'Content-Security-Policy',
          'Transfer-Encoding',
          'Sec-WebSocket-Accept',
          'Sec-WebSocket-Protocol',
        ]) {
          res.setHeader(name, '1');
        }
        res.setHeader('X-Frame-Options', 'DENY');
        next();
      });
      const { port } = await attached(app);
      const { headers, rest } = parseAnswer(
        await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o')),
      );
      assert.deepEqual(headers, [
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
        'x-frame-options: DENY',
        'cache-control: no-store, no-cache, no-transform, must-revalidate, max-age=0',
        'vary: Origin',
      ]);
      assert.equal(rest, serverFrame(1, 'o'));
    });

    it('adds the JSESSIONID cookie to the 101', async () => {
      const { port } = await serve({ jsessionid: true, rawWebsocket: true });
      for (const path of [PATH, '/echo/websocket']) {
        for (const [cookie, value] of [
          ['a=b; JSESSIONID=node%201', 'node%201'],
          ['a=b', 'dummy'],
        ]) {
          const raw = new RawSocket(port).send(...handshake(path, `Cookie: ${cookie}`));
          const { status, headers } = parseAnswer(await raw.until('\r\n\r\n'));
          assert.equal(status, 'HTTP/1.1 101 Switching Protocols');
          assert.deepEqual(
            headers.filter((line) => /cookie/i.test(line)),
            [`set-cookie: JSESSIONID=${value}; path=/`],
          );
        }
      }
    });

    for (const [title, decide, status] of [
      ['taken over', (next: () => void) => next(), 101],
      ['answered', (_next: () => void, res: ServerResponse) => res.writeHead(403).end('no'), 403],
      ['answered 404', (_next: () => void, res: ServerResponse) => res.writeHead(404).end('no'), 404],
    ] as const) {
      it(`sees its response finish and close, once each, when the upgrade was ${title}`, async () => {
        const events: string[] = [];
        const { port, sockets } = await attached(
          appWith((_req, res, next) => {
            for (const event of ['finish', 'close']) {
              res.on(event, () => events.push(`${event} ${res.statusCode}`));
            }
            decide(next, res);
          }),
        );
        const raw = new RawSocket(port).send(...handshake(PATH));
        await raw.until('HTTP/1.1');
        raw.socket.end();
        await sockets.gone();
        assert.deepEqual(events, [`finish ${status}`, `close ${status}`]);
      });
    }

    it('may send early hints, which are not written before a 101', async () => {
      const { port } = await attached(
        appWith((_req, res, next) => {
          res.writeEarlyHints({ link: '</style.css>; rel=preload' });
          next();
        }),
      );
      const raw = new RawSocket(port).send(...handshake(PATH));
      const received = await raw.until(serverFrame(1, 'o'));
      assert.equal(received.startsWith('HTTP/1.1 101 '), true);
    });

    it('may destroy the connection', async () => {
      const clock = stopClock();
      const { port, sockets } = await attached(appWith((_req, res) => res.destroy()));
      assert.equal(await new RawSocket(port).send(...handshake(PATH)).closed, '');
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    it('sees the address and the encryption of the client on the response', async () => {
      const seen = new AsyncQueue<unknown[]>();
      const { port } = await attached(
        appWith((_req, res, next) => {
          const socket = res.socket as NonNullable<typeof res.socket> & { encrypted: boolean };
          res.setTimeout(1);
          seen.push([socket.remoteAddress, socket.encrypted]);
          next();
        }),
      );
      await assertEchoes(port);
      assert.deepEqual(await seen.next(), ['127.0.0.1', false]);
    });
  });

  describe('other upgrade listeners', () => {
    for (const order of ['before', 'after'] as const) {
      describe(`added ${order} it`, () => {
        async function withOther(add: (server: Server) => void, listener?: RequestListener) {
          const fallback = express().set('env', 'test').use('/echo', sockjs(echo));
          fallback.use('/page', (_req, res) => {
            res.send('a page for all paths');
          });
          fallback.use('/secret', (_req, res) => {
            res.sendStatus(403);
          });
          const result = await attached(listener ?? fallback, order === 'before' ? { prepare: add } : {});
          if (order === 'after') {
            add(result.server);
          }
          return result;
        }

        it('a WebSocketServer with its own path gets that path, and no SockJS path', async () => {
          for (const path of ['/other', '/other/websocket']) {
            const { port, origin } = await withOther((server) => {
              const other = new WebSocketServer({ server, path });
              other.on('connection', (socket) => socket.send('other'));
              afterTest(() => other.close());
            });
            await assertEchoes(port);
            assert.equal(await new WebSocketClient(origin, path).next(), 'other');
            // How it handles a path that belongs to neither.
            const { status } = parseAnswer(await new RawSocket(port).send(...handshake('/else')).closed);
            assert.equal(status, 'HTTP/1.1 400 Bad Request');
          }
        });

        it('a path that does not end in /websocket is emitted at once', async () => {
          let requests = 0;
          const { seen, listener } = otherListener();
          const { port } = await withOther(
            (server) => server.on('upgrade', listener),
            (_req, res) => {
              requests += 1;
              res.end();
            },
          );
          for (const path of [
            '/',
            '/socket.io/?a=/websocket',
            '/echo/000/a/websocket/',
            '/echo/000/a/Websocket',
            '/x',
          ]) {
            const raw = new RawSocket(port).send(handshake(path).join('\r\n') + clientFrame(1, 'x'));
            assert.equal((await raw.closed).includes(BY_OTHER), true);
            assert.deepEqual(await seen.next(), { url: path, head: clientFrame(1, 'x') });
          }
          assert.equal(requests, 0);
        });

        for (const path of ['/nowhere/websocket?a=1', '/echo/nothing/websocket', '/page/x/websocket', '/websocket']) {
          it(`${path}, for which the app has no WebSocket, is emitted as it came`, async () => {
            const { seen, listener } = otherListener();
            const { port } = await withOther((server) => server.on('upgrade', listener));
            const raw = new RawSocket(port).send(handshake(path).join('\r\n') + clientFrame(1, 'x'));
            const { status, headers, rest } = parseAnswer(await raw.closed);
            assert.equal(status, 'HTTP/1.1 101 Switching Protocols');
            assert.equal(headers.includes(BY_OTHER), true);
            assert.equal(rest, '');
            assert.deepEqual(await seen.next(), { url: path, head: clientFrame(1, 'x') });
            assert.equal(seen.size, 0);
          });
        }

        it('a refusal by the app goes to the client, and is not emitted', async () => {
          const { seen, listener } = otherListener();
          const { port } = await withOther((server) => server.on('upgrade', listener));
          const raw = new RawSocket(port).send(...handshake('/secret/websocket'));
          assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 403 Forbidden');
          assert.equal(seen.size, 0);
        });

        it('bytes that come while the app decides are not lost', async () => {
          const { middleware, next } = pausingMiddleware();
          const received = new AsyncQueue<string>();
          const { port, sockets } = await withOther(
            (server) =>
              server.on('upgrade', (_req, socket: Duplex, head) => {
                socket.on('error', () => {});
                let all = head.toString('latin1');
                socket.on('data', (chunk) => {
                  all += chunk;
                  if (all.length === 6) {
                    received.push(all);
                    socket.end('bye');
                  }
                });
              }),
            middleware as RequestListener,
          );
          const raw = new RawSocket(port).send(`${handshake('/a/websocket').join('\r\n')}abc`);
          const { res } = await next();
          await untilReceived(await sockets.next(), () => raw.send('def'));
          res.writeHead(404).end('not here');
          assert.equal(await received.next(), 'abcdef');
          assert.equal(await raw.closed, 'bye');
        });
      });
    }

    for (const path of ['/x', '/nowhere/websocket']) {
      it(`that ignore ${path} leave no reset without an error listener`, async () => {
        const passed = new AsyncQueue<Duplex>();
        const { port, sockets } = await attached((_req, res) => res.writeHead(404).end(), {
          prepare: (server) => server.on('upgrade', (_req, socket: Duplex) => passed.push(socket)),
        });
        const raw = new RawSocket(port).send(...handshake(path));
        const socket = await passed.next();
        assert.equal(socket.listenerCount('error') > 0, true);
        raw.socket.resetAndDestroy();
        await sockets.gone();
      });

      it(`that ignore ${path} do not leave the connection open for ever`, async () => {
        const clock = stopClock();
        const passed = new AsyncQueue<Duplex>();
        const { port, sockets } = await attached((_req, res) => res.writeHead(404).end(), {
          prepare: (server) => server.on('upgrade', (_req, socket: Duplex) => passed.push(socket)),
        });
        const raw = new RawSocket(port).send(...handshake(path));
        await passed.next();
        clock.tick(10_000);
        await raw.closed;
        await sockets.gone();
      });
    }

    it('keep an upgrade that the app has answered with 404, even if it takes the WebSocket later', async () => {
      const { listener } = otherListener();
      const { onSession, count } = sessionCatcher();
      const { port } = await attached(
        appWith((_req, res, next) => {
          res.writeHead(404).end();
          next();
        }, onSession),
        { prepare: (server) => server.on('upgrade', listener) },
      );
      assert.equal((await new RawSocket(port).send(...handshake(PATH)).closed).includes(BY_OTHER), true);
      assert.equal(count(), 0);
    });

    it('that are none: the client gets the response of the app, and the connection is closed', async () => {
      const app = express();
      app.use('/page', (_req, res) => {
        res.send('a page');
      });
      const { port, sockets } = await attached(app);
      for (const [path, status, body] of [
        ['/page/websocket', 'HTTP/1.1 200 OK', /^a page$/],
        ['/nowhere/websocket', 'HTTP/1.1 404 Not Found', /Cannot GET \/nowhere\/websocket/],
      ] as const) {
        const answer = parseAnswer(await new RawSocket(port).send(...handshake(path)).closed);
        assert.equal(answer.status, status);
        assert.equal(answer.headers.includes('Connection: close'), true);
        assert.match(answer.rest, body);
      }
      await sockets.gone();
    });

    it('that are none: other paths get the response of the app as well', async () => {
      const { port } = await attached((req, res) => res.end(`at ${req.url}`));
      await new RawSocket(port).send(...handshake('/chat?a')).until('at /chat?a');
    });

    it('that are removed before the app decides: the client gets the response of the app', async () => {
      const { middleware, next } = pausingMiddleware();
      const { listener } = otherListener();
      const { server, port } = await attached(middleware as RequestListener, {
        prepare: (server) => server.on('upgrade', listener),
      });
      const raw = new RawSocket(port).send(...handshake('/a/websocket'));
      const { res } = await next();
      server.off('upgrade', listener);
      res.writeHead(404).end('not here');
      assert.match(await raw.closed, /^HTTP\/1.1 404 .*not here/s);
    });
  });

  describe('upgradeTimeout', () => {
    for (const [options, ms] of [
      [{}, 10_000],
      [{ upgradeTimeout: 50 }, 50],
    ] as const) {
      it(`answers 503 after ${ms} ms, and a later decision does nothing`, async () => {
        const clock = stopClock();
        const { onSession, count } = sessionCatcher();
        const { middleware, next } = pausingMiddleware();
        const { port, sockets } = await attached(appWith(middleware, onSession), options);
        for (const late of [
          ({ next }: { next: () => void }) => next(),
          ({ res }: { res: ServerResponse }) => res.writeHead(200).end('late'),
          ({ res }: { res: ServerResponse }) => {
            res.write('late');
            res.destroy();
          },
        ]) {
          const raw = new RawSocket(port).send(...handshake(PATH));
          const decision = await next();
          clock.tick(ms - 1);
          await turn();
          assert.equal(sockets.count, 1);
          clock.tick(1);
          late(decision);
          assert.equal(
            await raw.closed,
            'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
          );
          await sockets.gone();
        }
        assert.equal(count(), 0);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('answers 503 where the server has no request listener', async () => {
      const clock = stopClock();
      const server = createServer();
      attachUpgrade(server);
      const { port } = await listen(server);
      const upgraded = once(server, 'request');
      const raw = new RawSocket(port).send(...handshake(PATH));
      await upgraded;
      clock.tick(10_000);
      assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 503 Service Unavailable');
    });

    it('does not interrupt a response that has begun', async () => {
      const clock = stopClock();
      const { middleware, next } = pausingMiddleware();
      const { port } = await attached(appWith(middleware));
      const raw = new RawSocket(port).send(...handshake(PATH));
      const { res } = await next();
      res.writeHead(403).write('begun');
      await raw.until('begun');
      clock.tick(60_000);
      res.end('ended');
      assert.match(await raw.closed, /ended/);
    });

    it('does not touch a WebSocket that is open', async () => {
      const clock = stopClock();
      const { origin } = await serve({ heartbeatDelay: 0 });
      const client = new WebSocketClient(origin, PATH);
      assert.equal(await client.next(), 'o');
      assert.equal(clock.countTimers(), 0);
    });
  });

  for (const [title, decide] of [
    ['503', (_: unknown, clock: ReturnType<typeof stopClock>) => clock.tick(10_000)],
    ['refusal', (res: ServerResponse) => res.writeHead(403).end('no')],
  ] as const) {
    it(`lets the client close after a ${title}, for 2 seconds`, async () => {
      const clock = stopClock();
      const { middleware, next } = pausingMiddleware();
      const { port, sockets } = await attached(middleware as RequestListener);
      for (const leaves of [true, false]) {
        const client = tcpConnect({ port, host: '127.0.0.1', allowHalfOpen: true });
        client.on('error', () => {});
        afterTest(() => {
          client.destroy();
        });
        client.resume().write(handshake(PATH).join('\r\n'));
        decide((await next()).res, clock);
        await once(client, 'end');
        assert.equal(sockets.count, 1);
        if (leaves) {
          client.end();
        } else {
          clock.tick(2_000);
        }
        await sockets.gone();
        client.destroy();
      }
      assert.equal(clock.countTimers(), 0);
    });
  }

  describe('requests that want no WebSocket', () => {
    /** Echoes the request. */
    const mirror: RequestListener = (req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const header = String(req.headers['x-a']).replace(/[^ -~]/g, (char) => char.charCodeAt(0).toString(16));
        res.end(`<${req.method} ${req.url} ${header} ${Buffer.concat(chunks)}>`);
      });
    };

    const SECOND = request('GET', '/second', ['X-A: 2']);

    for (const [title, text, answer] of [
      ['h2c without a body', request('GET', '/a?b', [...H2C, 'X-A: \xe9']), '<GET /a?b e9 >'],
      ['h2c with a body', request('POST', '/a', [...H2C, 'X-A: 1', 'Content-Length: 5'], 'hello'), '<POST /a 1 hello>'],
      [
        'h2c with a chunked body',
        request('PUT', '/a', [...H2C, 'X-A: 1', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
        '<PUT /a 1 hello>',
      ],
      ['TLS', request('OPTIONS', '*', ['Connection: upgrade', 'Upgrade: TLS/1.0']), '<OPTIONS * undefined >'],
      [
        'a WebSocket by POST',
        request('POST', '/a/websocket', ['Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 2'], 'hi'),
        '<POST /a/websocket undefined hi>',
      ],
    ] as const) {
      for (const others of [false, true]) {
        it(`for ${title} stay ordinary HTTP ${others ? 'beside other listeners' : 'alone'}, on a connection that lives on`, async () => {
          const { seen, listener } = otherListener();
          const { port } = await attached(mirror, {
            prepare: (server) => (others ? server.on('upgrade', listener) : server),
          });
          const raw = new RawSocket(port);
          if (hasShouldUpgradeCallback) {
            // Node itself loses bytes that come in one piece with a request whose upgrade it declines.
            await raw.send(text).until(answer);
            raw.send(SECOND);
          } else {
            raw.send(text + SECOND);
          }
          const received = await raw.until('<GET /second 2 >');
          assert.deepEqual(received.match(/<.*>/g), [answer, '<GET /second 2 >']);
          assert.equal(/^connection: close/im.test(received), false);
          raw.send(request('GET', '/third', ['X-A: 3']));
          await raw.until('<GET /third 3 >');
          assert.equal(seen.size, 0);
        });
      }
    }

    it('get a body that comes later and in pieces', async () => {
      const { port } = await attached(mirror);
      const asked = new RawSocket(port).send(request('POST', '/a', [...H2C, 'X-A: 1', 'Content-Length: 6'], 'abc'));
      await turn();
      asked.send('def');
      await asked.until('<POST /a 1 abcdef>');
    });

    it('get 405 for POST to a WebSocket path, with upgrade headers and a body', async () => {
      const { port } = await serve({ rawWebsocket: true });
      for (const path of [PATH, '/echo/websocket']) {
        const raw = new RawSocket(port).send(
          request('POST', path, [...handshake('/').slice(2, -2), 'Content-Length: 5'], 'hello'),
        );
        await raw.until('\r\n\r\n');
        raw.send(request('GET', '/echo', []));
        const { status, headers, rest } = parseAnswer(await raw.until('Welcome to SockJS!'));
        assert.equal(status, 'HTTP/1.1 405 Method Not Allowed');
        assert.equal(headers.includes('Allow: GET'), true);
        assert.equal(headers.includes('Content-Length: 0'), true);
        assert.equal(
          headers.some((line) => /^content-type/i.test(line)),
          false,
        );
        assert.equal(rest.startsWith('HTTP/1.1 200 OK'), true);
      }
    });

    for (const [title, headers, text] of [
      ['another protocol', H2C, 'Can "Upgrade" only to "WebSocket".'],
      ['no Upgrade header', ['Connection: Upgrade'], 'Can "Upgrade" only to "WebSocket".'],
      ['neither header', [], 'Can "Upgrade" only to "WebSocket".'],
      ['no Connection header', ['Upgrade: websocket'], '"Connection" must be "Upgrade".'],
      [
        'another Connection header',
        ['Upgrade: WebSocket', 'Connection: keep-alive'],
        '"Connection" must be "Upgrade".',
      ],
    ] as const) {
      it(`get 400 for a GET on a WebSocket path with ${title}, and the connection is closed`, async () => {
        const { port } = await serve({ rawWebsocket: true });
        for (const path of [PATH, '/echo/websocket']) {
          const raw = new RawSocket(port).send(request('GET', path, [...headers]));
          const answer = parseAnswer(await raw.closed);
          assert.equal(answer.status, 'HTTP/1.1 400 Bad Request');
          assert.equal(answer.rest, text);
          assert.equal(answer.headers.includes('Connection: close'), true);
        }
      });
    }
  });

  describe('malformed handshakes', () => {
    const KEY = /^Sec-WebSocket-Key:.*/m;
    const VERSION = /^Sec-WebSocket-Version:.*/m;
    for (const [title, change, answer] of [
      ['no key', (text: string) => text.replace(KEY, 'X: y'), /^HTTP\/1.1 400 .*Sec-WebSocket-Key/s],
      [
        'a short key',
        (text: string) => text.replace(KEY, 'Sec-WebSocket-Key: abc'),
        /^HTTP\/1.1 400 .*Sec-WebSocket-Key/s,
      ],
      ['no version', (text: string) => text.replace(VERSION, 'X: y'), /^HTTP\/1.1 400 .*Sec-WebSocket-Version: 13/s],
      [
        'a wrong version',
        (text: string) => text.replace(VERSION, 'Sec-WebSocket-Version: 12'),
        /^HTTP\/1.1 400 .*Sec-WebSocket-Version: 13/s,
      ],
      [
        'bad extensions',
        (text: string) => text.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: ;;=\r\n\r\n'),
        /^HTTP\/1.1 400 .*Sec-WebSocket-Extensions/s,
      ],
      [
        'bad subprotocols',
        (text: string) => text.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: a,,b\r\n\r\n'),
        /^HTTP\/1.1 400 .*Sec-WebSocket-Protocol/s,
      ],
      [
        'two protocols to upgrade to',
        (text: string) => text.replace('Upgrade: websocket', 'Upgrade: websocket, h2c'),
        /^HTTP\/1.1 400 .*Upgrade header/s,
      ],
    ] as const) {
      it(`get 400 for ${title}, leaving nothing behind`, async () => {
        const clock = stopClock();
        const { onSession, count } = sessionCatcher();
        const { server, port } = await serve({ websocketServer: { perMessageDeflate: true } }, onSession);
        const sockets = new ServerSockets(server);
        const raw = new RawSocket(port).send(change(handshake(PATH).join('\r\n')));
        assert.match(await raw.closed, answer);
        await sockets.gone();
        assert.equal(count(), 0);
        assert.equal(clock.countTimers(), 0);
      });
    }

    for (const target of [
      '/websocket',
      '//websocket',
      '/echo//websocket',
      '/echo/a/websocket',
      '/echo/a./b/websocket',
      '/echo/a/%2e/websocket',
      '/echo/a/%2F/websocket',
      '/echo/%/b/websocket',
      '/echo/a/%ff/websocket',
      '/%ff/websocket',
      '/echo/a/b/%77ebsocket',
      '/echo/a/b/websocket/',
      '/ECHO/a/b/WEBSOCKET',
      '/echo/../echo/a/b/c/websocket',
      '/echo/a/b/c/websocket?x=1',
      '*',
    ]) {
      it(`get a refusal for ${target}, and the server goes on`, async () => {
        const { onSession, count } = sessionCatcher();
        const routers = [
          express().set('env', 'test').use('/echo', sockjs(onSession)),
          express4().set('env', 'test').use('/echo', sockjs(onSession)),
          connect().use('/echo', sockjs(onSession)),
          sockjs({ prefix: '/echo' }, onSession),
        ];
        for (const router of routers) {
          // Another listener that refuses has every target end in the same way in all versions of Node.
          const { port } = await attached(router as RequestListener, {
            prepare: (server) => {
              const other = new WebSocketServer({ server, path: '/other' });
              afterTest(() => other.close());
            },
          });
          assert.match(await new RawSocket(port).send(...handshake(target)).closed, /^HTTP\/1.1 40[04] /);
          await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
        }
        assert.equal(count(), routers.length);
      });
    }
  });

  describe('clients that leave', () => {
    const reset = (raw: RawSocket) => {
      raw.socket.resetAndDestroy();
    };
    const fin = (raw: RawSocket) => {
      raw.socket.end();
    };

    /** A server whose middleware leaves the decision to the test. In the end, its clock must have no timers. */
    async function waiting() {
      const clock = stopClock();
      const sessions = sessionCatcher();
      const { middleware, next } = pausingMiddleware();
      const { port, sockets } = await attached(appWith(middleware, sessions.onSession));
      afterTest(async () => {
        assert.equal(clock.countTimers(), 0);
      });
      const raw = new RawSocket(port).send(...handshake(PATH));
      return { clock, sessions, raw, sockets, decision: await next() };
    }

    for (const [how, leave] of [
      ['reset', reset],
      ['end', fin],
    ] as const) {
      it(`by ${how} together with the request leave no trace`, async () => {
        const clock = stopClock();
        const { server, port } = await serve({ heartbeatDelay: 0 });
        const sockets = new ServerSockets(server);
        const raw = new RawSocket(port);
        await once(raw.socket, 'connect');
        raw.send(...handshake(PATH));
        leave(raw);
        await sockets.next();
        await sockets.gone();
        assert.equal(clock.countTimers(), 0);
      });

      it(`by ${how} right after the 101 end their session`, async () => {
        const clock = stopClock();
        const { onSession, next } = sessionCatcher();
        const { server, port } = await serve({}, onSession);
        const sockets = new ServerSockets(server);
        const raw = new RawSocket(port).send(...handshake(PATH));
        const session = await next();
        const closed = once(session, 'close');
        await raw.until('\r\n\r\n');
        leave(raw);
        const [event] = await closed;
        assert.deepEqual(event, { code: 1006, reason: '', wasClean: false });
        await sockets.gone();
        assert.equal(clock.countTimers(), 0);
      });
    }

    for (const [how, leave] of [
      ['reset', reset],
      ['end', fin],
    ] as const) {
      for (const [title, decide] of [
        ['to let them in', ({ next }: { next: () => void }) => next()],
        ['against them', ({ res }: { res: ServerResponse }) => res.writeHead(403).end('no')],
        ['that it is not its own', ({ res }: { res: ServerResponse }) => res.writeHead(404).end('no')],
      ] as const) {
        it(`by ${how} before the app has decided ${title} are forgotten, and the app is told`, async () => {
          const { sessions, raw, sockets, decision } = await waiting();
          const told = Promise.all([once(decision.req, 'close'), once(decision.res, 'close')]);
          leave(raw);
          await told;
          await sockets.gone();
          assert.equal(decision.res.destroyed, true);
          decide(decision);
          await turn();
          assert.equal(await raw.closed, '');
          assert.equal(sessions.count(), 0);
        });
      }
    }

    for (const [how, leave] of [
      ['reset', reset],
      ['end', fin],
    ] as const) {
      it(`by ${how} in the middle of a response leave no trace`, async () => {
        const { raw, sockets, decision } = await waiting();
        const { res } = decision;
        const closed = once(res, 'close');
        res.writeHead(403).write('begun');
        await raw.until('begun');
        leave(raw);
        await closed;
        res.write('more');
        res.end();
        await sockets.gone();
      });
    }

    it('in numbers, at any moment, leave no socket and no timer', async () => {
      const clock = stopClock();
      const app = appWith((_req, _res, next) => {
        setImmediate(next);
      });
      app.use((_req, res) => {
        res.status(403).write('x');
        setImmediate(() => res.end('y'));
      });
      const { port, sockets } = await attached(app);
      const paths = [PATH, '/echo/websocket', '/nowhere/websocket', '/x'];
      const clients = Array.from({ length: 80 }, async (_, i) => {
        const raw = new RawSocket(port);
        await once(raw.socket, 'connect');
        raw.send(...handshake(paths[i % 4] ?? ''));
        for (let turns = 0; turns < i / 8; turns += 1) {
          await turn();
        }
        (i % 3 === 0 ? fin : reset)(raw);
        await raw.closed;
      });
      await Promise.all(clients);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('called twice for one server', () => {
    it('returns the same function and changes nothing', async () => {
      const { onSession, next, count } = sessionCatcher();
      const { server, port, detach } = await attached(sockjs({ prefix: '/echo' }, onSession));
      const { emit } = server;
      assert.equal(attachUpgrade(server), detach);
      assert.equal(server.emit, emit);
      assert.equal(server.listenerCount('upgrade'), 1);
      await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
      await next();
      assert.equal(count(), 1);
    });
  });

  describe('the function it returns', () => {
    const traces = (server: Server & Upgrading) => ({
      listeners: server.listeners('upgrade'),
      own: Object.hasOwn(server, 'emit'),
      emit: server.emit,
      symbols: Object.getOwnPropertySymbols(server).filter((symbol) => symbol.description?.includes('sockjs')),
      callback: server.shouldUpgradeCallback,
    });

    for (const [title, prepare] of [
      ['on a server as Node makes it', () => {}],
      ['beside another listener', (server: Server) => server.on('upgrade', () => {})],
      [
        'on a server that has its own emit',
        (server: Server) => {
          server.emit = server.emit.bind(server);
        },
      ],
    ] as const) {
      it(`undoes everything ${title}, and more than once does nothing more`, () => {
        const server = createServer();
        prepare(server);
        const before = traces(server);
        const detach = attachUpgrade(server);
        assert.notEqual(server.emit, before.emit);
        detach();
        assert.deepEqual(traces(server), before);
        detach();
        assert.deepEqual(traces(server), before);
      });
    }

    it('leaves open sessions alone, and new WebSockets are refused', async () => {
      const { server, origin, port } = await serve();
      const client = new WebSocketClient(origin, PATH);
      assert.equal(await client.next(), 'o');
      attachUpgrade(server)();
      client.send('"x"');
      assert.equal(await client.next(), 'a["x"]');
      const warning = once(process, 'warning');
      const raw = new RawSocket(port).send(...handshake(PATH));
      assert.match(await raw.closed, /^HTTP\/1.1 501 /);
      const [{ code, message }] = (await warning) as [NodeJS.ErrnoException];
      assert.equal(code, 'SOCKJS_NO_UPGRADE');
      assert.match(message, /call attachUpgrade\(server\)/);
    });

    it('leaves all upgrades to the other listeners', async () => {
      const { seen, listener } = otherListener();
      const { port, detach } = await attached(sockjs({ prefix: '/echo' }, echo), {
        prepare: (server) => server.on('upgrade', listener),
      });
      detach();
      assert.equal((await new RawSocket(port).send(...handshake(PATH)).closed).includes(BY_OTHER), true);
      assert.equal(seen.size, 1);
    });

    it('can be followed by a new call, which an old function does not undo', async () => {
      const { server, port, detach } = await attached(sockjs({ prefix: '/echo' }, echo));
      detach();
      attachUpgrade(server);
      detach();
      await assertEchoes(port);
      assert.equal(server.listenerCount('upgrade'), 1);
    });

    it('lets every event through where emit was wrapped since, and a new call works', async () => {
      const { server, port, detach } = await attached(sockjs({ prefix: '/echo' }, echo));
      const wrapper = server.emit.bind(server);
      server.emit = wrapper;
      detach();
      assert.equal(server.emit, wrapper);
      const { seen, listener } = otherListener();
      server.on('upgrade', listener);
      await new RawSocket(port).send(...handshake(PATH)).closed;
      assert.equal(seen.size, 1);
      attachUpgrade(server);
      await assertEchoes(port);
      assert.equal(seen.size, 1);
    });

    it('called while the app decides has the client get the response of the app', async () => {
      const { middleware, next } = pausingMiddleware();
      const { port, detach } = await attached(middleware as RequestListener);
      const raw = new RawSocket(port).send(...handshake('/a/websocket'));
      const { res } = await next();
      detach();
      res.writeHead(404).end('not here');
      assert.match(await raw.closed, /^HTTP\/1.1 404 .*not here/s);
    });

    it('called while the app decides has the other listener get the upgrade', async () => {
      const { seen, listener } = otherListener();
      const { middleware, next } = pausingMiddleware();
      const { port, detach } = await attached(middleware as RequestListener, {
        prepare: (server) => server.on('upgrade', listener),
      });
      const raw = new RawSocket(port).send(...handshake('/a/websocket'));
      const { res } = await next();
      detach();
      res.writeHead(404).end('not here');
      assert.match(await raw.closed, /X-By: other/);
      assert.equal(seen.size, 1);
    });
  });

  (hasShouldUpgradeCallback ? describe : describe.skip)('shouldUpgradeCallback', () => {
    /** A server with a callback of the application, which accepts the protocols that it names. */
    async function withCallback(answers: (req: IncomingMessage) => boolean, other?: UpgradeListener) {
      const asked: (string | undefined)[] = [];
      const callback = function (this: unknown, req: IncomingMessage) {
        asked.push(req.url);
        return answers(req);
      };
      const app = express().set('env', 'test').use('/echo', sockjs(echo));
      app.use((req, res) => {
        res.send(`page at ${req.url}`);
      });
      const result = await attached(app, {
        prepare: (server: Server & Upgrading) => {
          server.shouldUpgradeCallback = callback;
          if (other) {
            server.on('upgrade', other);
          }
        },
      });
      return { ...result, asked, callback };
    }

    const h2c = (path: string) => [`GET ${path} HTTP/1.1`, 'Host: localhost', ...H2C, '', ''];

    it('of the application decides about all but SockJS paths', async () => {
      const { seen, listener } = otherListener();
      const { port, asked } = await withCallback((req) => req.url === '/yes', listener);
      await assertEchoes(port);
      assert.deepEqual(asked, []);
      assert.equal((await new RawSocket(port).send(...handshake('/yes')).closed).includes(BY_OTHER), true);
      assert.equal((await seen.next()).url, '/yes');
      await new RawSocket(port).send(...handshake('/no')).until('page at /no');
      assert.equal((await new RawSocket(port).send(...h2c('/yes')).closed).includes(BY_OTHER), true);
      await new RawSocket(port).send(...h2c('/no')).until('page at /no');
      assert.deepEqual(asked, ['/yes', '/no', '/yes', '/no']);
    });

    it('of the application that accepts without a listener leaves no connection open', async () => {
      const { port } = await withCallback(() => true);
      await new RawSocket(port).send(...handshake('/x')).until('page at /x');
      await new RawSocket(port).send(...h2c('/x')).until('page at /x');
    });

    it('of the application that accepts without a listener loses no body', async () => {
      const { port, sockets } = await withCallback(() => true);
      const raw = new RawSocket(port).send(request('POST', '/x', [...H2C, 'Content-Length: 5']));
      await raw.until('page at /x');
      const socket = await sockets.next();
      await untilReceived(socket, () => raw.send('hello'));
      raw.send(request('GET', '/second'));
      await raw.until('page at /second');
    });

    it('of Node still counts other listeners', async () => {
      const { listener } = otherListener();
      const { port } = await attached((_req, res) => res.end('page'), {
        prepare: (server) => server.on('upgrade', listener),
      });
      assert.equal((await new RawSocket(port).send(...handshake('/x')).closed).includes(BY_OTHER), true);
      await new RawSocket(port).send(...h2c('/x')).until('page');
    });

    it('is the callback of before once detached', async () => {
      const { server, detach, callback } = await withCallback(() => true);
      const marked = server as Server & Upgrading;
      assert.notEqual(marked.shouldUpgradeCallback, callback);
      detach();
      assert.equal(marked.shouldUpgradeCallback, callback);
    });

    it('of the application that was set later stays when detached', async () => {
      const { server, detach } = await withCallback(() => true);
      const marked = server as Server & Upgrading;
      const later = () => true;
      marked.shouldUpgradeCallback = later;
      detach();
      assert.equal(marked.shouldUpgradeCallback, later);
    });
  });
});
