/** Shutdown: `router.close()` on every transport, what it reports, and the live sessions that `router.sessions` shows. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, type CloseOptions, type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { ownHeaders } from '../../support/contract.ts';
import { portOf } from '../../support/fake-receiver.ts';
import { fetchText, handshake, post, RawSocket, Stream } from '../../support/http.ts';
import { type RoutedServer, serveRouter } from '../../support/routed-server.ts';
import { echo, listen } from '../../support/test-server.ts';
import { clientFrame, closePayload, parseAnswer, serverFrame } from '../../support/upgrade-client.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const CLOSE = 'c[1001,"Server shutting down"]';
const SLOW_BYTES = 12 * 1024 * 1024;

/** The lines of a request on a connection that the client would keep. */
const request = (method: string, path: string, body = ''): string[] => [
  `${method} ${path} HTTP/1.1`,
  'Host: localhost',
  `Content-Length: ${body.length}`,
  '',
  body,
];

const ask = ({ port }: RoutedServer, method: string, path: string, body?: string): RawSocket =>
  new RawSocket(port).send(...request(method, `/echo${path}`, body));

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

interface Receiving {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  wrap(frame: string): string;
}

const XHR: Receiving = { name: 'xhr', method: 'POST', path: '/0/s/xhr', wrap: (frame) => `${frame}\n` };

const POLLS: readonly Receiving[] = [
  XHR,
  {
    name: 'jsonp',
    method: 'GET',
    path: '/0/s/jsonp?c=cb',
    wrap: (frame) => `/**/cb(${JSON.stringify(frame)});\r\n`,
  },
];

const STREAMS: readonly Receiving[] = [
  { name: 'xhr_streaming', method: 'POST', path: '/0/s/xhr_streaming', wrap: (frame) => `${frame}\n` },
  { name: 'eventsource', method: 'GET', path: '/0/s/eventsource', wrap: (frame) => `data: ${frame}\r\n\r\n` },
  {
    name: 'htmlfile',
    method: 'GET',
    path: '/0/s/htmlfile?c=cb',
    wrap: (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`,
  },
];

/** Opens a session by one poll, over. */
async function openByPoll(server: RoutedServer, { method, path, wrap }: Receiving) {
  assert.equal((await fetchText(server.url + path, method)).body, wrap('o'));
  return server.next();
}

/** A request that has reached the server: parked, where it is a poll. */
async function park(server: RoutedServer, { method, path }: Pick<Receiving, 'method' | 'path'>): Promise<RawSocket> {
  const arrived = once(server.server, 'request');
  const raw = ask(server, method, path);
  await arrived;
  return raw;
}

/** A whole answer with its body, after which the server has ended the connection. */
async function assertLastAnswer(raw: RawSocket, status: string, body: string): Promise<void> {
  const answer = parseAnswer(await raw.closed);
  assert.equal(answer.status, `HTTP/1.1 ${status}`);
  assert.equal(answer.rest, body);
  assert.deepEqual(
    answer.headers.filter((line) => /^(connection|keep-alive):/i.test(line)),
    ['Connection: close'],
  );
}

async function openWebSocket(server: RoutedServer, path = '/0/w/websocket') {
  const client = new WebSocketClient(server.origin, `/echo${path}`);
  await client.opened;
  if (path !== '/websocket') {
    assert.equal(await client.next(), 'o');
  }
  return { client, session: await server.next() };
}

describe('router.close()', () => {
  for (const poll of POLLS) {
    it(`answers a parked ${poll.name} poll with the close frame`, async () => {
      const clock = stopClock();
      const server = await serveRouter();
      await openByPoll(server, poll);
      const parked = await park(server, poll);
      const result = server.router.close();
      await assertLastAnswer(parked, '200 OK', poll.wrap(CLOSE));
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      assert.equal(clock.countTimers(), 0);
      await server.end();
    });

    it(`answers a parked ${poll.name} poll with what is queued, and the next with the close frame`, async () => {
      stopClock();
      const server = await serveRouter();
      const session = await openByPoll(server, poll);
      const parked = await park(server, poll);
      session.send('1');
      session.send('2');
      const result = server.router.close();
      await assertLastAnswer(parked, '200 OK', poll.wrap('a["1","2"]'));
      await assertLastAnswer(await park(server, poll), '200 OK', poll.wrap(CLOSE));
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      await server.end();
    });

    it(`waits for a ${poll.name} session between two polls to fetch its queue and close frame`, async () => {
      const clock = stopClock();
      const server = await serveRouter();
      const session = await openByPoll(server, poll);
      session.send('kept');
      const result = server.router.close();
      clock.tick(4999);
      await assertLastAnswer(await park(server, poll), '200 OK', poll.wrap('a["kept"]'));
      assert.equal(server.router.sessions.size, 1);
      await assertLastAnswer(await park(server, poll), '200 OK', poll.wrap(CLOSE));
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      await server.end();
    });

    const missed: [what: string, options: SockjsOptions, close: CloseOptions, ms: number, fetched: string[]][] = [
      ['within disconnectDelay', { disconnectDelay: 1000 }, {}, 1000, []],
      ['within the timeout', { disconnectDelay: 9000 }, { timeout: 200 }, 200, []],
      ['for more than its queue', {}, { timeout: 200 }, 200, ['a["kept"]']],
    ];
    for (const [what, options, close, ms, fetched] of missed) {
      it(`drops a ${poll.name} session that does not come back ${what}`, async () => {
        const clock = stopClock();
        const server = await serveRouter(options);
        const session = await openByPoll(server, poll);
        const closed = once(session, 'close');
        session.send('kept');
        const result = server.router.close(close);
        clock.tick(ms - 1);
        for (const frame of fetched) {
          assert.equal((await fetchText(server.url + poll.path, poll.method)).body, poll.wrap(frame));
        }
        assert.equal(session.state, 'closing');
        clock.tick(1);
        assert.deepEqual(await result, { closed: 1, flushed: 0, dropped: 1 });
        assert.deepEqual(await closed, [{ code: 1001, reason: 'Server shutting down', wasClean: false }]);
        // Its own end, for as long as ended sessions are remembered.
        await assertLastAnswer(await park(server, poll), '200 OK', poll.wrap(CLOSE));
        await server.end();
      });
    }
  }

  for (const stream of STREAMS) {
    it(`ends ${stream.name} after what is queued and the close frame, and its connection with it`, async () => {
      const clock = stopClock();
      const server = await serveRouter();
      const raw = ask(server, stream.method, stream.path);
      await raw.until(chunk(stream.wrap('o')));
      (await server.next()).send('last');
      const result = server.router.close();
      const received = await raw.closed;
      const due = `${['o', 'a["last"]', CLOSE].map((frame) => chunk(stream.wrap(frame))).join('')}0\r\n\r\n`;
      assert.equal(received.slice(-due.length), due);
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      assert.equal(clock.countTimers(), 0);
      await server.end();
    });
  }

  for (const [path, frames] of [
    ['/0/w/websocket', ['a["last"]', CLOSE]],
    ['/websocket', ['last']],
  ] as const) {
    it(`closes the WebSocket at ${path} after what is queued`, async () => {
      const clock = stopClock();
      const server = await serveRouter({ rawWebsocket: true });
      const { client, session } = await openWebSocket(server, path);
      session.send('last');
      const result = server.router.close();
      for (const frame of frames) {
        assert.equal(await client.next(), frame);
      }
      assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutting down' });
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      assert.equal(clock.countTimers(), 0);
      await server.end();
    });
  }

  const clogged: [what: string, options: SockjsOptions, lines: string[]][] = [
    ['WebSocket', {}, handshake('/echo/0/w/websocket')],
    ['raw WebSocket', { rawWebsocket: true }, handshake('/echo/websocket')],
    ['stream', { responseLimit: 2 * SLOW_BYTES }, request('POST', '/echo/0/s/xhr_streaming')],
    ['stream that has reached its limit', {}, request('GET', '/echo/0/s/eventsource')],
  ];
  for (const [what, options, lines] of clogged) {
    it(`cuts a ${what} whose client does not read, when the time is up`, async () => {
      const clock = stopClock();
      const server = await serveRouter(options);
      const raw = new RawSocket(server.port);
      raw.socket.pause();
      raw.send(...lines);
      const session = await server.next();
      const closed = once(session, 'close');
      session.send('x'.repeat(SLOW_BYTES));
      const result = server.router.close({ timeout: 300 });
      clock.tick(299);
      assert.equal(server.router.sessions.size, 1);
      clock.tick(1);
      assert.deepEqual(await result, { closed: 1, flushed: 0, dropped: 1 });
      assert.deepEqual(await closed, [{ code: 1001, reason: 'Server shutting down', wasClean: false }]);
      // Which it would not while that connection lived.
      await server.end();
    });
  }

  it('counts a WebSocket that breaks in the meantime as dropped', async () => {
    stopClock();
    const server = await serveRouter();
    const raw = new RawSocket(server.port).send(...handshake('/echo/0/w/websocket'));
    await raw.until(serverFrame(1, 'o'));
    const result = server.router.close();
    await raw.until(closePayload(1001, 'Server shutting down'));
    raw.socket.resetAndDestroy();
    assert.deepEqual(await result, { closed: 1, flushed: 0, dropped: 1 });
    await server.end();
  });

  it('counts a WebSocket that the client is just closing as closed', async () => {
    stopClock();
    const server = await serveRouter();
    const { client, session } = await openWebSocket(server);
    const closed = once(session, 'close');
    client.socket.close(3000, 'mine');
    const result = server.router.close();
    await client.closed;
    assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
    assert.deepEqual(await closed, [{ code: 1001, reason: 'Server shutting down', wasClean: true }]);
  });

  it('reports the sum of all that becomes of a mixture of sessions, each once', async () => {
    const clock = stopClock();
    const server = await serveRouter({ rawWebsocket: true, responseLimit: 2 * SLOW_BYTES });
    const events: unknown[] = [];
    const opened = async (open: Promise<unknown>) => {
      await open;
      const session = await server.next();
      session.on('close', ({ wasClean }) => events.push([session.id, wasClean]));
      return session;
    };
    const url = (id: string, endpoint: string) => `${server.url}/0/${id}/${endpoint}`;
    await opened(post(url('parked', 'xhr')));
    const parked = await park(server, { method: 'POST', path: '/0/parked/xhr' });
    const stream = new Stream(url('stream', 'eventsource'));
    await opened(stream.until('data: o'));
    const framed = new WebSocketClient(server.origin, '/echo/0/framed/websocket');
    await opened(framed.opened);
    const plain = new WebSocketClient(server.origin, '/echo/websocket');
    await opened(plain.opened);
    const back = await opened(post(url('back', 'xhr')));
    back.send('kept');
    const away = await opened(post(url('away', 'xhr')));
    away.send('kept');
    const slow = new RawSocket(server.port);
    slow.socket.pause();
    slow.send(...request('GET', '/echo/0/slow/htmlfile?c=cb'));
    (await opened(Promise.resolve())).send('x'.repeat(SLOW_BYTES));
    const closing = await opened(post(url('closing', 'xhr')));
    closing.close(3000, 'before');

    const result = server.router.close({ timeout: 4000 });
    await assertLastAnswer(parked, '200 OK', `${CLOSE}\n`);
    await stream.until(CLOSE);
    await Promise.all([framed.closed, plain.closed]);
    assert.equal((await post(url('back', 'xhr'))).body, 'a["kept"]\n');
    assert.equal((await post(url('back', 'xhr'))).body, `${CLOSE}\n`);
    assert.equal((await post(url('closing', 'xhr'))).body, 'c[3000,"before"]\n');
    while (server.router.sessions.size > 2) {
      await setImmediate();
    }
    clock.tick(4000);
    assert.deepEqual(await result, { closed: 8, flushed: 6, dropped: 2 });
    // All of them told by the time that the promise settles.
    assert.deepEqual(events.sort(), [
      ['', true],
      ['away', false],
      ['back', true],
      ['closing', true],
      ['framed', true],
      ['parked', true],
      ['slow', false],
      ['stream', true],
    ]);
    await server.end();
  });

  it('settles at once where there is no session', async () => {
    const clock = stopClock();
    const server = await serveRouter();
    assert.deepEqual(await server.router.close(), { closed: 0, flushed: 0, dropped: 0 });
    assert.equal(clock.countTimers(), 0);
  });

  it('gives code and reason of the caller', async () => {
    const server = await serveRouter({ rawWebsocket: true });
    const framed = await openWebSocket(server);
    const plain = await openWebSocket(server, '/websocket');
    const session = await openByPoll(server, XHR);
    const closed = once(session, 'close');
    const result = server.router.close({ code: 2001, reason: 'Back soon' });
    assert.equal((await post(`${server.url}/0/s/xhr`)).body, 'c[2001,"Back soon"]\n');
    assert.equal(await framed.client.next(), 'c[2001,"Back soon"]');
    // Which may not travel as the code of a WebSocket.
    const end = { code: 1000, reason: 'Back soon' };
    assert.deepEqual(await Promise.all([framed.client.closed, plain.client.closed]), [end, end]);
    assert.deepEqual(await closed, [{ code: 2001, reason: 'Back soon', wasClean: true }]);
    assert.deepEqual(await result, { closed: 3, flushed: 3, dropped: 0 });
  });

  const impossible: [what: string, options: object, error: RegExp][] = [
    ['a code of 999', { code: 999 }, /^RangeError: sockjs: .*999/],
    ['a code of 1006', { code: 1006 }, /^RangeError: sockjs: .*1006/],
    ['a code of 5000', { code: 5000 }, /^RangeError: sockjs: .*5000/],
    ['124 bytes of reason', { reason: `${'ä'.repeat(61)}xx` }, /^RangeError: sockjs: .*123 bytes/],
    ['a reason that is no text', { reason: 1 }, /^TypeError: sockjs: .*number/],
    ['a negative timeout', { timeout: -1 }, /^RangeError: sockjs: option "timeout" is -1/],
    ['no number as timeout', { timeout: Number.NaN }, /^RangeError: sockjs: option "timeout" is NaN/],
    [
      'a timeout that no timer can keep',
      { timeout: 2 ** 31 },
      /^RangeError: sockjs: option "timeout" is 2147483648; it must be a number of ms from 0 to 2147483647, or Infinity$/,
    ],
  ];
  for (const [what, options, error] of impossible) {
    it(`throws on ${what}, and closes nothing`, async () => {
      const server = await serveRouter();
      const { client, session } = await openWebSocket(server);
      assert.throws(() => server.router.close(options), error);
      assert.equal(session.state, 'active');
      session.send('still there');
      assert.equal(await client.next(), 'a["still there"]');
      await openWebSocket(server, '/0/another/websocket');
    });
  }

  it('returns the first promise when called again', async () => {
    const server = await serveRouter();
    const { client } = await openWebSocket(server);
    const first = server.router.close();
    assert.equal(server.router.close({ code: 3000, timeout: 0 }), first);
    assert.equal((await client.closed).code, 1001);
    await first;
    assert.equal(server.router.close(), first);
  });

  it('is what `await using` does at the end of its block', async () => {
    const server = await serveRouter();
    const { client } = await openWebSocket(server);
    {
      await using router = server.router;
      assert.equal(router.sessions.size, 1);
    }
    assert.equal(server.router.sessions.size, 0);
    assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutting down' });
    assert.equal((await post(`${server.url}/0/new/xhr`)).status, 503);
  });

  it('leaves another endpoint of the same server alone', async () => {
    const [one, two] = [sockjs(echo), sockjs(echo)];
    const server = createServer({ keepAliveTimeout: 0 }, express().use('/one', one).use('/two', two));
    attachUpgrade(server);
    const { origin, port } = await listen(server);
    const client = new WebSocketClient(origin, '/two/0/s/websocket');
    assert.equal(await client.next(), 'o');
    assert.deepEqual(await one.close(), { closed: 0, flushed: 0, dropped: 0 });
    assert.equal((await post(`${origin}/one/0/s/xhr`)).status, 503);
    client.send('["there"]');
    assert.equal(await client.next(), 'a["there"]');
    const kept = new RawSocket(port).send(...request('POST', '/two/0/s/xhr'));
    const { headers } = parseAnswer(await kept.until('o\n'));
    assert.equal(headers.includes('Connection: keep-alive'), true, headers.join());
    assert.equal(two.sessions.size, 2);
  });

  describe('from then on', () => {
    const RECEIVING: [method: string, path: string][] = [...POLLS, ...STREAMS].map(({ method, path }) => [
      method,
      path,
    ]);
    for (const [method, path] of RECEIVING) {
      it(`there is 503 for a new session by ${method} ${path}`, async () => {
        const server = await serveRouter();
        await server.router.close();
        const { status, headers, body } = await fetchText(server.url + path, method);
        assert.equal(status, 503);
        assert.equal(body, 'Server shutting down.');
        const { 'retry-after': retryAfter, 'content-type': contentType } = ownHeaders(headers);
        assert.equal(retryAfter, '5');
        assert.equal(contentType, 'text/plain; charset=UTF-8');
        assert.equal(server.router.sessions.size, 0);
        await assertLastAnswer(ask(server, method, path), '503 Service Unavailable', body);
        await server.end();
      });
    }

    for (const path of ['/0/s/websocket', '/websocket']) {
      it(`there is 503 for a new WebSocket at ${path}`, async () => {
        const server = await serveRouter({ rawWebsocket: true });
        await server.router.close();
        const raw = new RawSocket(server.port).send(...handshake(`/echo${path}`));
        const answer = parseAnswer(await raw.closed);
        assert.equal(answer.status, 'HTTP/1.1 503 Service Unavailable');
        assert.equal(answer.headers.includes('Retry-After: 5'), true, answer.headers.join());
        assert.equal(answer.rest, 'Server shutting down.');
        await server.end();
      });
    }

    const others: [method: string, path: string, status: string][] = [
      ['GET', '', '200 OK'],
      ['GET', '/info', '200 OK'],
      ['GET', '/iframe.html', '200 OK'],
      ['OPTIONS', '/0/s/xhr', '204 No Content'],
      ['DELETE', '/0/s/xhr', '405 Method Not Allowed'],
      ['POST', '/0/s/xhr_send', '404 Not Found'],
      ['POST', '/0/s/jsonp_send', '404 Not Found'],
      ['GET', '/0/s/jsonp', '500 Internal Server Error'],
      ['GET', '/0/s/websocket', '400 Bad Request'],
    ];
    for (const [method, path, status] of others) {
      it(`${method} ${path || '/'} ends its connection with the answer`, async () => {
        const server = await serveRouter();
        await server.router.close();
        const answer = parseAnswer(await ask(server, method, path).closed);
        assert.equal(answer.status, `HTTP/1.1 ${status}`);
        assert.equal(answer.headers.includes('Connection: close'), true, answer.headers.join());
        await server.end();
      });
    }

    it('connections that were kept alive before do not hold the server up', async () => {
      const server = await serveRouter();
      const idle = ask(server, 'GET', '/info');
      await idle.until('}');
      await server.router.close();
      await server.end();
      const answer = parseAnswer(await idle.closed);
      assert.equal(answer.headers.includes('Connection: keep-alive'), true, answer.headers.join());
    });

    it('a send whose body was still coming in gets 404 and ends its connection', async () => {
      const server = await serveRouter();
      await post(`${server.url}/0/s/xhr`);
      const arrived = once(server.server, 'request');
      const [head, ...rest] = request('POST', '/echo/0/s/xhr_send', '["m"]');
      const raw = new RawSocket(server.port).send(head ?? '', ...rest.slice(0, -1), '["');
      await arrived;
      const result = server.router.close();
      raw.send('m"]');
      await assertLastAnswer(raw, '404 Not Found', 'Session not found.');
      assert.equal((await post(`${server.url}/0/s/xhr`)).body, `${CLOSE}\n`);
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      await server.end();
    });

    it('a send that waited for room is answered and ends its connection', async () => {
      const server = await serveRouter({ maxReceiveBuffer: 1 });
      await post(`${server.url}/0/s/xhr`);
      const session = await server.next();
      const first = session.recv();
      const full = ask(server, 'POST', '/0/s/xhr_send', '["read","too","much"]');
      assert.equal(await first, 'read');
      while (portOf(session).canReceive) {
        await setImmediate();
      }
      const result = server.router.close();
      await assertLastAnswer(full, '204 No Content', '');
      assert.deepEqual([await session.recv(), await session.recv()], ['too', 'much']);
      assert.equal((await post(`${server.url}/0/s/xhr`)).body, `${CLOSE}\n`);
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      await server.end();
    });

    it('a request that waits for allowedOrigins ends its connection with the answer', async () => {
      const { promise, resolve } = withResolvers<boolean>();
      const server = await serveRouter({ allowedOrigins: () => promise });
      const raw = new RawSocket(server.port);
      const arrived = once(server.server, 'request');
      raw.send('GET /echo/info HTTP/1.1', 'Host: localhost', 'Origin: https://example.com', '', '');
      await arrived;
      await server.router.close();
      resolve(true);
      const answer = parseAnswer(await raw.closed);
      assert.equal(answer.status, 'HTTP/1.1 200 OK');
      assert.equal(answer.headers.includes('Connection: close'), true, answer.headers.join());
      await server.end();
    });

    for (const [what, lines] of [
      ['poll', request('POST', '/echo/0/s/xhr')],
      ['stream', request('GET', '/echo/0/s/eventsource')],
      ['WebSocket', handshake('/echo/0/s/websocket')],
    ] as const) {
      it(`a ${what} that waits for authorize gets 503 at once, and its later result is ignored`, async () => {
        const { promise, resolve } = withResolvers<boolean>();
        const asked = withResolvers<undefined>();
        const server = await serveRouter({
          authorize: () => {
            asked.resolve(undefined);
            return promise;
          },
        });
        const raw = new RawSocket(server.port).send(...lines);
        await asked.promise;
        assert.deepEqual(await server.router.close(), { closed: 0, flushed: 0, dropped: 0 });
        const { status, headers, rest } = parseAnswer(await raw.closed);
        assert.equal(status, 'HTTP/1.1 503 Service Unavailable');
        assert.equal(rest, 'Server shutting down.');
        assert.equal(headers.includes('Retry-After: 5'), true, headers.join());
        assert.equal(headers.includes('Connection: close'), true, headers.join());
        await server.end();
        resolve(true);
        await promise;
        assert.equal(server.router.sessions.size, 0);
      });
    }

    it('a send whose body is still coming is answered 404 at once', async () => {
      const server = await serveRouter();
      await post(`${server.url}/0/s/xhr`);
      const arrived = once(server.server, 'request');
      const raw = new RawSocket(server.port);
      raw.send('POST /echo/0/s/xhr_send HTTP/1.1', 'Host: localhost', 'Content-Length: 100', '', '["half');
      await arrived;
      const closed = server.router.close();
      const answer = parseAnswer(await raw.closed);
      assert.equal(answer.status, 'HTTP/1.1 404 Not Found');
      assert.equal(answer.headers.includes('Connection: close'), true, answer.headers.join());
      assert.equal((await post(`${server.url}/0/s/xhr`)).body, `${CLOSE}\n`);
      await closed;
      await server.end();
    });

    it('a WebSocket closes its connection for clients that only answer the close', async () => {
      const server = await serveRouter();
      const raw = new RawSocket(server.port).send(...handshake('/echo/0/w/websocket'));
      await raw.until(serverFrame(1, 'o'));
      const result = server.router.close();
      const close = closePayload(1001, 'Server shutting down');
      await raw.until(serverFrame(8, close));
      raw.send(clientFrame(8, close));
      await raw.closed;
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      await server.end();
    });
  });
});

describe('router.close() while verifyClient of the engine has not decided', () => {
  for (const verdict of [true, false, undefined]) {
    it(`refuses the WebSockets and counts only sessions, and ignores its later result: ${verdict ?? 'nothing'}`, async () => {
      const decisions = new AsyncQueue<(accepts: boolean) => void>();
      let asked = 0;
      const verifyClient = (_: unknown, done: (accepts: boolean) => void) => {
        asked += 1;
        if (asked === 1) {
          done(true);
        } else {
          decisions.push(done);
        }
      };
      const server = await serveRouter({ rawWebsocket: true, heartbeatDelay: 0, websocketServer: { verifyClient } });
      const { client } = await openWebSocket(server);
      const pending = ['/0/1/websocket', '/0/2/websocket', '/websocket'].map((path) =>
        new RawSocket(server.port).send(...handshake(`/echo${path}`)),
      );
      const late = await Promise.all(pending.map(() => decisions.next()));
      const result = server.router.close({ code: 4001, reason: 'bye' });
      assert.deepEqual(await client.closed, { code: 4001, reason: 'bye' });
      for (const raw of pending) {
        assert.match(await raw.closed, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
      }
      if (verdict !== undefined) {
        for (const decide of late) {
          decide(verdict);
        }
      }
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      assert.equal(server.router.sessions.size, 0);
      const { opened, closed, rejected } = server.router.stats();
      assert.deepEqual({ opened, closed, rejected }, { opened: 1, closed: 1, rejected: { closing: 3 } });
    });
  }

  it('gives the places back', async () => {
    const decisions = new AsyncQueue<(accepts: boolean) => void>();
    const verifyClient = (_: unknown, done: (accepts: boolean) => void) => void decisions.push(done);
    const server = await serveRouter({ maxSessions: 1, websocketServer: { verifyClient } });
    const raw = new RawSocket(server.port).send(...handshake('/echo/0/1/websocket'));
    await decisions.next();
    assert.match((await post(`${server.url}/0/2/xhr`)).body, /^Too many sessions/);
    const result = server.router.close();
    await raw.closed;
    assert.equal((await post(`${server.url}/0/2/xhr`)).body, 'Server shutting down.');
    assert.deepEqual(await result, { closed: 0, flushed: 0, dropped: 0 });
  });
});

describe('router.sessions', () => {
  it('is empty at first, and knows no id', async () => {
    const { router } = await serveRouter();
    assert.equal(router.sessions.size, 0);
    assert.deepEqual([...router.sessions], []);
    assert.equal(router.sessions.get(''), undefined);
    assert.equal(router.sessions.get('__proto__'), undefined);
  });

  it('has the sessions of every transport, by id, in the order they opened', async () => {
    const server = await serveRouter({ rawWebsocket: true });
    await post(`${server.url}/0/by%20xhr/xhr`);
    const polling = await server.next();
    const { session: framed } = await openWebSocket(server, '/0/by-websocket/websocket');
    const { session: plain } = await openWebSocket(server, '/websocket');
    const { sessions } = server.router;
    assert.equal(sessions.size, 3);
    assert.deepEqual([...sessions], [polling, framed, plain]);
    assert.equal(sessions.get('by xhr'), polling);
    assert.equal(sessions.get('by-websocket'), framed);
    assert.equal(sessions.get(''), plain);
    assert.equal(sessions.get('another'), undefined);
  });

  it('gives the newest of the WebSockets that use one id', async () => {
    const server = await serveRouter();
    const first = await openWebSocket(server);
    const second = await openWebSocket(server);
    const { sessions } = server.router;
    assert.equal(sessions.size, 2);
    assert.equal(sessions.get('w'), second.session);
    const ended = once(first.session, 'close');
    first.client.socket.close();
    await ended;
    assert.equal(sessions.get('w'), second.session);
  });

  it('keeps a session that is closing, and lets go of one that has ended before its close event', async () => {
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    const { sessions } = server.router;
    session.close();
    assert.equal(sessions.size, 1);
    assert.equal(sessions.get('s'), session);
    const ended = once(session, 'close').then(() => [sessions.size, sessions.get('s')]);
    await post(`${server.url}/0/s/xhr`);
    assert.deepEqual(await ended, [0, undefined]);
    const { client, session: other } = await openWebSocket(server);
    const otherEnded = once(other, 'close').then(() => [sessions.size, sessions.get('w')]);
    client.socket.terminate();
    assert.deepEqual(await otherEnded, [0, undefined]);
  });

  it('does not show a session that waits for authorize', async () => {
    const { promise, resolve } = withResolvers<boolean>();
    const server = await serveRouter({ authorize: () => promise });
    const raw = await park(server, { method: 'POST', path: '/0/s/xhr' });
    assert.equal(server.router.sessions.size, 0);
    assert.equal(server.router.sessions.get('s'), undefined);
    resolve(true);
    await raw.until('o\n');
    assert.equal(server.router.sessions.size, 1);
  });

  it('may lose sessions during an iteration', async () => {
    const server = await serveRouter();
    const clients = await Promise.all(['a', 'b', 'c'].map((id) => openWebSocket(server, `/0/${id}/websocket`)));
    for (const session of server.router.sessions) {
      session.close();
    }
    assert.deepEqual(
      await Promise.all(clients.map(({ client }) => client.closed)),
      Array(3).fill({ code: 1000, reason: 'Normal closure' }),
    );
  });
});

/** As `Promise.withResolvers()`, which Node 20 has not. */
function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
