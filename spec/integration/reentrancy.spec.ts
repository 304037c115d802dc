/** Applications that call the package from within its own calls, and engines that call at an unexpected time. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { post, Stream } from '../support/http.ts';
import { serveRouter } from '../support/routed-server.ts';

describe('An abort listener', () => {
  it('may leave a room after the client has broken off', async () => {
    let left: boolean | undefined;
    const { url, next } = await serveRouter(
      {},
      {
        onSession: (session) => {
          session.join('room');
          session.signal.addEventListener('abort', () => {
            left = session.leave('room');
          });
        },
      },
    );
    const stream = new Stream(`${url}/0/s/xhr_streaming`, 'POST');
    const session = await next();
    await stream.response;
    const closed = once(session, 'close');
    stream.abort();
    await closed;
    assert.equal(left, true);
    assert.deepEqual([...session.rooms], []);
  });

  it('may call router.close() while that closes all sessions', async () => {
    const { url, router } = await serveRouter(
      {},
      {
        onSession: (session) =>
          session.signal.addEventListener('abort', () => {
            void router.close({ timeout: 50 });
          }),
      },
    );
    await post(`${url}/0/a/xhr`);
    await post(`${url}/0/b/xhr`);
    assert.deepEqual(await router.close({ timeout: 50 }), { closed: 2, flushed: 0, dropped: 2 });
  });
});

describe('An upgrade that waits for verifyClient', () => {
  for (const again of ['twice', 'within a subscriber of sockjs:rejected']) {
    it(`is counted once where the router closes ${again}`, async () => {
      let asked = () => {};
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const { origin, router } = await serveRouter({
        // With two parameters, ws waits for the second to be called.
        websocketServer: { verifyClient: (_info: unknown, _done: unknown) => asked() },
      });
      const client = new WebSocket(`${origin.replace('http', 'ws')}/echo/0/s/websocket`);
      const failed = once(client, 'unexpected-response');
      client.on('error', () => {});
      await isAsked;
      const listener = () => void router.close();
      if (again !== 'twice') {
        subscribe('sockjs:rejected', listener);
      }
      void router.close();
      void router.close();
      unsubscribe('sockjs:rejected', listener);
      await failed;
      assert.deepEqual(router.stats().rejected, { closing: 1 });
    });
  }
});

describe('An engine that calls back after its connection has closed', () => {
  it('opens no session and throws nothing', async () => {
    let called: () => void = () => {};
    const isCalled = new Promise<void>((resolve) => {
      called = resolve;
    });
    class LateEngine extends WebSocketServer {
      override handleUpgrade(
        request: IncomingMessage,
        socket: Duplex,
        _head: Buffer,
        callback: (client: WebSocket, request: IncomingMessage) => void,
      ): void {
        socket.destroy();
        socket.once('close', () => {
          const webSocket = Reflect.construct(WebSocket, [null, undefined, this.options]) as WebSocket;
          callback(webSocket, request);
          called();
        });
      }
    }
    const { origin, router } = await serveRouter({ websocketServer: new LateEngine({ noServer: true }) });
    const client = new WebSocket(`${origin.replace('http', 'ws')}/echo/0/s/websocket`);
    client.on('error', () => {});
    await isCalled;
    assert.deepEqual([router.sessions.size, router.stats().opened, router.stats().rejected], [0, 0, {}]);
  });
});
