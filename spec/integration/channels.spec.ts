/** The channels `sockjs:request` and `sockjs:receiver`: which requests they tell of, when, and with which status. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import connect from 'connect';
import express, { type ErrorRequestHandler } from 'express';
import {
  attachUpgrade,
  type ReceiverMessage,
  type RequestMessage,
  type SessionOpenMessage,
  type SockjsOptions,
  sockjs,
} from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import { fetchText, handshake, post, RawSocket, Stream } from '../support/http.ts';
import { connectHttp2 } from '../support/http2.ts';
import { captureErrors } from '../support/mountings.ts';
import { published } from '../support/published.ts';
import { serveRouter } from '../support/routed-server.ts';
import { echo, listen, serve } from '../support/test-server.ts';
import { catchUncaught } from '../support/uncaught.ts';
import { appWith, attached, pausingMiddleware, request } from '../support/upgrade-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { ALL_TRANSPORTS, HTTP_TRANSPORTS, serveTransports, type WireTransport } from '../support/wire-transports.ts';

const requests = () => published<RequestMessage>('sockjs:request');
const receivers = () => published<ReceiverMessage>('sockjs:receiver');

/** A message without its request, which is checked by itself. */
function shown({ request: req, ...rest }: RequestMessage) {
  assert.equal(req.method, rest.method);
  return rest;
}

const POLLING = HTTP_TRANSPORTS.find(({ name }) => name === 'xhr-polling') as WireTransport;
const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');

describe('sockjs:request', () => {
  const ORIGIN = { Origin: 'https://page.example' };
  const rows: readonly [method: string, path: string, status: number, options?: SockjsOptions, body?: string][] = [
    ['GET', '', 200],
    ['GET', '/?x=1', 200],
    ['GET', '/info?t=1', 200],
    ['HEAD', '/iframe-1.html', 200],
    ['OPTIONS', '/0/s/xhr', 204],
    ['POST', '/0/s/xhr', 200],
    ['GET', '/0/s/jsonp?c=cb', 200],
    ['GET', '/0/s/jsonp', 500],
    ['GET', '/0/s/eventsource', 200, { responseLimit: 0 }],
    ['POST', '/0/s/xhr_send', 404],
    ['PUT', '/0/s/xhr', 405],
    ['GET', '/0/s/websocket', 400],
    ['POST', '/0/s/websocket', 405],
    ['GET', '/info', 403, { allowedOrigins: 'same-origin' }],
    ['GET', '/info', 403, { allowedOrigins: () => Promise.resolve(false) }],
    ['POST', '/0/s/xhr', 403, { authorize: () => false }],
    ['POST', '/0/s/xhr', 403, { authorize: () => Promise.resolve(false) }],
    ['POST', '/0/s/xhr', 503, { maxSessions: 0 }],
    ['POST', '/0/s/xhr', 429, { maxSessionsPerClient: 0 }],
  ];
  const mountings: readonly [title: string, (options: SockjsOptions) => RequestListener][] = [
    ['a bare listener', (options) => sockjs({ ...options, prefix: '/echo' }, echo)],
    ['Express', (options) => express().use('/echo', sockjs(options, echo))],
    ['Connect', (options) => connect().use('/echo', sockjs(options, echo))],
    [
      'a router to which a layer was added',
      (options) => {
        const router = sockjs(options, echo);
        router.get('/own', (_req, res) => res.end());
        return express().use('/echo', router);
      },
    ],
  ];
  for (const [title, mount] of mountings) {
    for (const [method, path, status, options = {}] of rows) {
      const why = Object.keys(options).join();
      it(`tells once of ${method} ${path || '/echo'} with ${status}${why && ` by ${why}`} in ${title}`, async () => {
        const log = requests();
        const { origin } = await listen(mount(options));
        const answer = await fetchText(`${origin}/echo${path}`, method, { headers: ORIGIN });
        assert.equal(answer.status, status);
        assert.deepEqual(shown(await log.next()), { method, path: `/echo${path}`, status });
        // A request behind it shows that nothing more is told of the first.
        await fetchText(`${origin}/echo/last`);
        await fetchText(`${origin}/echo/info`);
        assert.equal((await log.next()).path, '/echo/info');
        assert.equal(log.size, 0);
      });
    }
  }

  it('tells of sends, taken or refused', async () => {
    const log = requests();
    const { origin } = await serve({ maxMessageSize: 10 });
    const url = `${origin}/echo/0/s`;
    await post(`${url}/xhr`);
    for (const [path, body, status] of [
      ['xhr_send', '["m"]', 204],
      ['xhr_send', '["m', 500],
      ['xhr_send', '["too long"]', 413],
      ['jsonp_send', '["m"]', 404],
    ] as const) {
      await post(`${url}/${path}`, body);
      await log.next();
      await post(`${url}/${path}`, body);
      assert.deepEqual(shown(await log.next()), { method: 'POST', path: `/echo/0/s/${path}`, status });
      if (status === 204) {
        await post(`${url}/xhr`);
        await log.next();
      }
    }
  });

  it('tells of a request when its answer has ended, not before', async () => {
    const log = requests();
    const server = await serveRouter();
    const poll = () => post(`${server.url}/0/s/xhr`);
    await poll();
    await log.next();
    const session = await server.next();
    const arrived = once(server.server, 'request') as Promise<[IncomingMessage]>;
    const waiting = poll();
    const [waitingRequest] = await arrived;
    await fetchText(`${server.url}/info`);
    assert.equal((await log.next()).path, '/echo/info');
    assert.equal(log.size, 0);
    session.send('m');
    await waiting;
    const message = await log.next();
    assert.equal(message.request, waitingRequest);
    assert.deepEqual(shown(message), { method: 'POST', path: '/echo/0/s/xhr', status: 200 });
  });

  it('shows what the client has sent for a path, where middleware has rewritten it', async () => {
    const log = requests();
    const app = express();
    app.use((req, _res, next) => {
      req.url = req.url.replace('/v1', '');
      next();
    });
    app.use('/echo', sockjs(echo));
    const { origin } = await listen(app);
    await fetchText(`${origin}/v1/echo/info?token=x`);
    assert.equal((await log.next()).path, '/v1/echo/info?token=x');
  });

  it('says 304 and what an error handler has answered', async () => {
    const log = requests();
    const app = express().use('/echo', sockjs({ baseUrl: () => assert.fail('from the application') }, echo));
    app.use(((_error, _req, res, _next) => {
      res.status(418).end();
    }) satisfies ErrorRequestHandler);
    const { origin } = await listen(app);
    await fetchText(`${origin}/echo/info`);
    assert.equal((await log.next()).status, 418);
    const { headers } = await fetchText(`${origin}/echo/iframe.html`);
    await log.next();
    await fetchText(`${origin}/echo/iframe.html`, 'GET', { headers: { 'If-None-Match': headers.etag ?? '' } });
    assert.equal((await log.next()).status, 304);
  });

  it('says 500 for an error of the application in a bare listener', async () => {
    captureErrors();
    const log = requests();
    const { origin } = await listen(sockjs({ baseUrl: () => assert.fail('from the application') }, echo));
    await fetchText(`${origin}/info`);
    assert.equal((await log.next()).status, 500);
  });

  it('says what middleware has answered in place of a poll', async () => {
    const log = requests();
    const responses = new AsyncQueue<ServerResponse>();
    const router = sockjs(() => {});
    const { origin } = await listen((req, res) => {
      router(req, res);
      responses.push(res);
    });
    await post(`${origin}/0/s/xhr`);
    await log.next();
    await responses.next();
    const poll = post(`${origin}/0/s/xhr`);
    (await responses.next()).writeHead(504).end();
    assert.equal((await poll).status, 504);
    assert.equal((await log.next()).status, 504);
  });

  describe('where the client leaves', () => {
    it('says undefined for a poll that waits', async () => {
      const log = requests();
      const on = await serveTransports();
      await (await on.open(POLLING)).raw.closed;
      assert.equal((await log.next()).status, 200);
      const arrived = once(on.server, 'request');
      const raw = on.ask(POLLING);
      await arrived;
      raw.socket.destroy();
      assert.deepEqual(shown(await log.next()), {
        method: 'POST',
        path: '/echo/000/session/xhr',
        status: undefined,
      });
    });

    for (const transport of HTTP_TRANSPORTS.filter(({ isStreaming }) => isStreaming)) {
      it(`says 200 for a stream: ${transport.name}`, async () => {
        const log = requests();
        const on = await serveTransports();
        const { raw } = await on.open(transport);
        assert.equal(log.size, 0);
        raw.socket.destroy();
        assert.equal((await log.next()).status, 200);
      });
    }

    it('says undefined for a send whose body does not come', async () => {
      const log = requests();
      const on = await serveTransports();
      await on.open(POLLING);
      await log.next();
      const arrived = once(on.server, 'request');
      const raw = new RawSocket(on.port).send(
        request('POST', '/echo/000/session/xhr_send', ['Content-Length: 5'], '["'),
      );
      await arrived;
      raw.socket.destroy();
      assert.equal((await log.next()).status, undefined);
    });

    it('says undefined while authorize is pending, on every transport', async () => {
      for (const transport of ALL_TRANSPORTS) {
        const log = requests();
        const asked = new AsyncQueue<void>();
        const on = await serveTransports({
          authorize: () => {
            asked.push();
            return new Promise<boolean>(() => {});
          },
        });
        const raw = on.ask(transport);
        await asked.next();
        raw.socket.destroy();
        assert.equal((await log.next()).status, undefined, transport.name);
      }
    });

    it('tells once of each pipelined request, those that had no turn included', async () => {
      const log = requests();
      const on = await serveTransports();
      const arrivals = new AsyncQueue<unknown>();
      on.server.on('request', (req) => arrivals.push(req));
      const raw = new RawSocket(on.port).send(
        request('GET', '/echo/info'),
        request('GET', '/echo/000/a/eventsource'),
        request('POST', '/echo/000/b/xhr', ['Content-Length: 0']),
      );
      for (let i = 0; i < 3; i += 1) {
        await arrivals.next();
      }
      await raw.until('data: o');
      assert.equal((await log.next()).path, '/echo/info');
      raw.socket.destroy();
      const left = [await log.next(), await log.next()].map(({ path, status }) => `${path} ${status}`);
      assert.deepEqual(left.sort(), ['/echo/000/a/eventsource 200', '/echo/000/b/xhr undefined']);
      await fetchText(`${on.origin}/echo/info`);
      assert.equal((await log.next()).path, '/echo/info');
      assert.equal(log.size, 0);
    });
  });

  it('tells of pipelined requests that are answered, and of those beyond the bound with 503', async () => {
    const log = requests();
    const on = await serveTransports();
    const raw = new RawSocket(on.port).send(
      request('GET', '/echo/000/first/eventsource') +
        Array.from({ length: 101 }, (_, i) => request('GET', `/echo/info?${i}`)).join(''),
    );
    await raw.until('data: o');
    const [session] = on.router.sessions;
    session?.close();
    await raw.closed;
    const statuses = new Map<number | undefined, number>();
    for (let i = 0; i < 102; i += 1) {
      const { status } = await log.next();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual([...statuses].sort(), [
      [200, 101],
      [503, 1],
    ]);
    // Nor once more when the connection has closed.
    await fetchText(`${on.origin}/echo/info?last`);
    assert.equal((await log.next()).path, '/echo/info?last');
    assert.equal(log.size, 0);
  });

  it('tells once of a request that two endpoints have answered in turn', async () => {
    const log = requests();
    const app = express().use('/echo', sockjs({ baseUrl: () => assert.fail('from the application') }, echo));
    app.use(((_error, _req, _res, next) => next()) satisfies ErrorRequestHandler);
    app.use('/echo', sockjs(echo));
    const { origin } = await listen(app);
    await fetchText(`${origin}/echo/info?first`);
    assert.equal((await log.next()).status, 200);
    await fetchText(`${origin}/echo/iframe.html`);
    assert.equal((await log.next()).path, '/echo/iframe.html');
    assert.equal(log.size, 0);
  });

  describe('that reaches the router late', () => {
    it('says what was answered before', async () => {
      captureErrors();
      const log = requests();
      const router = sockjs(echo);
      const { origin } = await listen((req, res) => {
        res.on('close', () => router(req, res));
        res.writeHead(202).end();
      });
      await fetchText(`${origin}/info`);
      assert.deepEqual(shown(await log.next()), { method: 'GET', path: '/info', status: 202 });
    });

    it('says undefined for a pipelined one whose connection has closed', async () => {
      const log = requests();
      const router = sockjs(echo);
      const arrivals = new AsyncQueue<void>();
      const { port } = await listen((req, res) => {
        if (req.url === '/second/s/xhr') {
          req.socket.on('close', () => router(req, res));
        }
        arrivals.push();
      });
      const raw = new RawSocket(port).send(request('GET', '/first') + request('POST', '/second/s/xhr'));
      await arrivals.next();
      await arrivals.next();
      raw.socket.destroy();
      assert.deepEqual(shown(await log.next()), { method: 'POST', path: '/second/s/xhr', status: undefined });
    });

    it('says 503 for an upgrade whose time was up', async () => {
      const clock = stopClock();
      const log = requests();
      const { middleware, next } = pausingMiddleware();
      const { port, sockets } = await attached(appWith(middleware, echo));
      const raw = new RawSocket(port).send(...handshake('/echo/000/s/websocket'));
      const decision = await next();
      clock.tick(10_000);
      await raw.closed;
      await sockets.gone();
      decision.next();
      assert.equal((await log.next()).status, 503);
    });
  });

  describe('of WebSockets', () => {
    for (const transport of WEBSOCKETS) {
      it(`says 101 once one is open, and nothing at its end: ${transport.name}`, async () => {
        const log = requests();
        const on = await serveTransports();
        const { raw, session } = await on.open(transport);
        const message = await log.next();
        const [, path] = transport.requestLines('session')[0]?.split(' ') ?? [];
        assert.deepEqual(shown(message), { method: 'GET', path, status: 101 });
        assert.equal(message.request, session.request);
        raw.socket.destroy();
        await once(session, 'close');
        await fetchText(`${on.origin}/echo/info`);
        assert.equal((await log.next()).path, '/echo/info');
        assert.equal(log.size, 0);
      });
    }

    for (const [title, status, options, lines] of [
      ['a malformed handshake', 400, {}, ['Sec-WebSocket-Key: short']],
      ['an old version', 400, {}, ['Sec-WebSocket-Version: 7']],
      ['verifyClient', 401, { websocketServer: { verifyClient: () => false } }, []],
      [
        'verifyClient later, with a status of its own',
        418,
        {
          websocketServer: {
            verifyClient: (_info: unknown, done: (accepts: boolean, status: number) => void) => {
              setImmediate(done, false, 418);
            },
          },
        },
        [],
      ],
      ['authorize', 403, { authorize: () => false }, []],
      ['allowedOrigins', 403, { allowedOrigins: [] }, ['Origin: https://page.example']],
      ['maxSessions', 503, { maxSessions: 0 }, []],
    ] as const) {
      it(`says ${status} where it is refused by ${title}`, async () => {
        const log = requests();
        const on = await serveTransports(options);
        const replaced = new Set(lines.map((line) => line.split(':')[0]));
        const head = handshake('/echo/000/s/websocket').filter((line) => !replaced.has(line.split(':')[0] ?? ''));
        head.splice(-2, 0, ...lines);
        const received = await new RawSocket(on.port).send(...head).closed;
        assert.match(received, new RegExp(`^HTTP/1\\.1 ${status} `));
        assert.deepEqual(shown(await log.next()), { method: 'GET', path: '/echo/000/s/websocket', status });
        await turn();
        assert.equal(log.size, 0);
      });
    }

    it('says 503 where its time is up, or the endpoint shuts down', async () => {
      const clock = stopClock();
      const log = requests();
      const asked = new AsyncQueue<void>();
      const verifyClient = (_info: unknown, _done: unknown) => asked.push();
      const on = await serveTransports({ websocketServer: { verifyClient } });
      const upgrade = () => new RawSocket(on.port).send(...handshake('/echo/000/s/websocket'));
      const late = upgrade();
      await asked.next();
      clock.tick(10_000);
      await late.closed;
      assert.equal((await log.next()).status, 503);
      const pending = upgrade();
      await asked.next();
      const result = on.router.close();
      await pending.closed;
      await result;
      assert.equal((await log.next()).status, 503);
    });

    it('leaves the connection of an open one as it was', async () => {
      requests();
      const router = sockjs(echo);
      const server = createServer(router);
      attachUpgrade(server);
      const connected = once(server, 'connection') as Promise<[object]>;
      const { origin } = await listen(server);
      const client = new WebSocketClient(origin, '/0/s/websocket');
      assert.equal(await client.next(), 'o');
      const [socket] = await connected;
      assert.equal(Object.hasOwn(socket, 'end'), false);
      client.socket.close(3000);
      assert.equal((await client.closed).code, 3000);
    });
  });

  it('tells of requests in HTTP/2', async () => {
    const log = requests();
    const client = await connectHttp2(sockjs({ prefix: '/echo' }, echo));
    for (const [method, path, status] of [
      ['GET', '/echo/info', 200],
      ['POST', '/echo/0/s/xhr', 200],
      ['POST', '/echo/0/none/xhr_send', 404],
      ['PUT', '/echo/info', 405],
    ] as const) {
      const stream = client.request({ ':method': method, ':path': path });
      stream.resume().end();
      await once(stream, 'close');
      assert.deepEqual(shown(await log.next()), { method, path, status });
    }
    const poll = client.request({ ':method': 'POST', ':path': '/echo/0/s/xhr' });
    poll.on('error', () => {});
    poll.end();
    // HTTP/2 frames arrive in order, so the poll waits when the next request has been answered.
    const info = client.request({ ':path': '/echo/info' });
    await once(info.resume(), 'close');
    await log.next();
    poll.close(8);
    assert.deepEqual(shown(await log.next()), { method: 'POST', path: '/echo/0/s/xhr', status: undefined });
  });

  it('does not tell of a request that came before there was a subscriber', async () => {
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    const arrived = once(server.server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const poll = post(`${server.url}/0/s/xhr`);
    const [, res] = await arrived;
    const log = requests();
    session.send('m');
    await poll;
    if (!res.closed) {
      await once(res, 'close');
    }
    assert.equal(log.size, 0);
  });

  it('adds nothing to a response while there is no subscriber', async () => {
    const responses = new AsyncQueue<ServerResponse>();
    const router = sockjs(() => {});
    const { origin } = await listen((req, res) => {
      const before = ['finish', 'close', 'prefinish'].map((event) => res.listenerCount(event));
      router(req, res);
      responses.push(res);
      if (req.url?.endsWith('info')) {
        assert.deepEqual(
          ['finish', 'close', 'prefinish'].map((event) => res.listenerCount(event)),
          before,
        );
      }
    });
    await fetchText(`${origin}/info`);
    const symbols = Object.getOwnPropertySymbols(await responses.next()).map(String);
    assert.deepEqual(
      symbols.filter((symbol) => /report|status/i.test(symbol)),
      [],
    );
  });

  it('has a subscriber that throws harm neither the answer nor other subscribers', async () => {
    const uncaught = new AsyncQueue<unknown>();
    catchUncaught((error) => uncaught.push(error));
    const failure = new Error('from a subscriber');
    const fail = () => {
      throw failure;
    };
    for (const name of ['sockjs:request', 'sockjs:receiver']) {
      subscribe(name, fail);
      afterTest(() => void unsubscribe(name, fail));
    }
    const [log, attached] = [requests(), receivers()];
    const server = await serveRouter();
    assert.equal((await post(`${server.url}/0/s/xhr`)).body, 'o\n');
    assert.equal((await log.next()).status, 200);
    assert.equal((await attached.next()).transport, 'xhr-polling');
    assert.deepEqual([await uncaught.next(), await uncaught.next()], [failure, failure]);
    assert.equal((await server.next()).state, 'active');
  });
});

describe('sockjs:receiver', () => {
  it('tells of each receiver of a session, with its request, the first one after the opening', async () => {
    const log = new AsyncQueue<unknown>();
    for (const name of ['sockjs:session:open', 'sockjs:receiver']) {
      const listener = (message: unknown) => log.push([name, message as SessionOpenMessage | ReceiverMessage]);
      subscribe(name, listener);
      afterTest(() => void unsubscribe(name, listener));
    }
    const server = await serveRouter({}, { onSession: () => log.push('onSession') });
    const arrivals = new AsyncQueue<IncomingMessage>();
    server.server.on('request', (req) => arrivals.push(req));
    await post(`${server.url}/0/s/xhr?1`);
    const session = await server.next();
    assert.deepEqual(await log.next(), ['sockjs:session:open', { session }]);
    const told = async (transport: string) =>
      assert.deepEqual(await log.next(), ['sockjs:receiver', { session, request: await arrivals.next(), transport }]);
    await told('xhr-polling');
    assert.equal(await log.next(), 'onSession');

    const stream = new Stream(`${server.url}/0/s/eventsource`);
    await told('eventsource');
    // Refused with 2010.
    assert.match((await post(`${server.url}/0/s/xhr`)).body, /^c\[2010,/);
    await arrivals.next();
    // A send is no receiver.
    await post(`${server.url}/0/s/xhr_send`, '[]');
    await arrivals.next();
    assert.equal(log.size, 0);
    session.close();
    await stream.until('c[1000');
    await stream.ended;
    while (session.state !== 'closed') {
      await turn();
    }
    // After the end.
    assert.match((await post(`${server.url}/0/s/xhr`)).body, /^c\[1000,/);
    assert.equal(log.size, 0);
  });

  it('tells of those that only fetch the last messages and the close frame', async () => {
    const log = receivers();
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    session.send('last');
    session.close();
    assert.equal((await post(`${server.url}/0/s/xhr`)).body, 'a["last"]\n');
    assert.match((await post(`${server.url}/0/s/xhr`)).body, /^c\[1000,/);
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await log.next()).session, session);
    }
    assert.equal(log.size, 0);
  });

  for (const transport of ALL_TRANSPORTS) {
    it(`names the transport and the request of the session: ${transport.name}`, async () => {
      const log = receivers();
      const on = await serveTransports();
      const { session } = await on.open(transport);
      assert.deepEqual(await log.next(), { session, request: session.request, transport: transport.name });
      assert.equal(log.size, 0);
    });
  }

  it('has a subscriber that closes the session do no harm', async () => {
    const close = (message: unknown) => (message as ReceiverMessage).session.close(3000, 'not here');
    subscribe('sockjs:receiver', close);
    afterTest(() => void unsubscribe('sockjs:receiver', close));
    const server = await serveRouter({ responseLimit: 1 });
    const stream = new Stream(`${server.url}/0/s/eventsource`);
    await stream.until('o');
    await stream.ended;
    assert.match((await post(`${server.url}/0/s/xhr`)).body, /^c\[3000,"not here"\]/);
    assert.equal((await server.next()).state, 'closed');
  });
});
