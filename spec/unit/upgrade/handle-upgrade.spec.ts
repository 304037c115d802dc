/** What all ways of handling upgrades have in common, from `attachUpgrade()` to `router.handleUpgrade()`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Session, type SockjsOptions, type SockjsRouter, sockjs, upgradeHandler } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, post, RawSocket } from '../../support/http.ts';
import { listenAs, SERVER_KINDS } from '../../support/server-kinds.ts';
import { clientFrame, parseAnswer, ServerSockets, serverFrame } from '../../support/upgrade-client.ts';
import { H2C, parsesBodies, request, untilReceived, WAYS } from '../../support/upgrade-server.ts';

const PATH = '/echo/000/ws/websocket';
const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

const frame = (message: string) => clientFrame(1, JSON.stringify([message]));

const LEAVE = [
  ['reset', (raw: RawSocket) => raw.socket.resetAndDestroy()],
  ['end', (raw: RawSocket) => raw.socket.end()],
  ['end behind a frame', (raw: RawSocket) => raw.socket.end(frame('x'), 'latin1')],
] as const;

/** How a server gets its upgrades handled. */
type Handle = (
  server: ReturnType<(typeof SERVER_KINDS)[number]['create']>,
  listener: RequestListener,
  router: SockjsRouter,
) => void;

/** An endpoint at `/echo`, in front of a path `/slow` whose response the test ends. */
async function serveBy(
  handle: Handle,
  {
    kind = SERVER_KINDS[0] as (typeof SERVER_KINDS)[number],
    ...options
  }: { kind?: (typeof SERVER_KINDS)[number] } & SockjsOptions = {},
) {
  const sessions = new AsyncQueue<Session>();
  const slow = new AsyncQueue<ServerResponse>();
  const router = sockjs({ prefix: '/echo', heartbeatDelay: 0, ...options }, (session) => sessions.push(session));
  const listener: RequestListener = (req, res) => {
    if (req.url === '/slow') {
      slow.push(res);
    } else {
      router(req, res);
    }
  };
  const server = kind.create(listener);
  handle(server, listener, router);
  const sockets = new ServerSockets(server, kind.event);
  const port = await listenAs(server);
  const ask = (behind = '', path = PATH, ...headers: string[]) =>
    kind.open(port).send(handshake(path, ...headers).join('\r\n') + behind);
  return { router, server, sockets, sessions, slow, port, ask };
}

/** The option `authorize`, whose decisions are left to the test. */
function pausingAuthorize() {
  const asked = new AsyncQueue<(accepts: boolean) => void>();
  return { asked, authorize: () => new Promise<boolean>((resolve) => asked.push(resolve)) };
}

/** Takes the messages of a session in their order. */
function messagesOf(session: Session): AsyncQueue<string> {
  const messages = new AsyncQueue<string>();
  session.on('message', (message) => messages.push(message));
  return messages;
}

for (const { title, handle } of WAYS) {
  describe(`upgrades handled by ${title}`, () => {
    for (const kind of SERVER_KINDS) {
      it(`open WebSockets on an ${kind.name} server, with the frames that came with the handshake`, async () => {
        const { sessions, ask } = await serveBy(handle, { kind });
        const raw = ask(frame('a') + frame('b'));
        const session = await sessions.next();
        const messages = messagesOf(session);
        await raw.until(serverFrame(1, 'o'));
        raw.send(frame('c'));
        for (const expected of 'abc') {
          assert.equal(await messages.next(), expected);
        }
        session.send('d');
        await raw.until(serverFrame(1, 'a["d"]'));
      });
    }

    it('leave no listener of theirs on an open WebSocket', async () => {
      const { sockets, sessions, ask } = await serveBy(handle);
      const raw = ask();
      await raw.until(serverFrame(1, 'o'));
      await sessions.next();
      assert.equal((await sockets.next()).listenerCount('error'), 1);
    });

    it('get 503 after 10 seconds where authorize never settles, and leave nothing behind', async () => {
      const clock = stopClock();
      const { asked, authorize } = pausingAuthorize();
      const { router, sockets, ask } = await serveBy(handle, { authorize, maxSessions: 1 });
      const raw = ask();
      await asked.next();
      clock.tick(9_999);
      await turn();
      assert.equal(sockets.count, 1);
      clock.tick(1);
      assert.equal(await raw.closed, UNAVAILABLE);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
      const next = ask();
      (await asked.next())(true);
      await next.until(serverFrame(1, 'o'));
      assert.equal(router.sessions.size, 1);
    });

    it('get 503 at once where authorize never settles and the endpoint closes', async () => {
      const clock = stopClock();
      const { asked, authorize } = pausingAuthorize();
      const { router, sockets, ask } = await serveBy(handle, { authorize });
      const raw = ask();
      await asked.next();
      await router.close();
      assert.match(await raw.closed, /^HTTP\/1.1 503 Service Unavailable\r\n/);
      assert.match(await ask().closed, /^HTTP\/1.1 503 Service Unavailable\r\n/);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    for (const [how, leave] of LEAVE) {
      it(`are forgotten when the client leaves by ${how} while authorize decides`, async () => {
        const clock = stopClock();
        const { asked, authorize } = pausingAuthorize();
        const { router, sockets, sessions, ask } = await serveBy(handle, { authorize, maxSessions: 1 });
        const raw = ask();
        const decide = await asked.next();
        leave(raw);
        await sockets.gone();
        assert.equal(await raw.closed, '');
        assert.equal(clock.countTimers(), 0);
        const next = ask();
        const decideNext = await asked.next();
        decide(true);
        await turn();
        assert.equal(sessions.size, 0);
        decideNext(true);
        await next.until(serverFrame(1, 'o'));
        assert.equal(router.sessions.size, 1);
      });

      it(`are forgotten when the client leaves by ${how} while an earlier response has not ended`, async () => {
        const clock = stopClock();
        const { sockets, sessions, slow, ask, port } = await serveBy(handle);
        const raw = new RawSocket(port).send(request('GET', '/slow') + handshake(PATH).join('\r\n'));
        const closed = once(await slow.next(), 'close');
        leave(raw);
        await Promise.all([closed, sockets.gone()]);
        assert.equal(sessions.size, 0);
        assert.equal(clock.countTimers(), 0);
        await ask().until(serverFrame(1, 'o'));
      });
    }

    it('wait until an earlier response has ended, and lose no bytes', async () => {
      const { sockets, sessions, slow, port } = await serveBy(handle);
      const raw = new RawSocket(port).send(request('GET', '/slow') + handshake(PATH).join('\r\n') + frame('a'));
      const res = await slow.next();
      await untilReceived(await sockets.next(), () => raw.send(frame('b')));
      assert.equal(sessions.size, 0);
      res.end('slow');
      const messages = messagesOf(await sessions.next());
      assert.equal(await messages.next(), 'a');
      assert.equal(await messages.next(), 'b');
      assert.match(await raw.until(serverFrame(1, 'o')), /slow\r?\n?.*HTTP\/1.1 101 /s);
    });

    it('are closed where an earlier response takes more than 10 seconds', async () => {
      const clock = stopClock();
      const { sockets, sessions, slow, port } = await serveBy(handle);
      const raw = new RawSocket(port).send(request('GET', '/slow') + handshake(PATH).join('\r\n'));
      const res = await slow.next();
      const closed = once(res, 'close');
      clock.tick(9_999);
      await turn();
      assert.equal(sockets.count, 1);
      clock.tick(1);
      await Promise.all([closed, raw.closed, sockets.gone()]);
      assert.equal(sessions.size, 0);
      assert.equal(clock.countTimers(), 0);
    });

    for (const [what, change, answer] of [
      ['no key', /^Sec-WebSocket-Key:.*/m, /^HTTP\/1.1 400 .*Sec-WebSocket-Key/s],
      ['no version', /^Sec-WebSocket-Version:.*/m, /^HTTP\/1.1 400 .*Sec-WebSocket-Version: 13/s],
    ] as const) {
      it(`get 400 for a handshake with ${what}`, async () => {
        const clock = stopClock();
        const { sockets, sessions, port } = await serveBy(handle);
        const raw = new RawSocket(port).send(handshake(PATH).join('\r\n').replace(change, 'X: y'));
        assert.match(await raw.closed, answer);
        await sockets.gone();
        assert.equal(sessions.size, 0);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('get 403 from allowedOrigins', async () => {
      const { ask, sockets } = await serveBy(handle, { allowedOrigins: ['https://page.example'] });
      assert.match(await ask('', PATH, 'Origin: https://other.example').closed, /^HTTP\/1.1 403 Forbidden\r\n/);
      await sockets.gone();
      await ask('', PATH, 'Origin: https://page.example').until(serverFrame(1, 'o'));
    });

    it('get 404 where the transport is switched off', async () => {
      const { ask, sockets } = await serveBy(handle, { websocket: false });
      assert.match(await ask().closed, /^HTTP\/1.1 404 Not Found\r\n.*Not found\.$/s);
      await sockets.gone();
    });

    it('get the response of a page that is no WebSocket, and the connection is closed', async () => {
      const { ask, sockets } = await serveBy(handle);
      const { status, headers, rest } = parseAnswer(await ask('', '/echo').closed);
      assert.equal(status, 'HTTP/1.1 200 OK');
      assert.equal(headers.includes('Connection: close'), true);
      assert.equal(rest, 'Welcome to SockJS!\n');
      await sockets.gone();
    });

    it('may leave at any moment, and no socket and no timer stays', async () => {
      const clock = stopClock();
      const { asked, authorize } = pausingAuthorize();
      const { sockets, port } = await serveBy(handle, { authorize });
      const decide = async () => {
        for (;;) {
          (await asked.next())(true);
        }
      };
      decide().catch(() => {});
      const clients = Array.from({ length: 60 }, async (_, i) => {
        const raw = new RawSocket(port);
        await once(raw.socket, 'connect');
        raw.send((i % 2 === 0 ? '' : request('GET', '/echo/info')) + handshake(PATH).join('\r\n'));
        for (let turns = 0; turns < i / 6; turns += 1) {
          await turn();
        }
        LEAVE[i % 3]?.[1](raw);
        await raw.closed;
      });
      await Promise.all(clients);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    describe('that ask for another protocol', () => {
      for (const kind of SERVER_KINDS) {
        it(`are answered by an ${kind.name} server as ordinary requests, on a connection that lives on`, async () => {
          const { port } = await serveBy(handle, { kind });
          const raw = kind.open(port).send(request('GET', '/echo', H2C));
          assert.match(await raw.until('Welcome to SockJS!\n'), /^HTTP\/1.1 200 OK\r\n/);
          raw.send(request('POST', '/echo/0/s/xhr', [...H2C, 'Content-Length: 0']));
          await raw.until('o\n');
          raw.send(request('GET', '/echo/info', H2C));
          assert.doesNotMatch(await raw.until('"entropy"'), /^Connection: close/im);
        });
      }

      for (const [form, text] of [
        ['a length', request('POST', '/echo/0/s/xhr_send', [...H2C, 'Content-Length: 9'], '["hello"]')],
        [
          'chunks',
          request('POST', '/echo/0/s/xhr_send', [...H2C, 'Transfer-Encoding: chunked'], '9\r\n["hello"]\r\n0\r\n\r\n'),
        ],
      ] as const) {
        for (const pieces of [1, 2, 3]) {
          it(`have their body read, by ${form}, in ${pieces} pieces`, async () => {
            const { sockets, sessions, port } = await serveBy(handle);
            await post(`http://127.0.0.1:${port}/echo/0/s/xhr`);
            const messages = messagesOf(await sessions.next());
            await sockets.next();
            const raw = new RawSocket(port);
            const socket = await sockets.next();
            const cuts = [0, text.indexOf('["hello"]'), text.indexOf('lo"]')].slice(0, pieces);
            for (const [i, cut] of cuts.entries()) {
              await untilReceived(socket, () => raw.send(text.slice(cut, cuts[i + 1])));
            }
            assert.equal(await messages.next(), 'hello');
            assert.match(await raw.until('\r\n\r\n'), /^HTTP\/1.1 204 No Content\r\n/);
          });
        }
      }

      it('get 405 for POST to a WebSocket path', async () => {
        const { port } = await serveBy(handle);
        const headers = handshake('/').slice(2, -2);
        const raw = new RawSocket(port).send(request('POST', PATH, [...headers, 'Content-Length: 5'], 'hello'));
        const { status, headers: received } = parseAnswer(await raw.until('\r\n\r\n'));
        assert.equal(status, 'HTTP/1.1 405 Method Not Allowed');
        assert.equal(received.includes('Allow: GET'), true);
      });
    });
  });
}

describe('an ordinary request whose body Node parses although it asks for an upgrade', () => {
  /** Serves a listener behind `upgradeHandler()`, for a test that makes sense where Node parses such bodies. */
  async function parsing(test: Mocha.Context, listener: RequestListener) {
    if (!(await parsesBodies())) {
      test.skip();
    }
    return serveListener(listener);
  }

  async function serveListener(listener: RequestListener) {
    const server = SERVER_KINDS[0].create(listener).on('upgrade', upgradeHandler(listener));
    return { sockets: new ServerSockets(server), port: await listenAs(server) };
  }

  const HEAD = ['POST /a HTTP/1.1', 'Host: localhost', ...H2C, 'Content-Length: 6'];

  it('may wait longer than an upgrade for its response', async function () {
    const clock = stopClock();
    const asked = new AsyncQueue<ServerResponse>();
    const { sockets, port } = await parsing(this, (_req, res) => asked.push(res));
    const raw = new RawSocket(port).send([...HEAD, '', 'abcdef'].join('\r\n'));
    const res = await asked.next();
    clock.tick(60_000);
    res.end('late');
    assert.match(await raw.closed, /^HTTP\/1.1 200 OK\r\n.*late/s);
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });

  for (const sent of ['abc', 'abcdef']) {
    for (const [how, leave] of [
      ['reset', (raw: RawSocket) => raw.socket.resetAndDestroy()],
      ['end', (raw: RawSocket) => raw.socket.end()],
    ] as const) {
      it(`is given up when its client leaves by ${how} after ${sent.length} of 6 bytes`, async function () {
        const clock = stopClock();
        const asked = new AsyncQueue<ServerResponse>();
        const { sockets, port } = await parsing(this, (_req, res) => asked.push(res));
        const raw = new RawSocket(port).send([...HEAD, '', sent].join('\r\n'));
        const res = await asked.next();
        const closed = Promise.all([once(res, 'close'), once(res.req, 'close')]);
        leave(raw);
        await closed;
        await sockets.gone();
        res.end('late');
        assert.equal(clock.countTimers(), 0);
      });
    }
  }

  it('is read after the response has begun', async function () {
    const bodies = new AsyncQueue<string>();
    const { sockets, port } = await parsing(this, (req, res) => {
      res.write('begun');
      void bodies.next().then(async () => {
        let body = '';
        for await (const chunk of req) {
          body += chunk;
        }
        res.end(`<${body}>`);
      });
    });
    const raw = new RawSocket(port).send([...HEAD, '', 'abc'].join('\r\n'));
    await raw.until('begun');
    await untilReceived(await sockets.next(), () => raw.send('def'));
    bodies.push('');
    await raw.until('<abcdef>');
    await raw.closed;
    await sockets.gone();
  });

  it('may be refused before it has come whole, and its client can read that while it still sends', async () => {
    const clock = stopClock();
    const { sockets, port } = await serveListener((_req, res) => {
      res.writeHead(413, { Connection: 'close', 'Content-Length': 5 }).end('large');
    });
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    afterTest(() => {
      client.destroy();
    });
    const lines = ['POST /a HTTP/1.1', 'Host: localhost', ...H2C, 'Content-Length: 3000000', '', 'x'.repeat(3_000_000)];
    client.write(lines.join('\r\n'));
    client.setEncoding('latin1');
    let received = '';
    client.on('data', (chunk: string) => {
      received += chunk;
    });
    await once(client, 'end');
    assert.match(received, /^HTTP\/1.1 413 .*large$/s);
    client.end();
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });

  it('is told to go on where it expects that', async () => {
    const { port } = await serveListener((req, res) => req.resume().on('end', () => res.end('done')));
    const raw = new RawSocket(port).send([...HEAD, 'Expect: 100-continue', '', ''].join('\r\n'));
    await raw.until('HTTP/1.1 100 Continue\r\n\r\n');
    raw.send('abcdef');
    await raw.until('done');
  });
});

describe('a dispatcher that passes an upgrade on late', () => {
  /** An endpoint whose upgrades are passed on when the test says so. */
  async function dispatching(handle: Handle) {
    const clock = stopClock();
    const upgrades = new AsyncQueue<{ socket: Socket; pass: () => void }>();
    const { authorize, asked } = pausingAuthorize();
    const { sockets, ask } = await serveBy(
      (server, listener, router) => {
        handle(server, listener, router);
        const [handleUpgrade] = server.listeners('upgrade');
        assert.ok(handleUpgrade);
        server.removeAllListeners('upgrade').on('upgrade', (...args: unknown[]) => {
          const socket = args[1] as Socket;
          socket.on('error', () => {});
          upgrades.push({ socket, pass: () => Reflect.apply(handleUpgrade, server, args) });
        });
      },
      { authorize },
    );
    const raw = ask();
    const left = async () => {
      await raw.closed;
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    };
    return { raw, asked, left, ...(await upgrades.next()) };
  }

  for (const { title, handle } of WAYS.slice(1)) {
    for (const [how, leave] of LEAVE.slice(1)) {
      it(`may do so after its client has left by ${how}, with ${title}`, async () => {
        const { raw, left, pass } = await dispatching(handle);
        leave(raw);
        pass();
        await left();
      });
    }

    for (const [how, event, leave] of [
      ['a reset', 'close', (raw: RawSocket) => raw.socket.resetAndDestroy()],
      ['an end', 'end', (raw: RawSocket) => raw.socket.end()],
    ] as const) {
      it(`may do so after it has seen ${how}, and the application is not asked, with ${title}`, async () => {
        const { raw, asked, left, pass, socket } = await dispatching(handle);
        const seen = new Promise((resolve) => socket.resume().on(event, resolve));
        leave(raw);
        await seen;
        pass();
        await left();
        assert.equal(asked.size, 0);
      });
    }
  }
});
