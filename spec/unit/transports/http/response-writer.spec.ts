/** Where frames must not go straight to the connection, since something stands between or it is being ended. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { deferHeaders } from '../../../../lib/http/head.ts';
import { attachUpgrade, type Session, sockjs } from '../../../../lib/index.ts';
import { endResponse, writePiece } from '../../../../lib/transports/http/response-writer.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { countWrites } from '../../../support/count-writes.ts';
import { RawSocket } from '../../../support/http.ts';
import { listen, serve, sessionCatcher } from '../../../support/test-server.ts';
import { WebSocketClient } from '../../../support/websocket-client.ts';
import { ALL_TRANSPORTS, serveTransports, type WireTransport } from '../../../support/wire-transports.ts';

const STREAMING = ALL_TRANSPORTS.find(({ name }) => name === 'xhr-streaming') as WireTransport;

const POLLING = ALL_TRANSPORTS.find(({ name }) => name === 'xhr-polling') as WireTransport;

describe('a frame', () => {
  it('costs a client that has half-closed nothing of what was sent before', async () => {
    const sessions = sessionCatcher();
    const { server, port } = await serve({ responseLimit: 1e9, heartbeatDelay: 0 }, sessions.onSession);
    const errors: Error[] = [];
    server.on('clientError', (error, socket) => {
      errors.push(error);
      socket.destroy();
    });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    afterTest(() => {
      client.destroy();
    });
    client.pause();
    client.write('POST /echo/0/a/xhr_streaming HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
    const [socket] = await accepted;
    const session = await sessions.next();
    const message = 'x'.repeat(8_000_000);
    session.send(message);
    await turn();
    client.end();
    while (!socket.writableEnded) {
      await turn();
    }
    session.send('late');
    await turn();
    let bytes = 0;
    client.on('data', (chunk) => {
      bytes += chunk.length;
    });
    client.resume();
    await once(client, 'close');
    assert.deepEqual(errors, []);
    assert.equal(bytes > message.length, true, `${bytes} bytes came`);
  });

  it('does not overtake a head that middleware holds back', async () => {
    let release = () => {};
    const on = await serveTransports(
      {},
      {
        before: (app) => {
          app.use((_req, res, next) => {
            res.cork();
            res.cork();
            release = () => {
              res.uncork();
              res.uncork();
            };
            next();
          });
        },
      },
    );
    const raw = on.ask(STREAMING);
    const session = await on.sessions.next();
    session.send('hello');
    await turn();
    release();
    const bytes = await raw.until('a["hello"]\n');
    assert.equal(bytes.startsWith('HTTP/1.1 200 OK\r\n'), true, bytes.slice(0, 40));
  });

  for (const [title, prepare] of [
    [
      'whose head is not ASCII',
      (res: ServerResponse) => {
        res.statusMessage = 'Zoë';
      },
    ],
    [
      'whose flushHeaders is not that of Node',
      (res: ServerResponse) => {
        const { flushHeaders } = res;
        res.flushHeaders = function (this: ServerResponse) {
          flushHeaders.call(this);
        };
      },
    ],
  ] as const) {
    it(`does not overtake the head of a bare response ${title}`, async () => {
      const sessions = sessionCatcher();
      const router = sockjs({ prefix: '/echo' }, sessions.onSession);
      const server = createServer((req, res) => {
        prepare(res);
        router(req, res);
      });
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(...STREAMING.requestLines('a'));
      (await sessions.next()).send('hello');
      const bytes = await raw.until('a["hello"]\n');
      assert.equal(bytes.startsWith('HTTP/1.1 200 '), true, bytes.slice(0, 40));
    });
  }

  it('in pieces does not overtake the head of a poll', async () => {
    const server = createServer((_req, res) => {
      deferHeaders(res);
      writePiece(res, 'xhr-polling', Buffer.from('first '), () => {});
      endResponse(res, 'last');
    });
    const { origin } = await listen(server);
    assert.equal(await (await fetch(origin)).text(), 'first last');
  });

  for (const [title, prepare] of [
    ['early', (res: ServerResponse) => void res.setHeader('X-Name', 'Zoë')],
    [
      'in writeHead',
      (res: ServerResponse) => {
        const { writeHead } = res;
        res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
          res.setHeader('X-Name', 'Zoë');
          return Reflect.apply(writeHead, this, args);
        } as typeof writeHead;
      },
    ],
  ] as const) {
    it(`of any size leaves the bytes of a head as Node writes them, with a header set ${title}`, async () => {
      const on = await serveTransports(
        {},
        {
          before: (app) => {
            app.use((_req, res, next) => {
              prepare(res);
              next();
            });
          },
        },
      );
      const heads: string[] = [];
      for (const size of [1, 100_000]) {
        const { session } = await on.open(POLLING, `session-${size}`);
        session.send('x'.repeat(size));
        const poll = on.ask(POLLING, session.id);
        const text = await poll.until('x"]\n');
        heads.push(/x-name: .*/i.exec(text)?.[0] ?? '');
        session.close();
      }
      assert.match(heads[0] ?? '', /^x-name: Zo/i);
      assert.equal(heads[1], heads[0]);
    });
  }

  it('of a WebSocket goes through what an application has put before the connection', async () => {
    const server = createServer(sockjs({ prefix: '/echo' }, (session) => void session.send('hello')));
    attachUpgrade(server);
    const written: string[] = [];
    // As a proxy protocol or a meter would: it takes the event first and gives it on with a stream of its own.
    const { emit } = server;
    server.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event === 'upgrade') {
        const [, socket] = args as [unknown, Socket];
        args[1] = through(socket, (chunk) => written.push(chunk.toString('latin1')));
      }
      return Reflect.apply(emit, server, [event, ...args]);
    };
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterTest(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const client = new WebSocketClient(`http://127.0.0.1:${port}`, '/echo/0/a/websocket');
    assert.equal(await client.next(), 'o');
    assert.equal(await client.next(), 'a["hello"]');
    assert.equal(written.join('').includes('a["hello"]'), true, 'it went round');
  });
});

describe('the drain event', () => {
  it('comes in the async context of its sender, though sessions are flushed together', async () => {
    const storage = new AsyncLocalStorage<string>();
    const on = await serveTransports({ sendHighWaterMark: 1 });
    const sessions: Session[] = [];
    for (const id of ['a', 'b']) {
      const client = new WebSocketClient(on.origin, `/echo/0/${id}/websocket`);
      sessions.push(await on.sessions.next());
      await client.next();
    }
    const contexts = sessions.map(
      (session) => new Promise((resolve) => session.once('drain', () => resolve(storage.getStore()))),
    );
    for (const [i, session] of sessions.entries()) {
      storage.run(String(i), () => session.send('x'));
    }
    assert.deepEqual(await Promise.all(contexts), ['0', '1']);
  });
});

/** A stream that hands on what it is given, both ways. */
function through(socket: Socket, onWrite: (chunk: Buffer) => void): Duplex {
  const stream = new Duplex({
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, callback) {
      onWrite(chunk);
      socket.write(chunk, callback);
    },
    final(callback) {
      socket.end(callback);
    },
  });
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) {
      socket.pause();
    }
  });
  socket.on('end', () => stream.push(null)).on('close', () => stream.destroy());
  return Object.assign(stream, {
    setTimeout: () => stream,
    setNoDelay: () => stream,
  });
}

describe('in one write to the connection leave', () => {
  for (const transport of ALL_TRANSPORTS.filter(({ isStreaming, family }) => isStreaming && family !== 'websocket')) {
    it(`head, prelude and open frame, then close frame and end: ${transport.name}`, async () => {
      const on = await serveTransports({});
      const writes = countWrites(on.server);
      const raw = on.ask(transport);
      const session = await on.sessions.next();
      assert.equal(writes(), 1);
      await raw.until(transport.wrap('o'));
      session.close();
      await raw.until('\r\n0\r\n\r\n');
      assert.equal(writes(), 2);
    });

    it(`the last messages, close frame and end: ${transport.name}`, async () => {
      const on = await serveTransports({});
      const writes = countWrites(on.server);
      const raw = on.ask(transport);
      const session = await on.sessions.next();
      await raw.until(transport.wrap('o'));
      session.send('x');
      session.send('y');
      session.close();
      const rest = await raw.until('\r\n0\r\n\r\n');
      assert.match(rest, /a\[.*x.*y.*c\[1000/s);
      assert.equal(writes(), 2);
    });
  }
});
