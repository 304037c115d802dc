/** `router.handleUpgrade()`: which upgrades it takes, and that it leaves all others as they came. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import express from 'express';
import { WebSocketServer } from 'ws';
import { attachUpgrade, type SockjsOptions, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { echo, listen, sessionCatcher } from '../../support/test-server.ts';
import { parseAnswer, ServerSockets, serverFrame } from '../../support/upgrade-client.ts';
import { H2C, hasShouldUpgradeCallback, otherListener, request } from '../../support/upgrade-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const PATH = '/echo/000/ws/websocket';

/** A router of its own server, and what `handleUpgrade()` has returned for each upgrade. */
async function dispatched(options: SockjsOptions = {}, listener?: RequestListener) {
  const { onSession, next, count } = sessionCatcher();
  const router = sockjs({ prefix: '/echo', ...options }, onSession);
  const { seen, listener: other } = otherListener();
  const taken = new AsyncQueue<boolean>();
  const server = createServer(listener ?? router);
  server.on('upgrade', (req, socket: Duplex, head) => {
    const isTaken = router.handleUpgrade(req, socket, head);
    taken.push(isTaken);
    if (!isTaken) {
      other(req, socket, head);
    }
  });
  return { router, next, count, seen, taken, sockets: new ServerSockets(server), ...(await listen(server)) };
}

describe('router.handleUpgrade()', () => {
  for (const [path, status, options = {}] of [
    [PATH, 101],
    [`${PATH}?a=b`, 101],
    [`http://localhost${PATH}`, 101],
    ['/echo/websocket', 101, { rawWebsocket: true }],
    ['/echo/websocket', 404],
    [PATH, 404, { websocket: false }],
    [PATH, 403, { allowedOrigins: 'same-origin' }],
    [PATH, 403, { authorize: () => false }],
    [PATH, 503, { maxSessions: 0 }],
    ['/echo/0/s/xhr', 405],
    ['/echo/0/s/xhr', 404, { xhrPolling: false }],
    ['/echo/0/s/jsonp', 404, { jsonp: false }],
    ['/echo', 200],
    ['/echo/', 200],
    ['/echo?a', 200],
    ['/echo/info', 200],
    ['/echo/iframe.html', 200],
    ['/info', 200, { prefix: '' }],
    ['/000/ws/websocket', 101, { prefix: '' }],
    ['/a/b/echo/000/ws/websocket', 101, { prefix: '/a/b/echo' }],
  ] as const satisfies readonly (readonly [string, number, SockjsOptions?])[]) {
    it(`takes ${path}, whose client gets ${status} with ${Object.keys(options).join() || 'no option'}`, async () => {
      const { taken, seen, port } = await dispatched(options);
      const raw = new RawSocket(port).send(...handshake(path, 'Origin: https://other.example'));
      const received = await raw.until('\r\n\r\n');
      assert.match(received, new RegExp(`^HTTP/1.1 ${status} `));
      assert.equal(await taken.next(), true);
      assert.equal(seen.size, 0);
    });
  }

  for (const [path, options = {}] of [
    ['/'],
    ['/other'],
    ['/echoes/000/ws/websocket'],
    ['/ech/000/ws/websocket'],
    ['/ECHO/000/ws/websocket'],
    ['/a/echo/000/ws/websocket'],
    ['/echo//'],
    ['/echo/a'],
    ['/echo/000/ws'],
    ['/echo/000/ws/websocket/'],
    ['/echo/000/ws/Websocket'],
    ['/echo/a/b/c/websocket'],
    ['/echo/a./b/websocket'],
    ['/echo/a/%2e/websocket'],
    ['/echo/%zz/b/websocket'],
    ['/?/echo/000/ws/websocket'],
    ['/echo/000/ws/websocket', { prefix: '' }],
    ['*'],
  ] as const satisfies readonly (readonly [string, SockjsOptions?])[]) {
    it(`leaves ${path} to others with ${Object.keys(options).join() || 'no option'}`, async () => {
      const { taken, seen, port } = await dispatched(options);
      // A target without a slash is for OPTIONS alone.
      const lines = handshake(path).map((line) => (path === '*' ? line.replace(/^GET/, 'OPTIONS') : line));
      assert.match(await new RawSocket(port).send(...lines).closed, /X-By: other/);
      assert.equal(await taken.next(), false);
      assert.equal((await seen.next()).url, path);
    });
  }

  it('leaves request and socket untouched where it returns false', async () => {
    const states = new AsyncQueue<[before: unknown, after: unknown, isTaken: boolean]>();
    const router = sockjs({ prefix: '/echo' }, echo);
    const server = createServer(router).on('upgrade', (req, socket: Socket, head) => {
      const state = () => ({
        request: Object.entries(Object.getOwnPropertyDescriptors(req)).map(([key, { value }]) => [key, value]),
        symbols: Object.getOwnPropertySymbols(req),
        requestListeners: req.eventNames(),
        listeners: socket.eventNames().map((name) => [name, socket.listeners(name)]),
        properties: Reflect.ownKeys(socket),
        flowing: socket.readableFlowing,
        bytes: [socket.bytesRead, socket.bytesWritten, socket.readableLength],
        corked: socket.writableCorked,
        head: String(head),
      });
      const before = state();
      const isTaken = router.handleUpgrade(req, socket, head);
      states.push([before, state(), isTaken]);
      socket.destroy();
    });
    const { port } = await listen(server);
    new RawSocket(port).send(`${handshake('/other').join('\r\n')}bytes behind`);
    const [before, after, isTaken] = await states.next();
    assert.equal(isTaken, false);
    assert.deepEqual(after, before);
  });

  it('needs no `this`, and no attachUpgrade()', async () => {
    const { handleUpgrade } = sockjs({ prefix: '/echo' }, echo);
    const server = createServer((_req, res) => res.end());
    server.on('upgrade', handleUpgrade);
    const { origin } = await listen(server);
    const client = new WebSocketClient(origin, PATH);
    assert.equal(await client.next(), 'o');
    client.send('["m"]');
    assert.equal(await client.next(), 'a["m"]');
  });

  it('takes a POST to a WebSocket path, which is 405, and one to a path of another handler not at all', async () => {
    const { taken, seen, port } = await dispatched();
    const headers = [...handshake('/').slice(2, -2), 'Content-Length: 0'];
    const raw = new RawSocket(port).send(request('POST', PATH, headers));
    assert.match(await raw.until('\r\n\r\n'), /^HTTP\/1.1 405 .*Allow: GET\r\n/s);
    assert.equal(await taken.next(), true);
    await new RawSocket(port).send(request('POST', '/other', headers)).closed;
    assert.equal(await taken.next(), false);
    assert.equal(seen.size, 1);
  });

  it('takes a request for another protocol, which the server of the connection answers', async () => {
    const { taken, seen, port } = await dispatched({}, (req, res) => res.end(`server at ${req.url}`));
    const raw = new RawSocket(port).send(request('GET', '/echo/info', H2C));
    await raw.until('server at /echo/info');
    assert.equal(await taken.next(), true);
    assert.equal(seen.size, 0);
    raw.send(request('GET', '/next'));
    await raw.until('server at /next');
  });

  it('opens WebSockets of a router to which the application has added routes, and leaves those to others', async () => {
    const { router, next, taken, port } = await dispatched();
    router.get('/more', (_req, res) => {
      res.end('more');
    });
    await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
    await next();
    assert.equal(await taken.next(), true);
    assert.match(await new RawSocket(port).send(...handshake('/echo/more')).closed, /X-By: other/);
  });

  it('has the client get 500 where a function in the options throws', async () => {
    const printed: unknown[] = [];
    const { error } = console;
    console.error = (...args) => printed.push(...args);
    afterTest(() => {
      console.error = error;
    });
    const { port, sockets } = await dispatched({
      authorize: () => {
        throw new Error('of the application');
      },
    });
    assert.match(await new RawSocket(port).send(...handshake(PATH)).closed, /^HTTP\/1.1 500 /);
    assert.match(String(printed[0]), /of the application/);
    await sockets.gone();
  });

  it('answers 503 once the router closes', async () => {
    const clock = stopClock();
    const { router, taken, port, sockets } = await dispatched();
    await router.close();
    assert.match(await new RawSocket(port).send(...handshake(PATH)).closed, /^HTTP\/1.1 503 /);
    assert.equal(await taken.next(), true);
    await sockets.gone();
    assert.equal(clock.countTimers(), 0);
  });

  describe('beside others', () => {
    it('shares a server with a router of another prefix, and a WebSocketServer', async () => {
      const routers = ['/a', '/a/b'].map((prefix) =>
        sockjs({ prefix }, (session) => {
          session.send(prefix);
        }),
      );
      const others = new WebSocketServer({ noServer: true });
      afterTest(() => others.close());
      const server = createServer((_req, res) => res.end());
      server.on('upgrade', (req, socket: Duplex, head) => {
        if (!routers.some((router) => router.handleUpgrade(req, socket, head))) {
          others.handleUpgrade(req, socket, head, (client) => client.send('ws'));
        }
      });
      const { origin } = await listen(server);
      for (const prefix of ['/a', '/a/b']) {
        const client = new WebSocketClient(origin, `${prefix}/0/s/websocket`);
        assert.equal(await client.next(), 'o');
        assert.equal(await client.next(), `a["${prefix}"]`);
      }
      for (const path of ['/', '/a/x', '/a/b/c/d/e/websocket']) {
        assert.equal(await new WebSocketClient(origin, path).next(), 'ws');
      }
    });

    for (const [title, join] of [
      [
        'listeners of one router',
        (server: Server, { handleUpgrade }: SockjsRouter) => {
          server.on('upgrade', handleUpgrade).on('upgrade', handleUpgrade);
        },
      ],
      [
        'attachUpgrade() for the same router, called before',
        (server: Server, { handleUpgrade }: SockjsRouter) => {
          attachUpgrade(server);
          server.on('upgrade', handleUpgrade);
        },
      ],
      [
        'attachUpgrade() for the same router, called after',
        (server: Server, { handleUpgrade }: SockjsRouter) => {
          server.on('upgrade', handleUpgrade);
          attachUpgrade(server);
        },
      ],
    ] as const) {
      it(`has an upgrade taken once: ${title}`, async () => {
        const clock = stopClock();
        const { onSession, next, count } = sessionCatcher();
        const router = sockjs({ prefix: '/echo', heartbeatDelay: 0 }, onSession);
        const server = createServer(router);
        join(server, router);
        const sockets = new ServerSockets(server);
        const { port } = await listen(server);
        for (const path of [PATH, '/echo/a/b/websocket']) {
          const raw = new RawSocket(port).send(...handshake(path));
          const received = await raw.until(serverFrame(1, 'o'));
          assert.equal(received.split('HTTP/1.1').length, 2);
          await next();
          raw.socket.destroy();
        }
        assert.equal(count(), 2);
        const { status, rest } = parseAnswer(await new RawSocket(port).send(...handshake('/echo')).closed);
        assert.deepEqual([status, rest], ['HTTP/1.1 200 OK', 'Welcome to SockJS!\n']);
        await sockets.gone();
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('returns true for an upgrade that it or another router has taken, and does nothing', async () => {
      const { onSession, next, count } = sessionCatcher();
      const router = sockjs({ prefix: '/echo' }, onSession);
      const elsewhere = sockjs({ prefix: '/elsewhere' }, onSession);
      const taken = new AsyncQueue<boolean[]>();
      const server = createServer(router).on('upgrade', (req, socket: Duplex, head) => {
        taken.push([router, router, elsewhere].map((one) => one.handleUpgrade(req, socket, head)));
      });
      const { port } = await listen(server);
      await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
      await next();
      assert.deepEqual(await taken.next(), [true, true, true]);
      assert.equal(count(), 1);
    });

    for (const answer of [404, 200]) {
      it(`takes what attachUpgrade() passes on when the app has answered ${answer}`, async () => {
        const { onSession, next, count } = sessionCatcher();
        const app = express().set('env', 'test');
        app.use((_req, res) => {
          res.sendStatus(answer);
        });
        const router = sockjs({ prefix: '/echo' }, onSession);
        const server = createServer(app);
        attachUpgrade(server);
        server.on('upgrade', (req, socket: Duplex, head) => {
          if (!router.handleUpgrade(req, socket, head)) {
            socket.end('HTTP/1.1 418 \r\n\r\n');
          }
        });
        const { port } = await listen(server);
        await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
        assert.equal((await next()).request.url, '/000/ws/websocket');
        assert.equal(count(), 1);
        assert.match(await new RawSocket(port).send(...handshake('/x/websocket')).closed, /^HTTP\/1.1 418 /);
        assert.match(await new RawSocket(port).send(...handshake('/echo/info')).closed, /^HTTP\/1.1 200 /);
      });
    }

    it('does not take what the app has refused', async () => {
      const { onSession, count } = sessionCatcher();
      const app = express().use((_req, res) => {
        res.sendStatus(401);
      });
      const router = sockjs({ prefix: '/echo' }, onSession);
      const server = createServer(app);
      attachUpgrade(server);
      server.on('upgrade', router.handleUpgrade);
      const { port } = await listen(server);
      assert.match(await new RawSocket(port).send(...handshake(PATH)).closed, /^HTTP\/1.1 401 /);
      assert.equal(count(), 0);
    });
  });

  (hasShouldUpgradeCallback ? it : it.skip)('gets only what a shouldUpgradeCallback lets through', async () => {
    const { server, taken, port } = await dispatched();
    Object.assign(server, { shouldUpgradeCallback: (req: IncomingMessage) => req.headers.upgrade === 'websocket' });
    await new RawSocket(port).send(request('GET', '/echo', H2C)).until('Welcome to SockJS!');
    assert.equal(taken.size, 0);
    await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
    assert.equal(await taken.next(), true);
  });
});
