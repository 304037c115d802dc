/** Frameworks, places in them, and servers of every kind: each carries a whole session over every transport. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect as connectHttp2, createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import 'reflect-metadata';
import { type INestApplication, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import connect from 'connect';
import express from 'express';
import { attachUpgrade, type SessionHandler, type SockjsRouter, sockjs, type TransportName } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText, post } from '../support/http.ts';
import { express4, MOUNTINGS, serveMounted } from '../support/mountings.ts';
import { listen } from '../support/test-server.ts';
import { TLS } from '../support/tls-certificate.ts';
import {
  ALL_NAMES,
  converse,
  echoUntilBye,
  HTTP_NAMES,
  http1,
  http2,
  openPeer,
  serveUpgradable,
  textOf,
  WEBSOCKET_NAMES,
} from './support/peer.ts';

/** What Express adds to a request that a test looks at. */
interface Routed extends IncomingMessage {
  readonly params?: object;
  readonly baseUrl?: string;
  readonly originalUrl?: string;
}

const OPTIONS = { rawWebsocket: true };
const LIBRARIES: readonly [string, typeof express][] = [
  ['Express 5', express],
  ['Express 4', express4],
];

describe('mounting', () => {
  for (const mounting of MOUNTINGS) {
    describe(mounting.title, () => {
      for (const transport of ALL_NAMES) {
        it(`carries a session over ${transport}`, async () => {
          const params = new AsyncQueue<unknown>();
          const { origin } = await serveMounted(mounting, OPTIONS, (session) => {
            params.push((session.request as Routed).params);
            return echoUntilBye(session);
          });
          await converse(http1(origin), transport, { base: mounting.base });
          // Without the prototype that Express gives them.
          const seen = await params.next();
          assert.deepEqual(seen && { ...seen }, mounting.params);
        });
      }
    });
  }

  for (const [name, library] of LIBRARIES) {
    describe(`parameters of the mount path in ${name}`, () => {
      for (const transport of ALL_NAMES) {
        it(`are on session.request over ${transport}, each room its own`, async () => {
          const requests = new AsyncQueue<Routed>();
          const app = library().use(
            '/:room/echo',
            sockjs<unknown, Routed>(OPTIONS, (session) => {
              requests.push(session.request);
              return echoUntilBye(session);
            }),
          );
          const { httpClient } = await serveUpgradable(app);
          for (const [path, room] of [
            ['/blue', 'blue'],
            ['/gr%C3%BCn%2F1', 'grün/1'],
          ]) {
            await converse(httpClient, transport, { base: `${path}/echo`, id: `in-${room?.length}` });
            const { params } = await requests.next();
            assert.deepEqual({ ...params }, { room });
          }
        });
      }
    });

    describe(`two endpoints in one app of ${name}`, () => {
      for (const transport of ALL_NAMES) {
        it(`keep sessions of one id apart over ${transport}`, async () => {
          const replier =
            (prefix: string): SessionHandler =>
            (session) => {
              session.on('message', (message) => session.send(prefix + message));
            };
          const [upper, lower] = [sockjs(OPTIONS, replier('upper ')), sockjs(OPTIONS, replier('lower '))];
          const app = library().use('/upper', upper).use('/lower', lower);
          const { httpClient } = await serveUpgradable(app);
          const peers = [
            await openPeer(httpClient, transport, { base: '/upper' }),
            await openPeer(httpClient, transport, { base: '/lower' }),
          ] as const;
          for (const peer of peers) {
            await peer.send('x');
          }
          assert.deepEqual([await peers[0].next(), await peers[1].next()], ['upper x', 'lower x']);
          const closing = upper.close();
          assert.deepEqual(await peers[0].closed(), { code: 1001, reason: 'Server shutting down' });
          await closing;
          await peers[1].send('still here');
          assert.equal(await peers[1].next(), 'lower still here');
        });
      }
    });
  }
});

describe('NestJS on Express', () => {
  class App {}
  Module({})(App);

  /** Started as an application does it, listening, and closed by Nest itself. */
  async function start(nest: INestApplication): Promise<string> {
    attachUpgrade(nest.getHttpServer());
    await nest.listen(0, '127.0.0.1');
    afterTest(() => nest.close());
    return nest.getUrl();
  }

  const create = (module: new () => unknown = App) =>
    NestFactory.create<NestExpressApplication>(module, { logger: false, forceCloseConnections: true });

  const mountings: readonly [string, (router: SockjsRouter) => Promise<INestApplication>][] = [
    [
      'app.use()',
      async (router) => {
        const nest = await create();
        return nest.use('/echo', router);
      },
    ],
    [
      'app.use() behind the body parsers of Nest',
      async (router) => {
        const nest = await create();
        nest.useBodyParser('json').useBodyParser('urlencoded', { extended: true }).useBodyParser('text');
        return nest.use('/echo', router);
      },
    ],
    [
      'the Express app of its adapter',
      async (router) => {
        const nest = await create();
        nest.getHttpAdapter().getInstance().use('/echo', router);
        return nest;
      },
    ],
    [
      'an Express app given to it',
      async (router) => {
        const app = express().use('/echo', router);
        return NestFactory.create(App, new ExpressAdapter(app), { logger: false, forceCloseConnections: true });
      },
    ],
  ];
  for (const [title, mount] of mountings) {
    for (const transport of ALL_NAMES) {
      it(`carries a session over ${transport}, mounted by ${title}`, async () => {
        const origin = await start(await mount(sockjs(OPTIONS, echoUntilBye)));
        await converse(http1(origin), transport);
      });
    }
  }

  for (const transport of ALL_NAMES) {
    it(`carries a session over ${transport}, as middleware of a module`, async () => {
      class WithMiddleware implements NestModule {
        configure(consumer: MiddlewareConsumer): void {
          consumer.apply(sockjs(OPTIONS, echoUntilBye)).forRoutes('/echo');
        }
      }
      Module({})(WithMiddleware);
      const origin = await start(await create(WithMiddleware));
      await converse(http1(origin), transport);
    });
  }

  it('answers requests beside the endpoint with its own 404', async () => {
    const nest = await create();
    const origin = await start(nest.use('/echo', sockjs(OPTIONS, echoUntilBye)));
    const { status, body } = await fetchText(`${origin}/echo/unknown`);
    assert.equal(status, 404);
    assert.equal(JSON.parse(body).message, 'Cannot GET /echo/unknown');
  });
});

describe('servers', () => {
  const listeners: readonly [string, () => RequestListener][] = [
    ['the router itself', () => sockjs({ ...OPTIONS, prefix: '/echo' }, echoUntilBye)],
    ['Express 5', () => express().use('/echo', sockjs(OPTIONS, echoUntilBye))],
    ['Express 4', () => express4().use('/echo', sockjs(OPTIONS, echoUntilBye))],
    ['Connect', () => connect().use('/echo', sockjs(OPTIONS, echoUntilBye))],
  ];
  const kinds: readonly [string, string, (listener: RequestListener) => Server][] = [
    ['http', 'http', (listener) => createServer(listener)],
    ['https', 'https', (listener) => createHttpsServer(TLS, listener)],
    ['http2 that allows HTTP/1, spoken to in HTTP/1.1,', 'https', secureHttp2],
  ];
  for (const [listenerTitle, listener] of listeners) {
    for (const [title, scheme, create] of kinds) {
      for (const transport of ALL_NAMES) {
        it(`${title} with ${listenerTitle} carries a session over ${transport}`, async () => {
          const server = create(listener());
          attachUpgrade(server);
          const { port } = await listen(server);
          const httpClient = http1(`${scheme}://127.0.0.1:${port}`, scheme === 'https' ? TLS.cert : undefined);
          await converse(httpClient, transport);
        });
      }
    }
  }

  describe('http2 that allows HTTP/1, with the router itself', () => {
    async function serveBoth() {
      const server = secureHttp2(sockjs({ ...OPTIONS, prefix: '/echo' }, echoUntilBye));
      attachUpgrade(server);
      const { port } = await listen(server);
      const origin = `https://127.0.0.1:${port}`;
      const client = connectHttp2(origin, { ca: TLS.cert });
      client.on('error', () => {});
      afterTest(() => {
        client.destroy();
      });
      return { over2: http2(client, origin), over1: http1(origin, TLS.cert) };
    }

    for (const transport of HTTP_NAMES) {
      it(`carries a session over ${transport} in HTTP/2`, async () => {
        const { over2 } = await serveBoth();
        await converse(over2, transport);
      });
    }

    it('carries all HTTP transports on one connection at once, and WebSockets beside it', async () => {
      const { over1, over2 } = await serveBoth();
      await Promise.all([
        ...HTTP_NAMES.map((transport) => converse(over2, transport, { id: transport })),
        ...WEBSOCKET_NAMES.map((transport) => converse(over1, transport)),
      ]);
    });

    it('answers /info and the iframe page in HTTP/2, without a header that is forbidden there', async () => {
      const { over2 } = await serveBoth();
      for (const path of ['/echo', '/echo/info', '/echo/iframe.html']) {
        const reply = await over2.request('GET', path);
        assert.equal(reply.status, 200, path);
        assert.equal(reply.headers.connection, undefined, path);
        assert.notEqual(await textOf(reply), '', path);
      }
    });

    it('has a session opened in HTTP/2 go on in HTTP/1.1', async () => {
      const { over1, over2 } = await serveBoth();
      const peer = await openPeer(over2, 'xhr-polling', { id: 'moves' });
      const sent = await over1.request('POST', '/echo/0/moves/xhr_send', {}, '["from elsewhere"]');
      assert.equal(sent.status, 204);
      assert.equal(await peer.next(), 'from elsewhere');
    });
  });
});

describe('a server with endpoints of several frameworks', () => {
  it('carries a session at each, over every transport', async () => {
    const outer = connect();
    outer.use('/express5', express().use('/echo', sockjs(OPTIONS, echoUntilBye)));
    outer.use('/express4', express4().use('/echo', sockjs(OPTIONS, echoUntilBye)));
    outer.use('/connect', connect().use('/echo', sockjs(OPTIONS, echoUntilBye)));
    outer.use('/bare', sockjs({ ...OPTIONS, prefix: '/echo' }, echoUntilBye));
    const { httpClient, origin } = await serveUpgradable(outer);
    for (const base of ['/express5/echo', '/express4/echo', '/connect/echo', '/bare/echo']) {
      for (const transport of ALL_NAMES satisfies readonly TransportName[]) {
        await converse(httpClient, transport, { base, id: `${base.length}-${transport}` });
      }
    }
    assert.equal((await post(`${origin}/nowhere/echo/0/s/xhr`)).status, 404);
  });
});

/** A server for both; to Node's types its requests are of another class, to what listens they are not. */
function secureHttp2(listener: RequestListener): Server {
  const server: Http2SecureServer = createSecureServer({ ...TLS, allowHTTP1: true }, listener as never);
  return server as unknown as Server;
}
