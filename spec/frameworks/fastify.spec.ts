/** Fastify: SockJS as middleware of @fastify/express, and beside Fastify on one server, by `upgradeHandler`. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import fastifyExpress from '@fastify/express';
import fastify, { type FastifyInstance } from 'fastify';
import { attachUpgrade, type SockjsRouter, sockjs, upgradeHandler } from '../../lib/index.ts';
import { ALL_NAMES, converse, echoUntilBye, http1 } from '../neighbours/support/peer.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText } from '../support/http.ts';

/** Listens, and is closed by Fastify itself. */
async function start(app: FastifyInstance): Promise<string> {
  app.get('/hello', async () => ({ hello: 'Fastify' }));
  afterTest(() => app.close());
  return app.listen({ port: 0, host: '127.0.0.1' });
}

const endpoint = (prefix = ''): SockjsRouter => sockjs({ rawWebsocket: true, prefix }, echoUntilBye);

/** As docs/guide/fastify.md has them. */
const mountings: readonly [string, () => Promise<FastifyInstance>][] = [
  [
    'as middleware of @fastify/express',
    async () => {
      const app = fastify({ forceCloseConnections: true });
      await app.register(fastifyExpress);
      app.use('/echo', endpoint());
      attachUpgrade(app.server);
      return app;
    },
  ],
  [
    'as middleware of @fastify/express, with upgrades by upgradeHandler',
    async () => {
      const app = fastify({ forceCloseConnections: true });
      await app.register(fastifyExpress);
      app.use('/echo', endpoint());
      app.server.on('upgrade', upgradeHandler(app.server));
      return app;
    },
  ],
  [
    'beside Fastify',
    async () => {
      const router = endpoint('/echo');
      const app = fastify({
        forceCloseConnections: true,
        serverFactory: (handler) => createServer((req, res) => router(req, res, () => handler(req, res))),
      });
      app.server.on('upgrade', upgradeHandler(router));
      return app;
    },
  ],
];

describe('Fastify', () => {
  for (const [title, mount] of mountings) {
    for (const transport of ALL_NAMES) {
      it(`carries a session over ${transport}, ${title}`, async () => {
        await converse(http1(await start(await mount())), transport);
      });
    }

    it(`answers all other requests, ${title}`, async () => {
      const origin = await start(await mount());
      assert.deepEqual(JSON.parse((await fetchText(`${origin}/hello`)).body), { hello: 'Fastify' });
      assert.equal((await fetchText(`${origin}/echo/unknown/route`)).status, 404);
      assert.equal((await fetchText(`${origin}/nothing`)).status, 404);
    });
  }
});
