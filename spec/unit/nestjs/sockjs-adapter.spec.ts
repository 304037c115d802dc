import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import express from 'express';
import type { Session } from '../../../lib/index.ts';
import { type NestApplication, SockjsAdapter } from '../../../lib/nestjs/sockjs-adapter.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { listen } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

/** What the adapter takes for a Nest application, on Express. */
function application(): NestApplication & { readonly server: Server } {
  const app = express();
  const server = createServer(app);
  return { use: (middleware) => app.use(middleware as never), getHttpServer: () => server, server };
}

/** Calls the constructor with what its types forbid. */
function make(app: unknown): unknown {
  return Reflect.construct(SockjsAdapter, [app]);
}

describe('SockjsAdapter', () => {
  for (const [what, app] of [
    ['nothing', undefined],
    ['a server', createServer()],
    ['an Express app', express()],
  ] as const) {
    it(`throws for ${what} in place of a Nest application`, () => {
      assert.throws(() => make(app), {
        name: 'TypeError',
        message:
          'sockjs: SockjsAdapter takes the Nest application; write app.useWebSocketAdapter(new SockjsAdapter(app))',
      });
    });
  }

  it('tells all gateways of a path of each session, and of its end', async () => {
    const nest = application();
    const adapter = new SockjsAdapter(nest, { rawWebsocket: true });
    const router = adapter.create(0, { path: '/chat' });
    const seen = new AsyncQueue<unknown>();
    for (const gateway of ['first', 'second']) {
      adapter.bindClientConnect(router, (session) => {
        seen.push([gateway, session]);
        adapter.bindClientDisconnect(session, ({ code }) => seen.push([gateway, code]));
      });
    }
    const { origin } = await listen(nest.server);
    const client = new WebSocketClient(origin, '/chat/websocket');
    await client.opened;
    const [session] = [...router.sessions];
    assert.deepEqual(
      [await seen.next(), await seen.next()],
      [
        ['first', session],
        ['second', session],
      ],
    );
    client.socket.close(3001);
    assert.deepEqual(
      [await seen.next(), await seen.next()],
      [
        ['first', 3001],
        ['second', 3001],
      ],
    );
  });

  it('tells the client of an exception once, however many gateways its path has', async () => {
    const nest = application();
    const adapter = new SockjsAdapter(nest, { rawWebsocket: true });
    const router = adapter.create(0);
    for (const _ of ['first', 'second']) {
      adapter.bindClientConnect(router, (session) =>
        adapter.bindMessageHandlers(session, [], () => assert.fail('no method is there')),
      );
    }
    const { origin } = await listen(nest.server);
    const client = new WebSocketClient(origin, '/sockjs/websocket');
    await client.opened;
    const [session] = [...router.sessions];
    (session as { emit(event: string, payload: unknown): unknown } | undefined)?.emit('exception', 'once');
    session?.send('next');
    assert.equal(await client.next(), '{"event":"exception","data":"once"}');
    assert.equal(await client.next(), 'next');
  });

  it('closes a client that came too early with 1013', async () => {
    const nest = application();
    const adapter = new SockjsAdapter(nest, { rawWebsocket: true });
    adapter.bindClientConnect(adapter.create(0), (session: Session) => adapter.closeClient(session));
    const { origin } = await listen(nest.server);
    const client = new WebSocketClient(origin, '/sockjs/websocket');
    assert.deepEqual(await client.closed, { code: 1013, reason: 'Server is starting' });
  });

  it('leaves no listener for upgrades on the server once it is disposed of', async () => {
    const nest = application();
    const adapter = new SockjsAdapter(nest);
    const routers = [adapter.create(0, { path: '/a' }), adapter.create(0, { path: '/b' })];
    assert.equal(nest.server.listenerCount('upgrade'), 1);
    for (const router of routers) {
      await adapter.close(router);
    }
    await adapter.dispose();
    assert.equal(nest.server.listenerCount('upgrade'), 0);
  });
});
