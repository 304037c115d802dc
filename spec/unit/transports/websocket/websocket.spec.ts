/** The WebSocket transport: its frames, the messages it delivers, how it ends, and the options for it alone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { WebSocketServer } from 'ws';
import { attachUpgrade, type Session, type SessionCloseEvent, sockjs } from '../../../../lib/index.ts';
import { AsyncQueue } from '../../../support/async-queue.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { stopClock } from '../../../support/clock.ts';
import { countWrites } from '../../../support/count-writes.ts';
import { fetchText, handshake, post, RawSocket } from '../../../support/http.ts';
import { echo, listen, serve, sessionCatcher } from '../../../support/test-server.ts';
import { clientFrame, closePayload, parseAnswer, ServerSockets, serverFrame } from '../../../support/upgrade-client.ts';
import { ended, WebSocketClient } from '../../../support/websocket-client.ts';

const NO_STORE = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** The close event of a session. */
async function closeOf(session: Session): Promise<SessionCloseEvent> {
  const [event] = (await once(session, 'close')) as [SessionCloseEvent];
  return event;
}

/** A client that has got its open frame, and its session. */
async function open(options: Parameters<typeof serve>[0] = {}, path = '/echo/000/ws/websocket') {
  const { onSession, next } = sessionCatcher();
  const { server, origin, port } = await serve(options, onSession);
  const writes = countWrites(server);
  const client = new WebSocketClient(origin, path);
  const session = await next();
  assert.equal(await client.next(), 'o');
  return { server, origin, port, client, session, writes };
}

/** Settles when the server has read bytes of the client. Otherwise the server would cut it at the next heartbeat. */
async function answerPing(client: WebSocketClient, session: Session): Promise<void> {
  client.send('"alive"');
  assert.equal(await session.recv(), 'alive');
}

/** Messages that a session gets from now on. */
function messagesOf(session: Session): string[] {
  const messages: string[] = [];
  session.on('message', (message) => {
    messages.push(message);
  });
  return messages;
}

describe('websocket', () => {
  it('has the last messages, the close frame and the end of the WebSocket leave in one write', async () => {
    const { client, session, writes } = await open();
    assert.equal(writes(), 1);
    session.send('x');
    session.send('y');
    session.close();
    assert.equal(await client.next(), 'a["x","y"]');
    assert.equal(await client.next(), 'c[1000,"Normal closure"]');
    assert.equal(writes(), 2);
  });

  it('answers 101 without Content-Length or body, then sends the open frame as a text message', async () => {
    // Without Express, which adds a header.
    const server = createServer(sockjs({ prefix: '/echo' }, echo));
    attachUpgrade(server);
    const { port } = await listen(server);
    const raw = new RawSocket(port).send(...handshake('/echo/000/head/websocket'));
    const { status, headers, rest } = parseAnswer(await raw.until('\x81\x01o'));
    assert.equal(status, 'HTTP/1.1 101 Switching Protocols');
    assert.deepEqual(headers, [
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      `cache-control: ${NO_STORE}`,
      'vary: Origin',
    ]);
    assert.equal(rest, serverFrame(1, 'o'));
  });

  it('shows its name, the session id and the opening request on the session', async () => {
    const { session } = await open({}, '/echo/000/na%20me/websocket?q=1');
    assert.equal(session.transport, 'websocket');
    assert.equal(session.id, 'na me');
    assert.equal(session.request.method, 'GET');
    assert.equal(session.state, 'active');
  });

  it('sends what is sent within one tick as one frame', async () => {
    const { client, session } = await open();
    session.send('x');
    session.send('y\u2028"');
    assert.equal(await client.next(), 'a["x","y\\u2028\\""]');
    session.send('z');
    assert.equal(await client.next(), 'a["z"]');
  });

  for (const [title, text, messages] of [
    ['an array of strings', '["a","b","c"]', ['a', 'b', 'c']],
    ['an array with white space around it', ' [ "a" ]\n', ['a']],
    ['a single JSON string', '"a"', ['a']],
    ['a single empty JSON string', '""', ['']],
    ['lone surrogates', '["\\ud800","\\udc00\\ud800"]', ['\ud800', '\udc00\ud800']],
    ['an empty array as nothing', '[]', []],
    ['an empty text as nothing', '', []],
  ] as const) {
    it(`takes ${title}`, async () => {
      const { client, session } = await open();
      const got = messagesOf(session);
      client.send(text);
      client.send('["last"]');
      await once(session, 'message');
      while (!got.includes('last')) {
        await once(session, 'message');
      }
      assert.deepEqual(got, [...messages, 'last']);
    });
  }

  it('gives lone surrogates back unchanged', async () => {
    const { origin } = await serve();
    const client = new WebSocketClient(origin, '/echo/000/ws/websocket');
    assert.equal(await client.next(), 'o');
    client.send('["\\ud800x\\udfff"]');
    assert.equal(await client.next(), 'a["\\ud800x\\udfff"]');
  });

  for (const text of ['[', '["a"', '["a",', '"a', '{', 'a', ' ', '["a"]["b"]']) {
    it(`closes with 1007 for the broken JSON ${JSON.stringify(text)}, delivering nothing of it`, async () => {
      await assertInvalid(text, 'Broken JSON encoding.');
    });
  }

  for (const text of ['{}', '{"0":"a","length":1}', '1', 'null', 'true', '["a",1]', '["a",["b"]]', '[null]']) {
    it(`closes with 1007 for the JSON ${text}, delivering nothing of it`, async () => {
      await assertInvalid(text, 'Payload expected.');
    });
  }

  async function assertInvalid(text: string, reason: string): Promise<void> {
    const { client, session } = await open();
    const got = messagesOf(session);
    const end = closeOf(session);
    client.send('["good"]');
    client.send(text);
    client.send('["too late"]');
    assert.deepEqual(await client.closed, { code: 1007, reason });
    assert.deepEqual(await end, { code: 1007, reason, wasClean: false });
    assert.deepEqual(got, ['good']);
    // The c frame is for closes by the application. Here the close frame of the WebSocket has the code.
    await assert.rejects(client.next(), /closed with 1007/);
  }

  it('closes with 1007 for text that is not UTF-8', async () => {
    const { port } = await serve();
    const raw = new RawSocket(port).send(...handshake('/echo/000/utf/websocket'));
    await raw.until(serverFrame(1, 'o'));
    raw.send(clientFrame(1, '["\xff"]'));
    assert.equal((await raw.until('\x88')).endsWith(serverFrame(8, closePayload(1007))), true);
  });

  it('closes with 1003 for a binary message', async () => {
    const { client, session } = await open();
    const end = closeOf(session);
    client.socket.send(Buffer.from('["a"]'));
    assert.equal((await client.closed).code, 1003);
    assert.equal((await end).code, 1003);
  });

  it('delivers nothing that comes behind a binary message', async () => {
    const { client, session } = await open();
    const got = messagesOf(session);
    client.send('["good"]');
    client.socket.send(Buffer.from('["a"]'));
    client.send('["too late"]');
    await client.closed;
    assert.deepEqual(got, ['good']);
  });

  it('ends the session at a binary message, whether or not the client closes', async () => {
    const { onSession, next } = sessionCatcher();
    const { port } = await serve({}, onSession);
    const raw = new RawSocket(port).send(...handshake('/echo/000/bin/websocket'));
    const session = await next();
    await raw.until(serverFrame(1, 'o'));
    const end = closeOf(session);
    raw.send(clientFrame(2, 'x'));
    await raw.until('\x88');
    assert.equal(session.send('lost'), false);
    assert.equal((await end).code, 1003);
  });

  describe('sessions', () => {
    it('makes two sessions of the same id twice', async () => {
      const { onSession, next } = sessionCatcher();
      const { origin } = await serve({}, onSession);
      const clients = ['/echo/000/same/websocket', '/echo/111/same/websocket', '/echo/000/same/websocket'].map(
        (path) => new WebSocketClient(origin, path),
      );
      const texts: string[] = [];
      for (const client of clients) {
        assert.equal(await client.next(), 'o');
        const session = await next();
        assert.equal(session.id, 'same');
        session.on('message', (message) => {
          session.send(`${texts.push(message)}`);
        });
      }
      for (const client of clients) {
        client.send('"mine"');
      }
      const answers = await Promise.all(clients.map((client) => client.next()));
      assert.deepEqual(answers.toSorted(), ['a["1"]', 'a["2"]', 'a["3"]']);
    });

    it('lets an id be used again once its socket has gone', async () => {
      const { origin, client, session } = await open();
      const end = closeOf(session);
      client.socket.close();
      await client.closed;
      await end;
      const again = new WebSocketClient(origin, '/echo/000/ws/websocket');
      assert.equal(await again.next(), 'o');
    });

    it('is not reached by xhr_send nor by a poll of the same id', async () => {
      const { onSession, next } = sessionCatcher();
      const { origin } = await serve({}, onSession);
      const client = new WebSocketClient(origin, '/echo/000/mixed/websocket');
      assert.equal(await client.next(), 'o');
      const session = await next();
      const got = messagesOf(session);
      assert.equal((await post(`${origin}/echo/000/mixed/xhr_send`, '["stolen"]')).status, 404);
      assert.equal((await post(`${origin}/echo/000/mixed/xhr`)).body, 'o\n');
      assert.equal((await next()).transport, 'xhr-polling');
      assert.equal((await post(`${origin}/echo/000/mixed/xhr_send`, '["theirs"]')).status, 204);
      client.send('"mine"');
      await once(session, 'message');
      assert.deepEqual(got, ['mine']);
    });
  });

  describe('close by the application', () => {
    for (const [code, reason, sent] of [
      [1000, 'done', 1000],
      [1001, '', 1001],
      [1003, 'three', 1003],
      [1008, 'policy', 1008],
      [1014, 'gateway', 1014],
      [1016, 'kept', 1000],
      [2010, 'Another', 1000],
      [2999, 'kept', 1000],
      [3000, 'Go away!', 3000],
      [4999, 'é'.repeat(61), 4999],
    ] as const) {
      it(`sends the close frame with ${code}, then closes the WebSocket with ${sent}`, async () => {
        const { client, session } = await open();
        const end = closeOf(session);
        assert.equal(session.close(code, reason), true);
        assert.equal(await client.next(), `c[${code},${JSON.stringify(reason)}]`);
        assert.deepEqual(await client.closed, { code: sent, reason });
        assert.deepEqual(await end, { code, reason, wasClean: true });
      });
    }

    it('sends earlier messages first, in one frame', async () => {
      const { client, session } = await open();
      session.send('a');
      session.send('b');
      session.close();
      assert.equal(await client.next(), 'a["a","b"]');
      assert.equal(await client.next(), 'c[1000,"Normal closure"]');
      assert.deepEqual(await client.closed, { code: 1000, reason: 'Normal closure' });
    });

    it('works from within onSession', async () => {
      const { origin } = await serve({}, (session) => {
        session.close(3000, 'Go away!');
      });
      const client = new WebSocketClient(origin, '/echo/000/close/websocket');
      assert.equal(await client.next(), 'o');
      assert.equal(await client.next(), 'c[3000,"Go away!"]');
      assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!' });
    });

    it('delivers nothing any more and sends no second close frame', async () => {
      const { client, session } = await open();
      const got = messagesOf(session);
      session.close();
      assert.equal(session.close(3000), false);
      client.send('["too late"]');
      assert.equal(await client.next(), 'c[1000,"Normal closure"]');
      await client.closed;
      await assert.rejects(client.next(), /closed with 1000/);
      assert.deepEqual(got, []);
    });

    it('is not clean where the client breaks off instead of answering', async () => {
      const { onSession, next } = sessionCatcher();
      const { port } = await serve({}, onSession);
      const raw = new RawSocket(port).send(...handshake('/echo/000/cut/websocket'));
      const session = await next();
      await raw.until(serverFrame(1, 'o'));
      const end = closeOf(session);
      session.close(3000, 'x');
      await raw.until('\x88');
      raw.socket.resetAndDestroy();
      assert.deepEqual(await end, { code: 3000, reason: 'x', wasClean: false });
    });
  });

  describe('end by the client', () => {
    for (const [given, reason, reported] of [
      [1000, '', 1000],
      [3001, 'bye', 3001],
      [undefined, '', 1005],
    ] as const) {
      it(`is reported with ${reported} for close(${given})`, async () => {
        const { client, session } = await open();
        const end = closeOf(session);
        client.socket.close(given, reason);
        assert.deepEqual(await end, { code: reported, reason, wasClean: true });
        assert.equal(session.state, 'closed');
        assert.equal(session.signal.aborted, true);
      });
    }

    for (const [how, end] of [
      ['reset', (raw: RawSocket) => raw.socket.resetAndDestroy()],
      ['end of the connection', (raw: RawSocket) => raw.socket.end()],
    ] as const) {
      it(`is reported as 1006 for a ${how} without a close frame`, async () => {
        const { onSession, next } = sessionCatcher();
        const { server, port } = await serve({}, onSession);
        const sockets = new ServerSockets(server);
        const raw = new RawSocket(port).send(...handshake('/echo/000/cut/websocket'));
        const session = await next();
        await raw.until(serverFrame(1, 'o'));
        const closed = closeOf(session);
        end(raw);
        assert.deepEqual(await closed, { code: 1006, reason: '', wasClean: false });
        await sockets.gone();
      });
    }

    it('leaves messages that came before it to be read', async () => {
      const { client, session } = await open();
      client.send('["a","b"]');
      client.socket.close();
      await closeOf(session);
      assert.equal(await session.recv(), 'a');
      assert.equal(await session.recv(), 'b');
      await assert.rejects(session.recv(), { name: 'SessionNotOpenError' });
    });
  });

  describe('heartbeatDelay', () => {
    it('sends h after that much silence, again and again', async () => {
      const clock = stopClock();
      const { client, session } = await open({ heartbeatDelay: 1000 });
      for (let i = 0; i < 3; i += 1) {
        clock.tick(1000);
        assert.equal(await client.next(), 'h');
        await answerPing(client, session);
      }
    });

    it('counts from the last frame', async () => {
      const clock = stopClock();
      const { client, session } = await open({ heartbeatDelay: 1000 });
      clock.tick(999);
      session.send('x');
      assert.equal(await client.next(), 'a["x"]');
      clock.tick(999);
      session.send('y');
      assert.equal(await client.next(), 'a["y"]');
      await answerPing(client, session);
      clock.tick(1000);
      assert.equal(await client.next(), 'h');
    });

    it('is 25 seconds by default', async () => {
      const clock = stopClock();
      const { client, session } = await open();
      clock.tick(24_999);
      session.send('x');
      assert.equal(await client.next(), 'a["x"]');
      clock.tick(25_000);
      assert.equal(await client.next(), 'h');
    });

    it('sends none at 0, and leaves no timer behind at the end', async () => {
      const clock = stopClock();
      const { client, session } = await open({ heartbeatDelay: 0 });
      assert.equal(clock.countTimers(), 0);
      client.socket.terminate();
      await closeOf(session);
      await ended(session.request.socket);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('websocketWriteTimeout', () => {
    it('terminates a WebSocket whose bytes have not left in that time', async () => {
      const clock = stopClock();
      const { onSession, next } = sessionCatcher();
      const { server, port } = await serve(
        { websocketWriteTimeout: 1000, heartbeatDelay: 0, maxSendBuffer: 2 ** 30 },
        onSession,
      );
      const sockets = new ServerSockets(server);
      const raw = new RawSocket(port).send(...handshake('/echo/000/slow/websocket'));
      const session = await next();
      await raw.until(serverFrame(1, 'o'));
      raw.socket.pause();
      const end = closeOf(session);
      // More than any socket buffer holds.
      session.send('x'.repeat(16 * 1024 * 1024));
      await turn();
      clock.tick(999);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });

    it('terminates it while the WebSocket is closing, too', async () => {
      const clock = stopClock();
      const { onSession, next } = sessionCatcher();
      const { server, port } = await serve(
        { websocketWriteTimeout: 1000, heartbeatDelay: 0, maxSendBuffer: 2 ** 30 },
        onSession,
      );
      const sockets = new ServerSockets(server);
      const raw = new RawSocket(port).send(...handshake('/echo/000/slow/websocket'));
      const session = await next();
      await raw.until(serverFrame(1, 'o'));
      raw.socket.pause();
      const end = closeOf(session);
      session.send('x'.repeat(16 * 1024 * 1024));
      session.close(3000, 'x');
      await turn();
      clock.tick(1000);
      assert.deepEqual(await end, { code: 3000, reason: 'x', wasClean: false });
      await sockets.gone();
    });

    it('leaves a client alone that reads', async () => {
      const clock = stopClock();
      const { client, session } = await open({ websocketWriteTimeout: 1000, heartbeatDelay: 0 });
      session.send('x');
      assert.equal(await client.next(), 'a["x"]');
      client.send('"y"');
      assert.equal(await session.recv(), 'y');
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('websocketServer', () => {
    it('compresses only with perMessageDeflate', async () => {
      const { origin } = await serve();
      const plain = new WebSocketClient(origin, '/echo/000/a/websocket');
      await plain.opened;
      assert.equal(plain.socket.extensions, '');
      const { origin: other } = await serve({ websocketServer: { perMessageDeflate: { threshold: 0 } } });
      const compressed = new WebSocketClient(other, '/echo/000/a/websocket');
      await compressed.opened;
      assert.equal(compressed.socket.extensions, 'permessage-deflate');
      assert.equal(await compressed.next(), 'o');
      compressed.send(JSON.stringify('x'.repeat(5000)));
      assert.equal(await compressed.next(), `a["${'x'.repeat(5000)}"]`);
    });

    it('chooses among subprotocols', async () => {
      const { port } = await serve({ websocketServer: { handleProtocols: (offered) => [...offered][1] ?? false } });
      const raw = new RawSocket(port).send(...handshake('/echo/000/a/websocket', 'Sec-WebSocket-Protocol: a, b'));
      assert.equal(parseAnswer(await raw.until('\r\n\r\n')).headers.includes('Sec-WebSocket-Protocol: b'), true);
    });

    it('closes with 1009 over its payload limit, and the session ends', async () => {
      const { client, session } = await open({ websocketServer: { maxPayload: 10 } });
      const end = closeOf(session);
      const got = messagesOf(session);
      client.send('"123456789"');
      assert.equal((await client.closed).code, 1009);
      assert.equal((await end).wasClean, false);
      assert.deepEqual(got, []);
    });

    it('refuses by verifyClient', async () => {
      const { onSession, count } = sessionCatcher();
      const { port } = await serve({ websocketServer: { verifyClient: () => false } }, onSession);
      const raw = new RawSocket(port).send(...handshake('/echo/000/a/websocket'));
      assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 401 Unauthorized');
      assert.equal(count(), 0);
    });

    it('closes the connection where a function in it throws, and tells the application', async () => {
      const errors = new AsyncQueue<Error>();
      const app = express();
      const handleProtocols = () => {
        throw new Error('no choice');
      };
      app.use('/echo', sockjs({ websocketServer: { handleProtocols } }, echo));
      app.use(((error, _req, res, _next) => {
        errors.push(error);
        res.sendStatus(500);
      }) satisfies express.ErrorRequestHandler);
      const server = createServer(app);
      attachUpgrade(server);
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(...handshake('/echo/000/a/websocket', 'Sec-WebSocket-Protocol: a'));
      assert.equal((await errors.next()).message, 'no choice');
      await raw.closed;
    });

    it('may be a WebSocketServer, shared by several endpoints', async () => {
      const websocketServer = new WebSocketServer({ noServer: true, handleProtocols: () => 'shared' });
      afterTest(() => websocketServer.close());
      const seen = new AsyncQueue<string>();
      const app = express();
      app.use((_req, res, next) => {
        res.setHeader('X-Front', 'yes');
        next();
      });
      for (const name of ['one', 'two']) {
        app.use(
          `/${name}`,
          sockjs({ websocketServer, rawWebsocket: true }, (session) => {
            seen.push(`${name} ${session.id}`);
          }),
        );
      }
      assert.equal(websocketServer.listenerCount('headers'), 1);
      const server = createServer(app);
      attachUpgrade(server);
      const { port } = await listen(server);
      for (const [path, expected] of [
        ['/one/0/a/websocket', 'one a'],
        ['/two/0/b/websocket', 'two b'],
        ['/two/websocket', 'two '],
      ] as const) {
        const raw = new RawSocket(port).send(...handshake(path, 'Sec-WebSocket-Protocol: x'));
        assert.equal(await seen.next(), expected);
        const { headers } = parseAnswer(await raw.until('\r\n\r\n'));
        assert.deepEqual(headers.slice(3), [
          'Sec-WebSocket-Protocol: shared',
          ...headers.filter((line) => /^x-powered-by/i.test(line)),
          'x-front: yes',
          `cache-control: ${NO_STORE}`,
          'vary: Origin',
        ]);
      }
    });
  });

  it('answers 404 when it is switched off', async () => {
    const { origin, port } = await serve({ websocket: false });
    assert.equal((await fetchText(`${origin}/echo/000/a/websocket`)).status, 404);
    const raw = new RawSocket(port).send(...handshake('/echo/000/a/websocket'));
    assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 404 Not Found');
  });
});
