/** Listeners that this package prepends, since they have to run before others (docs/internals/bypasses.md). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { handshake, post, RawSocket } from '../../support/http.ts';
import { serve, sessionCatcher } from '../../support/test-server.ts';
import { serverFrame } from '../../support/upgrade-client.ts';

describe('a poll', () => {
  it('has reached its client where middleware destroys the connection when the response has finished', async () => {
    const { onSession, next } = sessionCatcher();
    const { origin } = await serve({}, onSession, {
      before: (app) =>
        app.use((req, res, proceed) => {
          res.on('finish', () => req.socket.destroy());
          proceed();
        }),
    });
    const url = `${origin}/echo/000/poll/xhr`;
    assert.equal((await post(url)).body, 'o\n');
    const session = await next();
    session.send('x');
    assert.equal((await post(url)).body, 'a["x"]\n');
    assert.equal(session.state, 'active');
  });
});

describe('a WebSocket whose client ends its side without a close frame', () => {
  for (const [path, frame] of [
    ['/echo/000/end/websocket', 'a["last"]'],
    ['/echo/websocket', 'last'],
  ] as const) {
    it(`sends what the application has sent before ws ends the other side: ${path}`, async () => {
      const { onSession, next } = sessionCatcher();
      const { port } = await serve({ rawWebsocket: true, heartbeatDelay: 0 }, onSession);
      const raw = new RawSocket(port).send(...handshake(path));
      const session = await next();
      const closed = once(session, 'close');
      session.request.socket.prependListener('end', () => session.send('last'));
      raw.socket.end();
      assert.ok((await raw.closed).endsWith(serverFrame(1, frame)));
      assert.deepEqual(await closed, [{ code: 1006, reason: '', wasClean: false }]);
    });
  }
});

describe('the connection of a WebSocket', () => {
  it('has no more listeners for its end than with ws alone', async () => {
    const { onSession, next } = sessionCatcher();
    const { port } = await serve({ heartbeatDelay: 0 }, onSession);
    new RawSocket(port).send(...handshake('/echo/000/listeners/websocket'));
    const { request } = await next();
    // The other one is that of Node.
    assert.equal(request.socket.listenerCount('end'), 2);
  });
});
