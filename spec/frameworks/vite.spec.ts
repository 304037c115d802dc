/** Vite in middleware mode: its modules, its page and its WebSocket for hot updates, and SockJS, on one server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { createServer as createVite, type ViteDevServer } from 'vite';
import { WebSocket } from 'ws';
import { attachUpgrade, sockjs, upgradeHandler } from '../../lib/index.ts';
import { ALL_NAMES, converse, echoUntilBye, http1 } from '../neighbours/support/peer.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText } from '../support/http.ts';
import { listen } from '../support/test-server.ts';

const PAGE = '<!doctype html><title>Chat</title><script type="module" src="/chat.js"></script>';

/** Vite with a page of its own, which it serves for all paths that nothing else answers. */
async function viteOn(server: Server): Promise<ViteDevServer> {
  const root = await mkdtemp(join(tmpdir(), 'express-sockjs-vite-'));
  afterTest(() => rm(root, { recursive: true, force: true }));
  await writeFile(join(root, 'index.html'), PAGE);
  await writeFile(join(root, 'chat.js'), 'export const answer = 42;');
  const vite = await createVite({
    root,
    configFile: false,
    envDir: false,
    cacheDir: join(root, 'cache'),
    appType: 'spa',
    logLevel: 'silent',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: { server } },
  });
  afterTest(() => vite.close());
  return vite;
}

/** As docs/guide/vite.md has it: SockJS in front, since Vite answers all other paths by the page. */
async function start(upgrades: 'attachUpgrade' | 'upgradeHandler'): Promise<{ origin: string; vite: ViteDevServer }> {
  const app = express();
  const server = createServer(app);
  const vite = await viteOn(server);
  app.use('/echo', sockjs({ rawWebsocket: true }, echoUntilBye));
  app.use(vite.middlewares);
  if (upgrades === 'attachUpgrade') {
    attachUpgrade(server);
  } else {
    const handleUpgrade = upgradeHandler(app);
    server.on('upgrade', (req, socket, head) => {
      if (req.url?.startsWith('/echo/')) {
        handleUpgrade(req, socket, head);
      }
    });
  }
  return { origin: (await listen(server)).origin, vite };
}

/** A page's connection for hot updates, as far as the greeting. */
async function hotClient(origin: string, vite: ViteDevServer): Promise<AsyncQueue<unknown>> {
  const url = `${origin.replace('http', 'ws')}/?token=${vite.config.webSocketToken}`;
  const client = new WebSocket(url, 'vite-hmr', { origin });
  afterTest(() => client.terminate());
  const messages = new AsyncQueue<unknown>();
  client.on('message', (data) => messages.push(JSON.parse(String(data))));
  await once(client, 'open');
  assert.deepEqual(await messages.next(), { type: 'connected' });
  return messages;
}

describe('Vite in middleware mode', () => {
  for (const upgrades of ['attachUpgrade', 'upgradeHandler'] as const) {
    for (const transport of ALL_NAMES) {
      it(`lets a session over ${transport} pass, and tells pages of updates, with ${upgrades}`, async () => {
        const { origin, vite } = await start(upgrades);
        const updates = await hotClient(origin, vite);
        await converse(http1(origin), transport);
        vite.ws.send({ type: 'full-reload', path: '*' });
        assert.deepEqual(await updates.next(), { type: 'full-reload', path: '*' });
      });
    }

    it(`serves its page and modules, with ${upgrades}`, async () => {
      const { origin } = await start(upgrades);
      assert.match((await fetchText(`${origin}/chat.js`)).body, /answer = 42/);
      const { status, body } = await fetchText(`${origin}/any/path`, 'GET', { headers: { accept: 'text/html' } });
      assert.equal(status, 200);
      assert.match(body, /@vite\/client[\s\S]*Chat/);
    });
  }
});
