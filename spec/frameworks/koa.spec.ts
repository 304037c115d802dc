/** Koa: SockJS in front of the application on one server, and as middleware of it. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import Koa from 'koa';
import { attachUpgrade, sockjs, upgradeHandler } from '../../lib/index.ts';
import { ALL_NAMES, converse, echoUntilBye, http1 } from '../neighbours/support/peer.ts';
import { fetchText } from '../support/http.ts';
import { listen } from '../support/test-server.ts';

const router = () => sockjs({ rawWebsocket: true, prefix: '/echo' }, echoUntilBye);

/** Middleware of the application, which all of its requests pass. */
function application(): Koa {
  return new Koa().use(async (ctx, next) => {
    ctx.set('X-Seen', 'by Koa');
    await next();
  });
}

function hello(app: Koa): Koa {
  return app.use((ctx) => {
    if (ctx.path === '/hello') {
      ctx.body = 'Hello from Koa';
    }
  });
}

/** As docs/guide/koa.md has it. */
function mounted(): Koa {
  const endpoint = router();
  const app = application();
  app.use(async (ctx, next) => {
    ctx.respond = false;
    const isOther = await new Promise<boolean>((resolve, reject) => {
      ctx.res.once('close', () => resolve(false));
      endpoint(ctx.req, ctx.res, (error) => (error === undefined ? resolve(true) : reject(error)));
    });
    if (isOther) {
      ctx.respond = true;
      await next();
    }
  });
  return hello(app);
}

const mountings: readonly [string, string | undefined, () => Server][] = [
  [
    'in front of Koa',
    undefined,
    () => {
      const endpoint = router();
      const handle = hello(application()).callback();
      const server = createServer((req, res) => endpoint(req, res, () => void handle(req, res)));
      attachUpgrade(server);
      return server;
    },
  ],
  [
    'as middleware of Koa',
    'by Koa',
    () => {
      const server = createServer(mounted().callback());
      attachUpgrade(server);
      return server;
    },
  ],
  [
    'as middleware of Koa, with upgrades by upgradeHandler',
    'by Koa',
    () => {
      const callback = mounted().callback();
      return createServer(callback).on('upgrade', upgradeHandler(callback));
    },
  ],
];

describe('Koa', () => {
  for (const [title, seen, serve] of mountings) {
    for (const transport of ALL_NAMES) {
      it(`carries a session over ${transport}, ${title}`, async () => {
        const { origin } = await listen(serve());
        const { headers } = await converse(http1(origin), transport);
        assert.equal(headers['x-seen'], seen);
      });
    }

    it(`answers all other requests, ${title}`, async () => {
      const { origin } = await listen(serve());
      assert.equal((await fetchText(`${origin}/hello`)).body, 'Hello from Koa');
      assert.equal((await fetchText(`${origin}/nothing`)).status, 404);
      const { status, headers } = await fetchText(`${origin}/echo/unknown/route`);
      assert.deepEqual([status, headers['x-seen']], [404, 'by Koa']);
    });
  }
});
