/** Who gets a session: `authorize`, `identify`, and how many there may be, on every transport. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { attachUpgrade, type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { RawSocket } from '../../support/http.ts';
import { listen } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  answerOf,
  EVERY_ANSWER,
  HTTP_TRANSPORTS,
  refusal,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../../support/wire-transports.ts';

const INTERRUPTED_FRAME = 'c[1002,"Connection interrupted"]';
const BUSY_FRAME = 'c[2010,"Another connection still open"]';

function transport(name: string): WireTransport {
  const found = ALL_TRANSPORTS.find((candidate) => candidate.name === name);
  if (found === undefined) {
    throw new Error(`no such transport: ${name}`);
  }
  return found;
}

/** An `authorize` whose verdicts the test gives. */
function pending() {
  const asked = new AsyncQueue<{ req: IncomingMessage; resolve: (verdict: boolean) => void }>();
  let count = 0;
  return {
    authorize: (req: IncomingMessage) => {
      count += 1;
      return new Promise<boolean>((resolve) => asked.push({ req, resolve }));
    },
    next: () => asked.next(),
    count: () => count,
  };
}

/** Settles when the server knows that a connection has gone. */
function gone({ socket }: { socket: Socket }): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** The receiving request gets this frame and ends. */
async function assertFrame(raw: RawSocket, { wrap }: WireTransport, frame: string): Promise<void> {
  const received = await raw.closed;
  assert.match(received, /^HTTP\/1\.1 200 /);
  assert.equal(received.includes(wrap(frame)), true, received.slice(-200));
}

async function assertSendRefused(
  on: TransportServer,
  to: WireTransport,
  id = 'session',
  ...headers: string[]
): Promise<void> {
  const { status, body } = await answerOf(on.send(to, id, '["x"]', ...headers));
  assert.deepEqual({ status, body }, { status: 404, body: 'Session not found.' });
}

describe('authorize', () => {
  const DATA = { user: 'me' };
  const failing = (error: unknown) => () => {
    throw error;
  };
  const ALLOWED: readonly [what: string, authorize: () => unknown, data: unknown][] = [
    ['true', () => true, undefined],
    ['a promise of true', async () => true, undefined],
    ['an object', () => DATA, DATA],
    ['a promise of an object', async () => DATA, DATA],
    // biome-ignore lint/suspicious/noThenProperty: any thenable will do
    ['something with then', () => ({ then: (resolve: (value: unknown) => void) => resolve(DATA) }), DATA],
  ];
  const withStatus = (status: unknown) => Object.assign(new Error('secret'), { status });
  const REFUSED: readonly [what: string, authorize: () => unknown, status: number, text: string][] = [
    ['false', () => false, 403, 'Forbidden.'],
    ['a promise of false', async () => false, 403, 'Forbidden.'],
    ['nothing', () => undefined, 403, 'Forbidden.'],
    ['null', () => null, 403, 'Forbidden.'],
    ['a promise of null', async () => null, 403, 'Forbidden.'],
    ['a string', () => 'true', 403, 'Forbidden.'],
    ['a number', async () => 1, 403, 'Forbidden.'],
    ['a thrown 401', failing(withStatus(401)), 401, 'Unauthorized.'],
    ['a promise rejected with 429', () => Promise.reject(withStatus(429)), 429, 'Too Many Requests.'],
    ['a thrown 599', failing(withStatus(599)), 599, 'Error.'],
  ];
  const FAILED: readonly [what: string, error: unknown][] = [
    ['an error without a status', new Error('broken')],
    ['an error with the status 200', withStatus(200)],
    ['an error with the status 600', withStatus(600)],
    ['an error with the status 400.5', withStatus(400.5)],
    ['an error with a text for status', withStatus('403')],
    ['a string', 'broken'],
  ];
  const option = (authorize: () => unknown): SockjsOptions =>
    ({ authorize, maxSessions: 1, maxSessionsPerClient: 1 }) as SockjsOptions;

  for (const to of ALL_TRANSPORTS) {
    describe(to.name, () => {
      for (const [what, authorize, data] of ALLOWED) {
        it(`opens for ${what}, session.data being ${JSON.stringify(data)}`, async () => {
          const { session } = await (await serveTransports(option(authorize))).open(to);
          assert.equal(session.data, data);
        });
      }

      for (const [what, authorize, status, text] of REFUSED) {
        it(`is answered with ${status} for ${what}`, async () => {
          const on = await serveTransports(option(authorize));
          // Twice, since a place that stays taken would show now.
          for (let i = 0; i < 2; i += 1) {
            assert.deepEqual(await answerOf(on.ask(to)), refusal(to, status, text));
          }
          assert.equal(on.sessions.count(), 0);
          assert.equal(on.router.stats().opened, 0);
          assert.deepEqual(on.router.stats().rejected, { authorize: 2 });
        });
      }

      for (const [what, error] of FAILED) {
        for (const [how, authorize] of [
          ['thrown', failing(error)],
          ['rejected with', () => Promise.reject(error)],
        ] as const) {
          it(`leaves it to the error handling of the app: ${how}, ${what}`, async () => {
            const on = await serveTransports(option(authorize));
            for (let i = 0; i < 2; i += 1) {
              const { status, body } = await answerOf(on.ask(to));
              assert.deepEqual({ status, body }, { status: 500, body: 'the error page' });
              assert.equal(await on.errors.next(), error);
            }
            assert.equal(on.sessions.count(), 0);
          });
        }
      }

      it('is asked once, by the request that opens the session', async () => {
        const { authorize, next, count } = pending();
        const on = await serveTransports({ authorize, responseLimit: 1 });
        const raw = on.ask(to);
        const { req, resolve } = await next();
        assert.equal(raw.socket.bytesRead, 0);
        assert.equal(on.router.sessions.size, 0);
        resolve(true);
        const session = await on.sessions.next();
        assert.equal(session.request, req);
        await raw.until(to.name === 'websocket-raw' ? '\r\n\r\n' : to.wrap('o'));
        if (to.family !== 'websocket') {
          assert.equal((await answerOf(on.send(to, 'session', '["x"]'))).status, to.family === 'xhr' ? 204 : 200);
          session.send('y');
          await assertFrame(on.ask(to), to, 'a["y"]');
          session.close(3000, 'Bye');
          await assertFrame(on.ask(to), to, 'c[3000,"Bye"]');
          await assertFrame(on.ask(to), to, 'c[3000,"Bye"]');
        }
        assert.equal(count(), 1);
        assert.equal(on.sessions.count(), 1);
      });

      it('makes no session for a client that leaves in the meantime, and frees its place and id', async () => {
        const { authorize, next, count } = pending();
        const on = await serveTransports({ authorize, maxSessions: 1, maxSessionsPerClient: 1 });
        const raw = on.ask(to);
        const first = await next();
        const left = gone(first.req);
        raw.socket.resetAndDestroy();
        await left;
        await turn();
        // The place is free before the verdict is there.
        const second = on.ask(to);
        const { resolve } = await next();
        first.resolve(true);
        await turn();
        assert.equal(on.sessions.count(), 0);
        resolve(true);
        assert.equal((await on.sessions.next()).state, 'active');
        await second.until(to.name === 'websocket-raw' ? '\r\n\r\n' : to.wrap('o'));
        assert.equal(count(), 2);
        assert.equal(on.router.sessions.size, 1);
      });

      it('is not heard any more once the router is closed', async () => {
        const { authorize, next } = pending();
        const on = await serveTransports({ authorize });
        const raw = on.ask(to);
        const { resolve } = await next();
        await on.router.close();
        resolve(true);
        const { status, body } = await answerOf(raw);
        assert.deepEqual({ status, body }, { status: 503, body: 'Server shutting down.' });
        assert.equal(on.sessions.count(), 0);
      });
    });
  }

  for (const to of HTTP_TRANSPORTS) {
    it(`while pending on ${to.name} gives others 2010, or 404 to send or of another family`, async () => {
      const { authorize, next, count } = pending();
      const on = await serveTransports({ authorize });
      const raw = on.ask(to);
      const { resolve } = await next();
      for (const other of HTTP_TRANSPORTS) {
        if (other.family === to.family) {
          await assertFrame(on.ask(other), other, BUSY_FRAME);
        } else {
          assert.deepEqual(await answerOf(on.ask(other)), refusal(other, 404, 'Session not found.'));
        }
        await assertSendRefused(on, other);
      }
      resolve(true);
      await raw.until(to.wrap('o'));
      assert.equal(count(), 1);
    });
  }

  it('is asked for each WebSocket of an id on its own', async () => {
    const { authorize, next } = pending();
    const on = await serveTransports({ authorize });
    const websocket = transport('websocket');
    const [first, second] = [on.ask(websocket), on.ask(websocket)];
    for (const { resolve } of [await next(), await next()]) {
      resolve(true);
    }
    await first.until(websocket.wrap('o'));
    await second.until(websocket.wrap('o'));
    assert.equal(on.sessions.count(), 2);
  });
});

describe('a session of one family of transports', () => {
  for (const owner of HTTP_TRANSPORTS) {
    it(`is not there for others: ${owner.name}`, async () => {
      stopClock();
      const on = await serveTransports({ responseLimit: 1 });
      const { raw, session } = await on.open(owner);
      await raw.closed;
      const others = HTTP_TRANSPORTS.filter(({ family }) => family !== owner.family);
      const assertForeign = async () => {
        for (const other of others) {
          assert.deepEqual(await answerOf(on.ask(other)), refusal(other, 404, 'Session not found.'));
          await assertSendRefused(on, other);
        }
      };
      await assertForeign();
      session.send('x');
      await assertFrame(on.ask(owner), owner, 'a["x"]');
      session.close(3000, 'Bye');
      await assertForeign();
      await assertFrame(on.ask(owner), owner, 'c[3000,"Bye"]');
      assert.equal(session.state, 'closed');
      await assertForeign();
      assert.equal(on.sessions.count(), 1);
      // A WebSocket shares its id with no other session.
      await on.open(transport('websocket'));
    });
  }
});

describe('an id whose session has ended', () => {
  for (const to of HTTP_TRANSPORTS) {
    it(`is remembered for twice disconnectDelay: ${to.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ responseLimit: 1, disconnectDelay: 1000 });
      const { raw, session } = await on.open(to);
      await raw.closed;
      await turn();
      clock.tick(1000);
      assert.equal(session.state, 'closed');
      for (const passing of [0, 1999]) {
        clock.tick(passing);
        await assertFrame(on.ask(to), to, INTERRUPTED_FRAME);
        await assertSendRefused(on, to);
      }
      clock.tick(1);
      await assertSendRefused(on, to);
      await on.open(to);
      assert.equal(on.sessions.count(), 2);
    });
  }
});

describe('identify', () => {
  const identify = (req: IncomingMessage) => String(req.headers['x-user']);
  const MINE = 'X-User: me';
  const THEIRS = 'X-User: them';

  for (const to of HTTP_TRANSPORTS) {
    it(`hides a session from other clients, on every endpoint: ${to.name}`, async () => {
      stopClock();
      const on = await serveTransports({ identify, responseLimit: 1 });
      const { raw, session } = await on.open(to, 'session', MINE);
      await raw.closed;
      const assertHidden = async () => {
        for (const other of HTTP_TRANSPORTS) {
          for (const header of [THEIRS, 'X-Nobody: 1', `${MINE}, me`]) {
            assert.deepEqual(
              await answerOf(on.ask(other, 'session', header)),
              refusal(other, 404, 'Session not found.'),
            );
            await assertSendRefused(on, other, 'session', header);
          }
        }
      };
      await assertHidden();
      assert.equal((await answerOf(on.send(to, 'session', '["x"]', MINE))).status, to.family === 'xhr' ? 204 : 200);
      assert.equal(await session.recv(), 'x');
      session.close(3000, 'Bye');
      await assertHidden();
      await assertFrame(on.ask(to, 'session', MINE), to, 'c[3000,"Bye"]');
      assert.equal(session.state, 'closed');
      await assertHidden();
      assert.equal(on.sessions.count(), 1);
    });

    it(`hides a session that waits for authorize: ${to.name}`, async () => {
      const { authorize, next } = pending();
      const on = await serveTransports({ identify, authorize });
      const raw = on.ask(to, 'session', MINE);
      const { resolve } = await next();
      assert.deepEqual(await answerOf(on.ask(to, 'session', THEIRS)), refusal(to, 404, 'Session not found.'));
      await assertSendRefused(on, to, 'session', MINE);
      resolve(true);
      await raw.until(to.wrap('o'));
    });
  }

  for (const to of ALL_TRANSPORTS) {
    it(`leaves what it throws to the error handling of the app: ${to.name}`, async () => {
      const error = new Error('broken');
      const on = await serveTransports({
        identify: () => {
          throw error;
        },
      });
      assert.equal((await answerOf(on.ask(to))).status, 500);
      assert.equal(await on.errors.next(), error);
      assert.equal(on.sessions.count(), 0);
    });
  }
});

describe('maxSessions', () => {
  const TEXT = 'Too many sessions (see the maxSessions option).';

  for (const to of ALL_TRANSPORTS) {
    it(`gives 503 and Retry-After beyond it, on every transport: ${to.name} came first`, async () => {
      const on = await serveTransports({ maxSessions: 1 });
      const { raw, session } = await on.open(to, 'first');
      for (const other of ALL_TRANSPORTS) {
        assert.deepEqual(await answerOf(on.ask(other)), refusal(other, 503, TEXT, { 'retry-after': '5' }));
      }
      assert.deepEqual(on.router.stats().rejected, { sessions: ALL_TRANSPORTS.length });
      const ended = once(session, 'close');
      raw.socket.resetAndDestroy();
      if (!to.isStreaming) {
        on.router.sessions.get('first')?.close();
        await assertFrame(on.ask(to, 'first'), to, 'c[1000,"Normal closure"]');
      }
      await ended;
      await on.open(to, 'second');
    });
  }

  it('counts those that wait for authorize', async () => {
    const { authorize, next } = pending();
    const on = await serveTransports({ authorize, maxSessions: 1 });
    on.ask(transport('xhr-streaming'), 'first');
    const { resolve } = await next();
    assert.equal((await answerOf(on.ask(transport('websocket')))).status, 503);
    resolve(false);
  });

  it('leaves live and remembered sessions alone', async () => {
    const on = await serveTransports({ maxSessions: 1 });
    const to = transport('xhr-polling');
    const { session } = await on.open(to);
    session.send('x');
    await assertFrame(on.ask(to), to, 'a["x"]');
    session.close();
    await assertFrame(on.ask(to), to, 'c[1000,"Normal closure"]');
    await on.open(to, 'next');
    await assertFrame(on.ask(to), to, 'c[1000,"Normal closure"]');
  });
});

describe('maxSessionsPerClient', () => {
  const TEXT = 'Too many sessions (see the maxSessionsPerClient option).';
  const MORE = { 'retry-after': '5' };

  for (const to of ALL_TRANSPORTS) {
    it(`gives 429 beyond it, by identify, on every transport: ${to.name} came first`, async () => {
      const on = await serveTransports({ maxSessionsPerClient: 1, identify: (req) => String(req.headers['x-user']) });
      const { raw, session } = await on.open(to, 'first', 'X-User: me');
      for (const other of ALL_TRANSPORTS) {
        assert.deepEqual(await answerOf(on.ask(other, 'second', 'X-User: me')), refusal(other, 429, TEXT, MORE));
      }
      assert.deepEqual(on.router.stats().rejected, { 'client-sessions': ALL_TRANSPORTS.length });
      await on.open(to, 'theirs', 'X-User: them');
      const ended = once(session, 'close');
      raw.socket.resetAndDestroy();
      if (!to.isStreaming) {
        session.close();
        await assertFrame(on.ask(to, 'first', 'X-User: me'), to, 'c[1000,"Normal closure"]');
      }
      await ended;
      await on.open(to, 'second', 'X-User: me');
    });

    it(`goes by req.ip without identify, as trust proxy has it: ${to.name}`, async () => {
      const on = await serveTransports(
        { maxSessionsPerClient: 1 },
        { before: (app) => void app.set('trust proxy', true) },
      );
      await on.open(to, 'first', 'X-Forwarded-For: 192.0.2.1');
      assert.equal((await answerOf(on.ask(to, 'second', 'X-Forwarded-For: 192.0.2.1'))).status, 429);
      await on.open(to, 'second', 'X-Forwarded-For: 192.0.2.2');
      const plain = await serveTransports({ maxSessionsPerClient: 1 });
      await plain.open(to, 'first', 'X-Forwarded-For: 192.0.2.1');
      assert.equal((await answerOf(plain.ask(to, 'second', 'X-Forwarded-For: 192.0.2.2'))).status, 429);
    });
  }

  it('goes by the address of the connection where there is no Express', async () => {
    const { port } = await listen(createServer(sockjs({ prefix: '/echo', maxSessionsPerClient: 1 }, () => {})));
    const to = transport('xhr-polling');
    const first = await answerOf(new RawSocket(port).send(...to.requestLines('first')));
    assert.deepEqual(first, {
      status: 200,
      headers: {
        ...EVERY_ANSWER,
        ...to.headers,
        'content-type': 'application/javascript; charset=UTF-8',
        'content-length': '2',
      },
      body: 'o\n',
    });
    assert.deepEqual(
      await answerOf(new RawSocket(port).send(...to.requestLines('second'))),
      refusal(to, 429, TEXT, MORE),
    );
  });
});

describe('a new session', () => {
  it('is not made for a client that left while its request waited behind another', async () => {
    const { authorize, next } = pending();
    const router = sockjs({ authorize }, () => {});
    const { port } = await listen(createServer(router));
    const head = (id: string) => [`POST /0/${id}/xhr HTTP/1.1`, 'Host: x', 'Content-Length: 0', '', ''];
    const client = new RawSocket(port).send(...head('first'), '').send(...head('second'), '');
    const first = await next();
    const second = await next();
    const left = gone(first.req);
    client.socket.resetAndDestroy();
    await left;
    first.resolve(true);
    second.resolve(true);
    await turn();
    assert.equal(router.sessions.size, 0);
    assert.equal(router.stats().opened, 0);
  });

  for (const [what, accepts, expected] of [
    ['accepts', true, 2],
    ['refuses', false, 0],
  ] as const) {
    it(`has its place taken and given back once, where the WebSocket engine ${what} it later`, async () => {
      const decisions = new AsyncQueue<() => void>();
      const verifyClient = (_: unknown, done: (verdict: boolean) => void) => decisions.push(() => done(accepts));
      const router = sockjs({ maxSessions: 2, websocketServer: { verifyClient } }, () => {});
      const { origin } = await listen(serverWith(router));
      let last = 0;
      const open = () => {
        last += 1;
        return new WebSocketClient(origin, `/0/${last}/websocket`).opened;
      };
      const clients = [open(), open()];
      const decide = [await decisions.next(), await decisions.next()];
      await assert.rejects(open(), /503/);
      for (const decideOne of decide) {
        decideOne();
      }
      await Promise.allSettled(clients);
      assert.equal(router.sessions.size, expected);
      const another = open();
      if (accepts) {
        await assert.rejects(another, /503/);
      } else {
        (await decisions.next())();
        await assert.rejects(another, /401/);
      }
    });
  }
});

function serverWith(router: ReturnType<typeof sockjs>) {
  const server = createServer(router);
  attachUpgrade(server);
  return server;
}
