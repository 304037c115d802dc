/** How WebSockets end: earlier messages still leave, the session ends with the handshake, slow clients get time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { deflateRawSync, constants as zlib } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import type { Session, SessionCloseEvent, SockjsOptions, WebSocketServerOptions } from '../../../../lib/index.ts';
import { stopClock } from '../../../support/clock.ts';
import { frame, frameHead } from '../../../support/frame-peer.ts';
import { handshake, RawSocket } from '../../../support/http.ts';
import { closePayload, serverFrame } from '../../../support/upgrade-client.ts';
import { ended, WebSocketClient } from '../../../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../../../support/wire-transports.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

const TEXT = 0x81;
const BINARY = 0x82;
const CLOSE = 0x88;

const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');

interface Reading {
  readonly name: string;
  /** Made for each server, since the application would own a shared engine. */
  options(): SockjsOptions;
  readonly header?: string;
}

/** The outcome must be the same, whether this package reads the frames or ws does. */
const READINGS: readonly Reading[] = [
  { name: 'read directly', options: () => ({}) },
  { name: 'read by ws', options: () => ({ websocketServer: { WebSocket: class extends WebSocket {} } }) },
  {
    name: 'compressed',
    options: () => ({
      websocketServer: { perMessageDeflate: { threshold: 1_000_000, serverNoContextTakeover: true } },
    }),
    header: 'Sec-WebSocket-Extensions: permessage-deflate',
  },
  {
    name: "an application's own engine",
    options: () => ({ websocketServer: new WebSocketServer({ noServer: true, maxPayload: MIB }) }),
  },
];

/** A message of a client as one frame. */
function message({ name: transport }: WireTransport, { name }: Reading, text: string): Buffer {
  const payload = transport === 'websocket' ? JSON.stringify([text]) : text;
  if (name !== 'compressed') {
    return frame(TEXT, payload);
  }
  const compressed = deflateRawSync(payload, { finishFlush: zlib.Z_SYNC_FLUSH });
  return frame(TEXT | 0x40, compressed.subarray(0, -4));
}

/** The bytes that the server sends for one message of the application. */
function answer({ name }: WireTransport, text: string): string {
  return serverFrame(1, name === 'websocket' ? `a["${text}"]` : text);
}

/** An open WebSocket whose client bytes are written by the test. */
async function open(
  on: TransportServer,
  transport: WireTransport,
  reading?: Reading,
): Promise<{ raw: RawSocket; session: Session }> {
  const path = transport.name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket';
  const raw = new RawSocket(on.port).send(...handshake(path, ...(reading?.header ? [reading.header] : [])));
  const session = await on.sessions.next();
  await raw.until(transport.name === 'websocket' ? serverFrame(1, 'o') : '\r\n\r\n');
  return { raw, session };
}

async function closeOf(session: Session): Promise<SessionCloseEvent> {
  const [event] = (await once(session, 'close')) as [SessionCloseEvent];
  return event;
}

const close = (code: number, reason = '') => frame(CLOSE, Buffer.from(closePayload(code, reason), 'latin1'));

/** Bytes that end a WebSocket, behind a message in the same segment; the server's close frame; the session's event. */
const ENDINGS: readonly {
  readonly name: string;
  readonly bytes: Buffer;
  readonly reply: string;
  readonly event: SessionCloseEvent;
}[] = [
  {
    name: 'a close frame',
    bytes: close(3001, 'bye'),
    reply: closePayload(3001, 'bye'),
    event: { code: 3001, reason: 'bye', wasClean: true },
  },
  {
    name: 'a close frame without a code',
    bytes: frame(CLOSE, ''),
    reply: '',
    event: { code: 1005, reason: '', wasClean: true },
  },
  {
    name: 'a close frame with a bad code',
    bytes: close(1005),
    reply: closePayload(1002),
    event: { code: 1006, reason: '', wasClean: false },
  },
  {
    name: 'a reserved opcode',
    bytes: frame(0x83, ''),
    reply: closePayload(1002),
    event: { code: 1006, reason: '', wasClean: false },
  },
  {
    name: 'a frame without a mask',
    bytes: frame(TEXT, 'x', { mask: undefined }),
    reply: closePayload(1002),
    event: { code: 1006, reason: '', wasClean: false },
  },
  {
    name: 'text that is no UTF-8',
    bytes: frame(TEXT, Buffer.from([0xff])),
    reply: closePayload(1007),
    event: { code: 1006, reason: '', wasClean: false },
  },
  {
    name: 'a frame that is too large',
    bytes: frameHead(TEXT, MIB + 1),
    reply: closePayload(1009),
    event: { code: 1009, reason: 'Message too big.', wasClean: false },
  },
  {
    name: 'a binary message',
    bytes: frame(BINARY, 'x'),
    reply: closePayload(1003, 'Text messages only.'),
    event: { code: 1003, reason: 'Text messages only.', wasClean: false },
  },
];

describe('the end of a WebSocket', () => {
  for (const transport of WEBSOCKETS) {
    for (const reading of READINGS) {
      describe(`${transport.name}, ${reading.name}`, () => {
        for (const { name, bytes, reply, event } of ENDINGS) {
          it(`comes after the answers to the messages before it: ${name} in the same segment`, async () => {
            const on = await serveTransports({ heartbeatDelay: 0, ...reading.options() }, { onSession: echoOnMessage });
            const { raw, session } = await open(on, transport, reading);
            raw.socket.write(
              Buffer.concat([message(transport, reading, '1'), message(transport, reading, '2'), bytes]),
            );
            const end = closeOf(session);
            const received = await raw.until(serverFrame(8, reply));
            const answers =
              transport.name === 'websocket'
                ? [serverFrame(1, 'a["1","2"]'), answer(transport, '1') + answer(transport, '2')]
                : [answer(transport, '1') + answer(transport, '2')];
            const rest = received.slice(received.indexOf('\r\n\r\n') + 4);
            const opening = transport.name === 'websocket' ? serverFrame(1, 'o') : '';
            assert.ok(
              answers.some((expected) => rest === opening + expected + serverFrame(8, reply)),
              JSON.stringify(rest),
            );
            assert.deepEqual(await end, event);
          });
        }

        // Not where ws inflates in another thread: the end then overtakes the message, and no answer can leave.
        if (reading.name !== 'compressed') {
          it('comes after the answers to the messages before it: the connection half-closed behind them', async () => {
            const on = await serveTransports({ heartbeatDelay: 0, ...reading.options() }, { onSession: echoOnMessage });
            const { raw, session } = await open(on, transport, reading);
            const end = closeOf(session);
            raw.socket.end(message(transport, reading, '1'));
            await raw.until(answer(transport, '1'));
            assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
          });
        }

        it('has the connection ended once after the closing handshake', async () => {
          const on = await serveTransports({ heartbeatDelay: 0, ...reading.options() });
          const { raw, session } = await open(on, transport, reading);
          raw.socket.allowHalfOpen = true;
          const { socket } = session.request;
          let ends = 0;
          const { end } = socket;
          const count = (...args: unknown[]) => {
            ends += 1;
            return Reflect.apply(end, socket, args);
          };
          Object.assign(socket, { end: count });
          raw.socket.write(close(1000, 'done'));
          await once(raw.socket, 'end');
          await finished(socket, { readable: false });
          raw.socket.end();
          await once(socket, 'close');
          assert.equal(ends, 1);
        });

        it('ends the session with the closing handshake, however long the client keeps its connection', async () => {
          const clock = stopClock();
          const on = await serveTransports({ heartbeatDelay: 25_000, ...reading.options() });
          const { raw, session } = await open(on, transport, reading);
          raw.socket.allowHalfOpen = true;
          raw.socket.write(close(1000, 'done'));
          assert.deepEqual(await closeOf(session), { code: 1000, reason: 'done', wasClean: true });
          assert.equal(session.state, 'closed');
          assert.equal(session.send('x'), false);
          assert.equal(on.router.broadcast('x'), 0);
          assert.equal(on.router.sessions.size, 0);
          // The time limit on closing cuts the connection.
          const { socket } = session.request;
          clock.tick(29_999);
          await turn();
          assert.equal(socket.destroyed, false);
          clock.tick(1);
          await ended(socket);
          await turn();
          assert.equal(clock.countTimers(), 0);
        });

        it('ends the session when the client half-closes its connection and reads nothing more', async () => {
          const on = await serveTransports({ heartbeatDelay: 0, maxSendBuffer: 64 * MIB, ...reading.options() });
          const { raw, session } = await open(on, transport, reading);
          raw.socket.pause();
          session.send('x'.repeat(32 * MIB));
          await turn();
          assert.ok(session.bufferedAmount > MIB);
          raw.socket.end();
          assert.deepEqual(await closeOf(session), { code: 1006, reason: '', wasClean: false });
          assert.equal(session.send('x'), false);
        });
      });
    }

    it(`refuses what an async listener sends when the close frame is known: ${transport.name}`, async () => {
      const accepted: boolean[] = [];
      const on = await serveTransports(
        { heartbeatDelay: 0 },
        {
          onSession: async (session) => {
            for await (const text of session) {
              accepted.push(session.send(text));
            }
          },
        },
      );
      const { raw, session } = await open(on, transport);
      const end = closeOf(session);
      raw.socket.write(Buffer.concat([message(transport, READINGS[0] as Reading, '1'), close(1000)]));
      await end;
      const received = await raw.until(serverFrame(8, closePayload(1000)));
      await turn();
      assert.equal(received.includes(answer(transport, '1')), accepted[0], 'send() says what becomes of the message');
    });
  }

  it('comes after the answers to the messages before it, where the next is no JSON', async () => {
    const transport = WEBSOCKETS.find(({ name }) => name === 'websocket') as WireTransport;
    const on = await serveTransports({ heartbeatDelay: 0 }, { onSession: echoOnMessage });
    const { raw, session } = await open(on, transport);
    const end = closeOf(session);
    raw.socket.write(Buffer.concat([message(transport, READINGS[0] as Reading, '1'), frame(TEXT, '{')]));
    const received = await raw.until(serverFrame(8, closePayload(1007, 'Broken JSON encoding.')));
    assert.ok(received.includes(answer(transport, '1')), JSON.stringify(received));
    assert.deepEqual(await end, { code: 1007, reason: 'Broken JSON encoding.', wasClean: false });
  });
});

describe('close() of a WebSocket session', () => {
  /** ms that every client gets. */
  const FLUSH_TIMEOUT = 30_000;

  for (const transport of WEBSOCKETS) {
    it(`waits for a client that reads slowly, for as long as it makes progress: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ heartbeatDelay: 1000, maxSendBuffer: 64 * MIB });
      const path = transport.name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket';
      const client = new WebSocketClient(on.origin, path);
      const session = await on.sessions.next();
      await client.opened;
      client.socket.pause();
      const text = 'x'.repeat(MIB);
      let bytes = 0;
      client.socket.on('message', (data: Buffer) => {
        bytes += data.length;
      });
      for (let i = 0; i < 30; i += 1) {
        session.send(text);
        await turn();
      }
      const end = closeOf(session);
      session.close(3000, 'bye');
      let isOver = false;
      void end.then(() => {
        isOver = true;
      });
      // At least one message within each limit, and hours in all.
      while (!isOver) {
        const left = session.bufferedAmount;
        client.socket.resume();
        while (!isOver && session.bufferedAmount === left && left > 0) {
          await turn();
        }
        client.socket.pause();
        if (left === 0) {
          client.socket.resume();
          await turn();
        } else {
          clock.tick(FLUSH_TIMEOUT - 1);
        }
      }
      assert.deepEqual(await end, { code: 3000, reason: 'bye', wasClean: true });
      assert.deepEqual(await client.closed, { code: 3000, reason: 'bye' });
      assert.ok(bytes >= 30 * MIB, `${bytes} bytes`);
    });

    it(`gives a client that reads nothing 30 s, and a second more for each 32 kB: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ heartbeatDelay: 1000, maxSendBuffer: 64 * MIB });
      const { raw, session } = await open(on, transport);
      raw.socket.pause();
      session.send('x'.repeat(32 * MIB));
      session.close(3000, 'bye');
      await turn();
      await turn();
      const end = closeOf(session);
      const time = FLUSH_TIMEOUT + session.bufferedAmount / 32;
      assert.ok(session.bufferedAmount > 16 * MIB);
      clock.tick(time - 1000);
      await turn();
      assert.equal(session.state, 'closing');
      clock.tick(2000);
      assert.deepEqual(await end, { code: 3000, reason: 'bye', wasClean: false });
      await ended(session.request.socket);
      assert.equal(clock.countTimers(), 0);
    });

    it(`gives a client that does not answer the close frame 30 s: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ heartbeatDelay: 0 });
      const { raw, session } = await open(on, transport);
      session.close(3000, 'bye');
      await raw.until('bye');
      const end = closeOf(session);
      clock.tick(FLUSH_TIMEOUT - 1);
      await turn();
      assert.equal(session.state, 'closing');
      clock.tick(1);
      assert.deepEqual(await end, { code: 3000, reason: 'bye', wasClean: false });
    });

    it(`gives it no time for last messages that the kernel has taken: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ heartbeatDelay: 0 });
      const { raw, session } = await open(on, transport);
      session.send('x'.repeat(100_000));
      session.close(3000, 'bye');
      assert.equal(session.bufferedAmount, 0);
      await raw.until('bye');
      const end = closeOf(session);
      clock.tick(FLUSH_TIMEOUT);
      assert.deepEqual(await end, { code: 3000, reason: 'bye', wasClean: false });
    });

    it(`leaves the time limit to an engine that has its own: ${transport.name}`, async () => {
      const clock = stopClock();
      // An option of ws that its types do not have yet.
      const engine: WebSocketServerOptions & { closeTimeout: number } = { closeTimeout: 1000 };
      const on = await serveTransports({ heartbeatDelay: 0, websocketServer: engine });
      const { raw, session } = await open(on, transport);
      session.close(3000, 'bye');
      await raw.until('bye');
      const end = closeOf(session);
      clock.tick(1000);
      assert.deepEqual(await end, { code: 3000, reason: 'bye', wasClean: false });
    });
  }
});

describe('a WebSocket whose send begins to throw', () => {
  for (const transport of WEBSOCKETS) {
    it(`costs its session and nothing else, in the middle of a broadcast as well: ${transport.name}`, async () => {
      let isBroken = false;
      class Broken extends WebSocket {
        override send(...args: unknown[]): void {
          if (isBroken) {
            throw new Error('a wrapper threw');
          }
          Reflect.apply(super.send, this, args);
        }
      }
      const on = await serveTransports({ heartbeatDelay: 0, websocketServer: { WebSocket: Broken } });
      const { raw, session } = await open(on, transport);
      const stream = ALL_TRANSPORTS.find(({ name }) => name === 'xhr-streaming') as WireTransport;
      const other = await on.open(stream);
      isBroken = true;
      const end = closeOf(session);
      assert.equal(on.router.broadcast('x'), 2);
      assert.deepEqual(await end, { code: 1002, reason: 'Connection interrupted', wasClean: false });
      await raw.closed;
      await other.raw.until(stream.wrap('a["x"]'));
      assert.equal(other.session.state, 'active');
    });
  }
});

describe('heartbeats of a WebSocket', () => {
  for (const transport of WEBSOCKETS) {
    it(`do not pile up behind bytes that the client does not read: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ heartbeatDelay: 1000, maxSendBuffer: 64 * MIB });
      const { raw, session } = await open(on, transport);
      raw.socket.pause();
      session.send('x'.repeat(32 * MIB));
      await turn();
      await turn();
      const before = session.bufferedAmount;
      for (let i = 0; i < 1000; i += 1) {
        clock.tick(1000);
        if (i % 100 === 0) {
          await turn();
        }
      }
      // At most one ping, which asks for a sign of life.
      assert.ok(session.bufferedAmount <= before + 2, `${session.bufferedAmount - before} bytes more`);
      assert.equal(session.state, 'active');
    });
  }
});

function echoOnMessage(session: Session): void {
  session.on('message', (text) => session.send(text));
}
