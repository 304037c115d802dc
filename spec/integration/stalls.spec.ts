/**
 * After a stall of the event loop Node runs expired timers before it reads sockets. No time limit may take a client for
 * gone whose sign of life has arrived by then. Here the clock jumps, which expires timers as a stall does, while the
 * client's bytes lie in the kernel; `hostile/stalls.spec.ts` stalls a real process.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { AsyncQueue } from '../support/async-queue.ts';
import { stopClock } from '../support/clock.ts';
import { handshake, RawSocket } from '../support/http.ts';
import { serve, sessionCatcher } from '../support/test-server.ts';
import { clientFrame, serverFrame } from '../support/upgrade-client.ts';
import { ALL_TRANSPORTS, HTTP_TRANSPORTS, serveTransports, type WireTransport } from '../support/wire-transports.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** More than any limit here. */
const LONG = 1_000_000;

/** Lets time go on until an event comes, in small steps, as a loop that runs freely does. */
async function runUntil<T>(clock: Clock, event: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  event.then(over, over);
  while (!isOver) {
    await clock.tickAsync(100);
    await turn();
  }
  return event;
}

/** A way as it is asked for on a connection that stays open. */
function keptAlive(transport: WireTransport, id: string): string[] {
  return transport.requestLines(id).filter((line) => line !== 'Connection: close');
}

describe('a stall of the event loop', () => {
  let clock: Clock;

  beforeEach(() => {
    clock = stopClock();
  });

  for (const transport of HTTP_TRANSPORTS) {
    it(`does not end a session whose next request has arrived: ${transport.name}`, async () => {
      // A limit of one byte has streams end with their first frame.
      const on = await serveTransports({ heartbeatDelay: 0, responseLimit: 1 });
      const raw = new RawSocket(on.port).send(...keptAlive(transport, 'session'));
      const session = await on.sessions.next();
      await raw.until(transport.wrap('o'));
      await turn();
      raw.send(...keptAlive(transport, 'session'));
      clock.jump(LONG);
      assert.equal(session.state, 'active');
      session.send('x');
      await raw.until(transport.wrap('a["x"]'));
      assert.equal(session.state, 'active');
    });

    it(`ends a session whose client has left, once the loop has run: ${transport.name}`, async () => {
      const on = await serveTransports({ heartbeatDelay: 0, responseLimit: 1, disconnectDelay: 5000 });
      const { session, raw } = await on.open(transport);
      await raw.closed;
      clock.jump(LONG);
      assert.equal(session.state, 'active');
      const before = clock.now;
      const [event] = await runUntil(clock, once(session, 'close'));
      assert.deepEqual(event, { code: 1002, reason: 'Connection interrupted', wasClean: false });
      assert.ok(clock.now - before <= 5000 + 200, `${clock.now - before} ms after the stall`);
    });

    it(`does not take the close frame from a client that has asked for it: ${transport.name}`, async () => {
      const on = await serveTransports({ heartbeatDelay: 0, responseLimit: 1 });
      const raw = new RawSocket(on.port).send(...keptAlive(transport, 'session'));
      const session = await on.sessions.next();
      await raw.until(transport.wrap('o'));
      const end = once(session, 'close');
      session.close(3000, 'bye');
      await turn();
      raw.send(...keptAlive(transport, 'session'));
      clock.jump(LONG);
      assert.deepEqual((await end)[0], { code: 3000, reason: 'bye', wasClean: true });
      await raw.until(transport.wrap('c[3000,"bye"]'));
    });

    it(`does not cut a body whose end has arrived: ${transport.name}`, async () => {
      const on = await serveTransports({ heartbeatDelay: 0 });
      const { session } = await on.open(transport);
      const body = '["x"]';
      const raw = new RawSocket(on.port).send(
        `POST /echo/000/session/${transport.family}_send HTTP/1.1`,
        'Host: localhost',
        'Connection: close',
        'Content-Type: text/plain',
        `Content-Length: ${body.length}`,
        '',
        body.slice(0, 2),
      );
      // Until the limit runs, at the latest.
      await once(on.server, 'request');
      await turn();
      raw.socket.write(body.slice(2));
      clock.jump(LONG);
      assert.equal(await session.recv(), 'x');
      assert.match(await raw.closed, /^HTTP\/1\.1 20/);
    });

    it(`does not cut an answer that the client goes on to read: ${transport.name}`, async () => {
      const on = await serveTransports({ heartbeatDelay: 0, responseLimit: 1, maxSendBuffer: 64 * MIB });
      const raw = new RawSocket(on.port).send(...keptAlive(transport, 'session'));
      const session = await on.sessions.next();
      await raw.until(transport.wrap('o'));
      raw.socket.pause();
      raw.send(...keptAlive(transport, 'session'));
      await once(on.server, 'request');
      const text = 'x'.repeat(32 * MIB);
      session.send(text);
      while (session.bufferedAmount > 32 * MIB + KIB || session.bufferedAmount === 0) {
        await turn();
      }
      await turn();
      clock.jump(LONG * 10);
      raw.socket.resume();
      await raw.until(text);
      assert.equal(session.state, 'active');
    });
  }

  for (const transport of ALL_TRANSPORTS.filter(({ family }) => family === 'websocket')) {
    const path = transport.name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket';

    const open = async (options: Parameters<typeof serve>[0]) => {
      const { onSession, next } = sessionCatcher();
      const on = await serve({ rawWebsocket: true, ...options }, onSession);
      const raw = new RawSocket(on.port).send(...handshake(path));
      const session = await next();
      await raw.until('\r\n\r\n');
      return { ...on, raw, session };
    };

    it(`does not cut a WebSocket whose pong has arrived: ${transport.name}`, async () => {
      const { raw, session } = await open({ heartbeatDelay: 1000 });
      clock.tick(1000);
      await raw.until(serverFrame(9, ''));
      // The question has left, and the round in which the answer is waited for has begun.
      await turn();
      raw.socket.write(clientFrame(10, ''), 'latin1');
      clock.jump(LONG);
      assert.equal(session.state, 'active');
      raw.socket.write(clientFrame(1, transport.name === 'websocket' ? '["x"]' : 'x'), 'latin1');
      assert.equal(await session.recv(), 'x');
    });

    it(`cuts a WebSocket whose client is silent, once the loop has run: ${transport.name}`, async () => {
      const { raw, session } = await open({ heartbeatDelay: 1000 });
      clock.tick(1000);
      await raw.until(serverFrame(9, ''));
      await turn();
      clock.jump(LONG);
      assert.equal(session.state, 'active');
      const before = clock.now;
      const [event] = await runUntil(clock, once(session, 'close'));
      assert.deepEqual(event, { code: 1006, reason: '', wasClean: false });
      assert.ok(clock.now - before <= 1000 + 200, `${clock.now - before} ms after the stall`);
    });

    it(`does not cut what a closing WebSocket has still to read: ${transport.name}`, async () => {
      const { raw, session } = await open({ heartbeatDelay: 0, maxSendBuffer: 64 * MIB });
      raw.socket.pause();
      const text = 'x'.repeat(32 * MIB);
      session.send(text);
      session.close(3000, 'bye');
      await turn();
      clock.jump(LONG * 10);
      raw.socket.resume();
      await raw.until(text);
      await raw.until('bye');
    });

    it(`does not cut a client that takes what is written to it: ${transport.name}`, async () => {
      const { raw, session } = await open({ heartbeatDelay: 0, websocketWriteTimeout: 1000, maxSendBuffer: 64 * MIB });
      raw.socket.pause();
      const text = 'x'.repeat(32 * MIB);
      session.send(text);
      await turn();
      await turn();
      clock.jump(LONG);
      raw.socket.resume();
      await raw.until(text);
      assert.equal(session.state, 'active');
    });
  }

  it('does not end a session whose application goes on to read', async () => {
    const on = await serveTransports({ heartbeatDelay: 0, maxReceiveBuffer: 1 });
    const transport = HTTP_TRANSPORTS[0] as WireTransport;
    const { session } = await on.open(transport);
    const read = session.recv();
    on.send(transport, 'session', '["one","two","three"]');
    assert.equal(await read, 'one');
    clock.jump(LONG);
    assert.equal(await session.recv(), 'two');
    clock.jump(LONG);
    assert.equal(session.state, 'active');
    assert.equal(await session.recv(), 'three');
  });

  it('does not keep router.close() from waiting for a client that has asked for its close frame', async () => {
    const on = await serveTransports({ heartbeatDelay: 0, disconnectDelay: LONG * 10 });
    const transport = HTTP_TRANSPORTS[0] as WireTransport;
    const raw = new RawSocket(on.port).send(...keptAlive(transport, 'session'));
    await on.sessions.next();
    await raw.until(transport.wrap('o'));
    const closing = on.router.close({ timeout: 5000 });
    await turn();
    raw.send(...keptAlive(transport, 'session'));
    clock.jump(LONG);
    assert.deepEqual(await closing, { closed: 1, flushed: 1, dropped: 0 });
  });

  it('lets a heartbeat go out at once', async () => {
    const on = await serveTransports({ heartbeatDelay: 1000 });
    const transport = HTTP_TRANSPORTS[0] as WireTransport;
    const raw = new RawSocket(on.port).send(...keptAlive(transport, 'session'));
    await on.sessions.next();
    await raw.until(transport.wrap('o'));
    const requests = new AsyncQueue<unknown>();
    on.server.on('request', (req) => requests.push(req));
    raw.send(...keptAlive(transport, 'session'));
    await requests.next();
    clock.jump(LONG);
    await raw.until(transport.wrap('h'));
  });
});
