/** The raw WebSocket endpoint: each text is one message, with no SockJS framing either way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionCloseEvent } from '../../../../lib/index.ts';
import { stopClock } from '../../../support/clock.ts';
import { countWrites } from '../../../support/count-writes.ts';
import { fetchText, handshake, RawSocket } from '../../../support/http.ts';
import { serve, sessionCatcher } from '../../../support/test-server.ts';
import { clientFrame, parseAnswer, serverFrame } from '../../../support/upgrade-client.ts';
import { ended, WebSocketClient } from '../../../support/websocket-client.ts';

async function closeOf(session: Session): Promise<SessionCloseEvent> {
  const [event] = (await once(session, 'close')) as [SessionCloseEvent];
  return event;
}

async function open(options: Parameters<typeof serve>[0] = {}) {
  const { onSession, next } = sessionCatcher();
  const { server, origin } = await serve({ rawWebsocket: true, ...options }, onSession);
  const writes = countWrites(server);
  const client = new WebSocketClient(origin, '/echo/websocket');
  const session = await next();
  await client.opened;
  return { client, session, writes };
}

describe('websocket-raw', () => {
  it('sends no open frame, and each message as one text', async () => {
    const { client, session } = await open();
    session.send('x');
    session.send('["y"]');
    session.send('');
    assert.equal(await client.next(), 'x');
    assert.equal(await client.next(), '["y"]');
    assert.equal(await client.next(), '');
  });

  it('has the last messages and the end of the WebSocket leave in one write', async () => {
    const { client, session, writes } = await open();
    assert.equal(writes(), 1);
    session.send('x');
    session.send('y');
    session.close();
    assert.equal(await client.next(), 'x');
    assert.equal(await client.next(), 'y');
    assert.equal(writes(), 2);
  });

  it('takes each text as it is', async () => {
    const { client, session } = await open();
    const texts = ['a', '', '[', '["a"]', '"a"', '\u0000\u2028💩'];
    for (const text of texts) {
      client.send(text);
    }
    for (const text of texts) {
      assert.equal(await session.recv(), text);
    }
  });

  it('shows its name on the session, which has no id', async () => {
    const { session } = await open();
    assert.equal(session.transport, 'websocket-raw');
    assert.equal(session.id, '');
  });

  it('closes with 1003 for a binary message, delivering nothing that comes behind it', async () => {
    const { client, session } = await open();
    const got: string[] = [];
    session.on('message', (message) => {
      got.push(message);
    });
    const end = closeOf(session);
    client.send('good');
    client.socket.send(Buffer.from('a'));
    client.send('too late');
    assert.equal((await client.closed).code, 1003);
    assert.equal((await end).code, 1003);
    assert.deepEqual(got, ['good']);
  });

  for (const [code, reason, sent] of [
    [undefined, undefined, 1000],
    [1001, 'away', 1001],
    [1016, 'kept', 1000],
    [2999, 'kept', 1000],
    [3000, 'Go away!', 3000],
    [4999, '', 4999],
  ] as const) {
    it(`closes the WebSocket with ${sent} for close(${code}), after what was sent before`, async () => {
      const { client, session } = await open();
      const end = closeOf(session);
      session.send('last');
      session.close(code, reason);
      assert.equal(await client.next(), 'last');
      assert.deepEqual(await client.closed, { code: sent, reason: reason ?? 'Normal closure' });
      assert.deepEqual(await end, { code: code ?? 1000, reason: reason ?? 'Normal closure', wasClean: true });
      await assert.rejects(client.next(), /closed with/);
    });
  }

  it('reports how the client closed', async () => {
    const { client, session } = await open();
    client.socket.close(3001, 'bye');
    assert.deepEqual(await closeOf(session), { code: 3001, reason: 'bye', wasClean: true });
  });

  it('reports 1006 when the client breaks off', async () => {
    const { client, session } = await open();
    client.socket.terminate();
    assert.deepEqual(await closeOf(session), { code: 1006, reason: '', wasClean: false });
  });

  it('sends a WebSocket ping as heartbeat, and no text', async () => {
    const clock = stopClock();
    const { client, session } = await open({ heartbeatDelay: 1000 });
    for (let i = 0; i < 2; i += 1) {
      const ping = once(client.socket, 'ping');
      clock.tick(1000);
      const [data] = await ping;
      assert.equal(String(data), '');
      client.send('alive');
      assert.equal(await session.recv(), 'alive');
    }
    session.send('first');
    assert.equal(await client.next(), 'first');
  });

  it('sends no ping where heartbeatDelay is 0', async () => {
    const clock = stopClock();
    const { client, session } = await open({ heartbeatDelay: 0 });
    assert.equal(clock.countTimers(), 0);
    client.socket.terminate();
    await closeOf(session);
    await ended(session.request.socket);
    assert.equal(clock.countTimers(), 0);
  });

  it('terminates a client that does not read within websocketWriteTimeout', async () => {
    const clock = stopClock();
    const { client, session } = await open({ heartbeatDelay: 0, websocketWriteTimeout: 1000, maxSendBuffer: 2 ** 30 });
    client.socket.pause();
    // The first has left, the second has not.
    session.send('x');
    session.send('x'.repeat(16 * 1024 * 1024));
    await turn();
    await turn();
    const end = closeOf(session);
    clock.tick(1000);
    assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
  });

  it('delivers a message that comes in one piece with the handshake', async () => {
    const { port } = await serve({ rawWebsocket: true });
    const raw = new RawSocket(port).send(handshake('/echo/websocket').join('\r\n') + clientFrame(1, 'early'));
    const { status, rest } = parseAnswer(await raw.until(serverFrame(1, 'early')));
    assert.equal(status, 'HTTP/1.1 101 Switching Protocols');
    assert.equal(rest, serverFrame(1, 'early'));
  });

  it('is off by default, and its switch does not touch the transport', async () => {
    const { origin, port } = await serve();
    assert.equal((await fetchText(`${origin}/echo/websocket`)).status, 404);
    const raw = new RawSocket(port).send(...handshake('/echo/websocket'));
    assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 404 Not Found');

    const { origin: only } = await serve({ rawWebsocket: true, websocket: false });
    assert.equal((await fetchText(`${only}/echo/000/a/websocket`)).status, 404);
    const client = new WebSocketClient(only, '/echo/websocket');
    await client.opened;
    client.send('x');
    assert.equal(await client.next(), 'x');
  });
});
