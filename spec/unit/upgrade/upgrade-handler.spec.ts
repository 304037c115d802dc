/** `upgradeHandler()`: what it takes, that it answers every upgrade, and that it changes nothing on a server. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createNetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import connect from 'connect';
import express from 'express';
import { type AttachUpgradeOptions, attachUpgrade, sockjs, upgradeHandler } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { fetchText, handshake, RawSocket } from '../../support/http.ts';
import { express4 } from '../../support/mountings.ts';
import { echo, listen, sessionCatcher } from '../../support/test-server.ts';
import { catchUncaught } from '../../support/uncaught.ts';
import { parseAnswer, ServerSockets, serverFrame } from '../../support/upgrade-client.ts';
import {
  appWith,
  H2C,
  otherListener,
  pausingMiddleware,
  request,
  type UpgradeListener,
} from '../../support/upgrade-server.ts';

const PATH = '/echo/000/ws/websocket';

/** Serves a listener, whose upgrades go to a handler that is made of the server or the listener. */
async function handled(
  listener: RequestListener,
  { of = 'listener', ...options }: { of?: 'listener' | 'server' } & AttachUpgradeOptions = {},
) {
  const server = createServer(listener);
  server.on('upgrade', upgradeHandler(of === 'server' ? server : listener, options));
  return { sockets: new ServerSockets(server), ...(await listen(server)) };
}

/** What a call may change on a server. */
function traces(server: Server) {
  return {
    keys: Reflect.ownKeys(server),
    values: Reflect.ownKeys(server).map((key) => Reflect.get(server, key)),
    emit: server.emit,
    listeners: server.eventNames().map((name) => [name, server.listeners(name)]),
  };
}

describe('upgradeHandler()', () => {
  for (const [title, given] of [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'app'],
    ['the options of a server', { port: 8080 }],
    ['an app as those of NestJS', { listen() {}, getHttpServer() {} }],
    ['an app as those of Koa', { listen() {}, on() {}, emit() {}, callback() {} }],
    ['an app as those of Fastify', { listen() {}, server: createServer(), addresses() {} }],
  ] as const) {
    it(`throws a TypeError that shows the right calls when given ${title}`, () => {
      assert.throws(() => upgradeHandler(given as unknown as Server), {
        name: 'TypeError',
        message:
          'sockjs: upgradeHandler() takes a server, an Express or Connect app, or another request listener; ' +
          "write server.on('upgrade', upgradeHandler(app)), in NestJS upgradeHandler(app.getHttpServer()), " +
          'in Koa upgradeHandler(app.callback()), in Fastify upgradeHandler(app.server)',
      });
    });
  }

  for (const given of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 31, '10', null]) {
    it(`throws a RangeError that names upgradeTimeout when it is ${String(given)} (${typeof given})`, () => {
      assert.throws(() => upgradeHandler(express(), { upgradeTimeout: given as number }), {
        name: 'RangeError',
        message: new RegExp(`"upgradeTimeout" is ${String(given)}; it must be a number of ms`),
      });
    });
  }

  for (const [title, create] of [
    ['an Express 5 app', () => express().use('/echo', sockjs(echo))],
    ['an Express 4 app', () => express4().use('/echo', sockjs(echo))],
    ['a Connect app', () => connect().use('/echo', sockjs(echo))],
    ['a router with a prefix', () => sockjs({ prefix: '/echo' }, echo)],
  ] as const) {
    for (const of of ['listener', 'server'] as const) {
      it(`opens WebSockets of ${title}, given the ${of}`, async () => {
        const { port } = await handled(create() as RequestListener, { of });
        await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
      });
    }
  }

  it('changes nothing on a server, and needs no server to be made', () => {
    const app = express();
    const server = createServer(app);
    const before = traces(server);
    upgradeHandler(server);
    upgradeHandler(app);
    assert.deepEqual(traces(server), before);
  });

  it('runs an upgrade through the middleware of the app, whose headers are on the 101', async () => {
    const { port } = await handled(
      appWith((_req, res, next) => {
        res.setHeader('X-By', 'middleware');
        next();
      }),
    );
    const { headers } = parseAnswer(await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o')));
    assert.equal(headers.includes('x-by: middleware'), true);
  });

  for (const of of ['listener', 'server'] as const) {
    for (const path of ['/nowhere/websocket', '/nowhere', '/socket.io/?a=/websocket']) {
      it(`sends the client the 404 of the app for ${path}, given the ${of}, beside other listeners`, async () => {
        const { server, port, sockets } = await handled(express().set('env', 'test'), { of });
        server.on('upgrade', () => {});
        const { status, headers, rest } = parseAnswer(await new RawSocket(port).send(...handshake(path)).closed);
        assert.equal(status, 'HTTP/1.1 404 Not Found');
        assert.equal(headers.includes('Connection: close'), true);
        assert.match(rest, /Cannot GET/);
        await sockets.gone();
      });
    }

    it(`answers 503 after upgradeTimeout, given the ${of}`, async () => {
      const clock = stopClock();
      const { middleware, next } = pausingMiddleware();
      const { port, sockets } = await handled(middleware as RequestListener, { of, upgradeTimeout: 50 });
      const raw = new RawSocket(port).send(...handshake('/any'));
      await next();
      clock.tick(49);
      await turn();
      assert.equal(sockets.count, 1);
      clock.tick(1);
      assert.match(await raw.closed, /^HTTP\/1.1 503 Service Unavailable\r\n/);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });
  }

  it('given a server, runs the listeners that it has when the upgrade comes', async () => {
    const server = createServer();
    server.on('upgrade', upgradeHandler(server));
    server.on('request', sockjs({ prefix: '/echo' }, echo));
    const { port } = await listen(server);
    await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
  });

  describe('an application that throws', () => {
    /** Calls the handler as a dispatcher that catches what it throws. */
    async function catching(listener: RequestListener, options?: AttachUpgradeOptions) {
      const errors: unknown[] = [];
      const server = createServer(listener);
      const handle = upgradeHandler(server, options);
      server.on('upgrade', (...args) => {
        try {
          handle(...args);
        } catch (error) {
          errors.push(error);
        }
      });
      return { errors, sockets: new ServerSockets(server), ...(await listen(server)) };
    }

    it('throws to the dispatcher, and the client gets 503 after upgradeTimeout', async () => {
      const clock = stopClock();
      const { errors, port, sockets } = await catching(() => {
        throw new Error('of the application');
      });
      const raw = new RawSocket(port).send(...handshake(PATH));
      while (errors.length === 0) {
        await turn();
      }
      clock.tick(10_000);
      assert.match(await raw.closed, /^HTTP\/1.1 503 /);
      assert.match(String(errors[0]), /of the application/);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    it('throws to the dispatcher, and a client that leaves is forgotten', async () => {
      const clock = stopClock();
      const { errors, port, sockets } = await catching(() => {
        throw new Error('of the application');
      });
      const raw = new RawSocket(port).send(...handshake(PATH));
      while (errors.length === 0) {
        await turn();
      }
      raw.socket.end();
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    it('leaves no connection open whose client has sent much, where the process goes on', async () => {
      const errors = new AsyncQueue<unknown>();
      catchUncaught((error) => errors.push(error));
      const passed = new AsyncQueue<() => void>();
      const server = createServer(() => {
        throw new Error('of the application');
      });
      const handle = upgradeHandler(server);
      server.on('upgrade', (req, socket: Duplex, head) => {
        socket.on('error', () => {});
        passed.push(() => handle(req, socket, head));
      });
      const sockets = new ServerSockets(server);
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(request('GET', '/', H2C));
      const pass = await passed.next();
      const socket = await sockets.next();
      raw.send('x'.repeat(200_000));
      while (socket.readableLength < socket.readableHighWaterMark) {
        await turn();
      }
      pass();
      assert.match(String(await errors.next()), /of the application/);
      raw.socket.resetAndDestroy();
      await sockets.gone();
    });

    it('gets 500 where it is an Express app', async () => {
      const { errors, port } = await catching(
        appWith(() => {
          throw new Error('of the application');
        }),
      );
      assert.match(await new RawSocket(port).send(...handshake(PATH)).closed, /^HTTP\/1.1 500 /);
      assert.deepEqual(errors, []);
    });
  });

  describe('an upgrade that several listeners get', () => {
    const twice = (handler: UpgradeListener) => (server: Server) =>
      server.on('upgrade', handler).on('upgrade', handler);

    for (const [title, join] of [
      ['one handler twice', (server: Server) => twice(upgradeHandler(server))(server)],
      [
        'a handler of the server and one of the listener',
        (server: Server, listener: RequestListener) => {
          server.on('upgrade', upgradeHandler(server));
          server.on('upgrade', upgradeHandler(listener));
        },
      ],
      [
        'a handler before attachUpgrade()',
        (server: Server) => {
          server.on('upgrade', upgradeHandler(server));
          attachUpgrade(server);
        },
      ],
      [
        'a handler after attachUpgrade()',
        (server: Server) => {
          attachUpgrade(server);
          server.on('upgrade', upgradeHandler(server));
        },
      ],
    ] as const) {
      it(`is taken once: ${title}`, async () => {
        const { onSession, next, count } = sessionCatcher();
        const requests: (string | undefined)[] = [];
        const router = sockjs({ prefix: '/echo' }, onSession);
        const listener: RequestListener = (req, res) => {
          requests.push(req.url);
          router(req, res);
        };
        const server = createServer(listener);
        join(server, listener);
        const { port } = await listen(server);
        const raw = new RawSocket(port).send(...handshake(PATH));
        const received = await raw.until(serverFrame(1, 'o'));
        const session = await next();
        session.send('x');
        await raw.until(serverFrame(1, 'a["x"]'));
        assert.equal(received.split('HTTP/1.1').length, 2);
        assert.equal(count(), 1);
        assert.deepEqual(requests, [PATH]);
      });
    }

    it('is taken once where it waits for an earlier response', async () => {
      const { onSession, next, count } = sessionCatcher();
      const { middleware, next: nextRequest } = pausingMiddleware();
      const app = connect().use('/slow', middleware).use('/echo', sockjs(onSession));
      const server = createServer(app);
      twice(upgradeHandler(app))(server);
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(request('GET', '/slow') + handshake(PATH).join('\r\n'));
      (await nextRequest()).res.end('slow');
      await raw.until(serverFrame(1, 'o'));
      await next();
      await turn();
      assert.equal(count(), 1);
    });

    it('is taken by the handler once attachUpgrade() has got a 404 from the server', async () => {
      const { onSession, next, count } = sessionCatcher();
      const server = createServer(express().set('env', 'test'));
      attachUpgrade(server);
      server.on('upgrade', upgradeHandler(sockjs({ prefix: '/echo' }, onSession)));
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(...handshake(PATH));
      await raw.until(serverFrame(1, 'o'));
      await next();
      assert.equal(count(), 1);
      assert.match(await new RawSocket(port).send(...handshake('/nowhere/websocket')).closed, /^HTTP\/1.1 404 /);
    });

    it('goes to the handler alone where it has the place of a listener of another package', async () => {
      const { listener, seen } = otherListener();
      const server = createServer(sockjs({ prefix: '/echo' }, echo));
      const handle = upgradeHandler(server);
      server.on('upgrade', (req, socket: Duplex, head) => {
        (req.url?.startsWith('/other') ? listener : handle)(req, socket, head);
      });
      const { port } = await listen(server);
      await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
      assert.match(await new RawSocket(port).send(...handshake('/other')).closed, /X-By: other/);
      assert.equal(seen.size, 1);
    });
  });

  describe('a request for another protocol', () => {
    it('goes to the server of its connection, given a listener', async () => {
      const { server, port } = await handled(sockjs({ prefix: '/echo' }, echo));
      server.removeAllListeners('request').on('request', (req, res) => res.end(`at ${req.url}`));
      await new RawSocket(port).send(request('GET', '/x', H2C)).until('at /x');
    });

    /** A server whose dispatcher rewrites the URL of each upgrade, and that answers with what it gets. */
    async function rewriting(rewrite: (url: string) => string): Promise<RawSocket> {
      const server = createServer((req, res) => res.end(`at ${req.url} ${JSON.stringify(req.headers['x-forged'])}`));
      const handle = upgradeHandler(server);
      server.on('upgrade', (req, socket, head) => {
        req.url = rewrite(req.url ?? '');
        handle(req, socket, head);
      });
      const { port } = await listen(server);
      return new RawSocket(port);
    }

    for (const [rest, url] of [
      ['', '/'],
      ['?x', '/?x'],
      ['/x', '/x'],
    ] as const) {
      it(`is served with the URL ${url} where a dispatcher has left ${JSON.stringify(rest)} of it`, async () => {
        const raw = await rewriting((whole) => whole.slice('/svc'.length));
        await raw.send(request('GET', `/svc${rest}`, H2C)).until(`at ${url} undefined`);
      });
    }

    it('gets 400 where a dispatcher has decoded a line end in its URL, which would become a header', async () => {
      const raw = await rewriting(decodeURIComponent);
      raw.send(request('GET', '/a%20HTTP/1.1%0D%0Ax-forged:%20yes%0D%0Ay:', H2C));
      assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 400 Bad Request');
    });

    it('goes to the given server, where that is another one', async () => {
      const inner = createServer((req, res) => res.end(`inner ${req.url}`));
      const outer = createServer((_req, res) => res.end('outer'));
      outer.on('upgrade', upgradeHandler(inner));
      const { port } = await listen(outer);
      const raw = new RawSocket(port).send(request('GET', '/x', H2C));
      await raw.until('inner /x');
      raw.send(request('GET', '/y'));
      await raw.until('inner /y');
    });

    it('gets 431 where the server of its connection may have dropped headers, although the given one would not', async () => {
      const requests: (string | undefined)[] = [];
      const inner = createServer((req, res) => {
        requests.push(req.url);
        req.resume().on('end', () => res.end('inner'));
      });
      const outer = createServer().on('upgrade', upgradeHandler(inner));
      outer.maxHeadersCount = 50;
      const { port } = await listen(outer);
      const body = request('GET', '/smuggled');
      const headers = [...H2C, ...Array.from({ length: 60 }, (_, i) => `a${i}: 1`), `Content-Length: ${body.length}`];
      assert.match(await new RawSocket(port).send(request('POST', '/big', headers, body)).closed, /^HTTP\/1.1 431 /);
      assert.deepEqual(requests, []);
    });

    it('is answered on a connection that a server of another kind has accepted', async () => {
      const server = createServer(sockjs({ prefix: '/echo' }, echo));
      server.on('upgrade', upgradeHandler(server));
      const outer = createNetServer((socket) => server.emit('connection', socket));
      const { port } = await listen(outer as Server);
      await new RawSocket(port).send(request('GET', '/echo', H2C)).until('Welcome to SockJS!');
      await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
    });

    for (const [title, forget] of [
      ['no server', (socket: Socket) => Object.assign(socket, { server: undefined })],
      ['a server that does not speak HTTP', (socket: Socket) => Object.assign(socket, { server: createNetServer() })],
    ] as const) {
      it(`gets 501 where its connection has ${title}, and the process goes on`, async () => {
        const router = sockjs({ prefix: '/echo' }, echo);
        const handle = upgradeHandler(router);
        const server = createServer(router).on('upgrade', (req, socket: Duplex, head) => {
          forget(req.socket);
          handle(req, socket, head);
        });
        const sockets = new ServerSockets(server);
        const { port, origin } = await listen(server);
        const { status } = parseAnswer(await new RawSocket(port).send(request('GET', '/echo', H2C)).closed);
        assert.equal(status, 'HTTP/1.1 501 Not Implemented');
        await sockets.gone();
        assert.equal((await fetchText(`${origin}/echo`)).status, 200);
      });
    }
  });

  it('answers 501 to a CONNECT, which Node would emit again and again', async () => {
    const app = express();
    const server = createServer(app);
    server.on('connect', upgradeHandler(app));
    const sockets = new ServerSockets(server);
    const { port } = await listen(server);
    const lines = ['CONNECT example.com:443 HTTP/1.1', 'Host: example.com:443', 'Upgrade: websocket', '', ''];
    assert.match(await new RawSocket(port).send(...lines).closed, /^HTTP\/1.1 501 /);
    await sockets.gone();
  });

  it('leaves WebSockets open when it is taken off the server, and new ones are not its own', async () => {
    const router = sockjs({ prefix: '/echo' }, echo);
    const handle = upgradeHandler(router);
    const server = createServer(router).on('upgrade', handle);
    const { port } = await listen(server);
    const raw = new RawSocket(port).send(...handshake(PATH));
    await raw.until(serverFrame(1, 'o'));
    server.off('upgrade', handle);
    raw.send('\x81\x85\0\0\0\0["x"]');
    await raw.until(serverFrame(1, 'a["x"]'));
  });
});
