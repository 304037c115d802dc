/** Slow readers on both sides: `maxSendBuffer`, `drain`, `maxReceiveBuffer`, and WebSocket peers that are gone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Session, SessionCloseEvent } from '../../lib/index.ts';
import { stopClock } from '../support/clock.ts';
import type { RawSocket } from '../support/http.ts';
import { ServerSockets } from '../support/upgrade-client.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  answerOf,
  HTTP_TRANSPORTS,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../support/wire-transports.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** More than two kernels will buffer for a client that does not read. */
const FLOOD = 32 * MIB;

/** Streaming responses that do not end by themselves. */
const ENDLESS = { responseLimit: Number.MAX_SAFE_INTEGER };

/** Those on which a client can be attached and not read. */
const STREAMING = ALL_TRANSPORTS.filter(({ isStreaming }) => isStreaming);
const POLLING = ALL_TRANSPORTS.filter(({ isStreaming }) => !isStreaming);
const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');

async function closeOf(session: Session): Promise<SessionCloseEvent> {
  const [event] = (await once(session, 'close')) as [SessionCloseEvent];
  return event;
}

/** Sends until the session takes no more, giving the connection its chance between; the most that was buffered. */
async function flood(session: Session): Promise<number> {
  const message = 'x'.repeat(64 * KIB);
  let most = 0;
  for (let sent = 0; session.send(message); sent += message.length) {
    assert.equal(sent < 2 * FLOOD, true, 'the session takes everything');
    await turn();
    most = Math.max(most, session.bufferedAmount);
  }
  return most;
}

/** Settles when nothing waits to leave any more. */
async function left(session: Session): Promise<void> {
  while (session.bufferedAmount > 0) {
    await turn();
  }
}

/** A client on the same server, beside those that misbehave. */
async function healthy(on: TransportServer): Promise<{ works(): Promise<void> }> {
  const client = new WebSocketClient(on.origin, '/echo/000/healthy/websocket');
  const session = await on.sessions.next();
  assert.equal(await client.next(), 'o');
  session.on('message', (message) => session.send(message));
  return {
    // Several times, so that the loopback interface has delivered everything.
    works: async () => {
      for (let i = 0; i < 20; i += 1) {
        client.send(`"${i}"`);
        assert.equal(await client.next(), `a["${i}"]`);
      }
    },
  };
}

async function openWebSocket(on: TransportServer, { name }: WireTransport, options: { autoPong?: boolean } = {}) {
  const path = name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket';
  const client = new WebSocketClient(on.origin, path, options);
  const session = await on.sessions.next();
  await client.opened;
  return { client, session };
}

describe('maxSendBuffer', () => {
  // More than is left for the kernels to take once the client has stopped reading.
  const LIMIT = 16 * MIB;
  const OPTIONS = { ...ENDLESS, maxSendBuffer: LIMIT, heartbeatDelay: 0 };

  for (const transport of STREAMING) {
    it(`closes with 1013 a client that does not read, and cuts it within 30 s: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports(OPTIONS);
      const beside = await healthy(on);
      const sockets = new ServerSockets(on.server);
      const { raw, session } = await on.open(transport);
      raw.socket.pause();
      const connection = await sockets.next();
      const end = closeOf(session);
      const most = await flood(session);
      assert.equal(most <= LIMIT, true, `${most} bytes were buffered`);
      assert.notEqual(session.state, 'active');
      assert.equal(session.bufferedAmount <= LIMIT + KIB, true, `${session.bufferedAmount} bytes are buffered`);
      await beside.works();
      clock.tick(4999);
      assert.equal(connection.destroyed, false);
      clock.tick(25_001);
      await sockets.gone();
      assert.deepEqual(await end, { code: 1013, reason: 'Slow consumer', wasClean: false });
      assert.equal(session.bufferedAmount, 0);
      assert.equal(on.router.stats().queuedBytes, 0);
      await beside.works();
      assert.equal(clock.countTimers(), 0);
    });

    it(`tells a client that reads on after all: ${transport.name}`, async () => {
      stopClock();
      const on = await serveTransports(OPTIONS);
      const event = { code: 1013, reason: 'Slow consumer', wasClean: true };
      if (transport.family === 'websocket') {
        const { client, session } = await openWebSocket(on, transport);
        client.socket.pause();
        const end = closeOf(session);
        await flood(session);
        client.socket.resume();
        assert.deepEqual(await client.closed, { code: 1013, reason: 'Slow consumer' });
        assert.deepEqual(await end, event);
      } else {
        const { raw, session } = await on.open(transport);
        raw.socket.pause();
        const end = closeOf(session);
        await flood(session);
        raw.socket.resume();
        assert.equal((await raw.closed).includes(transport.wrap('c[1013,"Slow consumer"]')), true);
        assert.deepEqual(await end, event);
      }
    });
  }

  for (const transport of POLLING) {
    it(`closes with 1013 a session without polls: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports(OPTIONS);
      const { raw, session } = await on.open(transport);
      await raw.closed;
      const end = closeOf(session);
      const message = 'x'.repeat(LIMIT / 4);
      for (let i = 1; i <= 4; i += 1) {
        assert.equal(session.send(message), true);
        assert.equal(session.bufferedAmount, (i * LIMIT) / 4);
      }
      assert.equal(session.send('x'), false);
      assert.equal(session.bufferedAmount, 0);
      assert.equal(session.state, 'closing');
      assert.equal((await on.ask(transport).closed).includes(transport.wrap('c[1013,"Slow consumer"]')), true);
      assert.deepEqual(await end, { code: 1013, reason: 'Slow consumer', wasClean: true });
      assert.equal(clock.countTimers(), 0);
    });

    it(`is over after disconnectDelay where no receiver comes for the close frame either: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports(OPTIONS);
      const { raw, session } = await on.open(transport);
      await raw.closed;
      const end = closeOf(session);
      session.send('x'.repeat(LIMIT + 1));
      clock.tick(5000);
      assert.deepEqual(await end, { code: 1013, reason: 'Slow consumer', wasClean: false });
    });

    it(`counts what a poll has taken and the client does not read, and cuts it in the end: ${transport.name}`, async () => {
      const clock = stopClock();
      const on = await serveTransports(OPTIONS);
      const beside = await healthy(on);
      const sockets = new ServerSockets(on.server);
      await (await on.open(transport)).raw.closed;
      const [session] = [...on.router.sessions].filter(({ id }) => id === 'session');
      assert.notEqual(session, undefined);
      await sockets.next();
      const asked = once(on.server, 'request');
      const raw = on.ask(transport);
      raw.socket.pause();
      const connection = await sockets.next();
      await asked;
      assert.equal(session?.send('x'.repeat(16 * MIB)), true);
      await turn();
      const waiting = session?.bufferedAmount ?? 0;
      assert.equal(waiting > 4 * MIB && waiting <= 17 * MIB, true, `${waiting} bytes are buffered`);
      assert.equal(session?.send('x'.repeat(12 * MIB)), false);
      await beside.works();
      clock.tick(30_000);
      await turn();
      assert.equal(connection.destroyed, true, 'the connection stays for ever');
    });
  }

  it('is 16 MiB by default', async () => {
    const on = await serveTransports();
    const { raw, session } = await on.open(POLLING[0] ?? assert.fail());
    await raw.closed;
    assert.equal(session.send('x'.repeat(16 * MIB)), true);
    assert.equal(session.send('x'), false);
  });
});

describe('drain', () => {
  for (const transport of ALL_TRANSPORTS) {
    it(`comes when the client has read on; nothing is lost: ${transport.name}`, async () => {
      stopClock();
      const on = await serveTransports({ ...ENDLESS, maxSendBuffer: FLOOD, sendHighWaterMark: 256 * KIB });
      const opened = await on.open(transport);
      const { session } = opened;
      let raw: RawSocket = opened.raw;
      if (!transport.isStreaming) {
        await raw.closed;
        const asked = once(on.server, 'request');
        raw = on.ask(transport);
        await asked;
      }
      raw.socket.pause();
      let drains = 0;
      session.on('drain', () => {
        drains += 1;
        assert.equal(session.bufferedAmount < 256 * KIB, true, `${session.bufferedAmount} bytes are buffered`);
        assert.equal(session.writableNeedDrain, false);
      });
      await session.drained();
      const count = 8;
      for (let i = 0; i < count; i += 1) {
        session.send(`<${i}>${'x'.repeat(2 * MIB)}`);
      }
      session.send('last');
      assert.equal(session.writableNeedDrain, true);
      await turn();
      const waiting = session.bufferedAmount;
      assert.equal(waiting > 4 * MIB && waiting < 17 * MIB, true, `${waiting} bytes are buffered`);
      assert.equal(on.router.stats().queuedBytes, waiting);
      assert.equal(drains, 0);
      const drained = session.drained();
      raw.socket.resume();
      await drained;
      await left(session);
      const received = await raw.until('last');
      const positions = Array.from({ length: count }, (_, i) => received.search(new RegExp(`(<|u003c)${i}>`)));
      assert.equal(positions.includes(-1), false);
      assert.deepEqual(
        positions.toSorted((a, b) => a - b),
        positions,
      );
      assert.equal(drains, 1);
      if (!transport.isStreaming) {
        await raw.closed;
      }
      assert.equal(session.state, 'active');
      assert.equal(on.router.stats().queuedBytes, 0);
    });
  }
});

describe('maxReceiveBuffer', () => {
  const OPTIONS = { maxReceiveBuffer: 10 * KIB, maxMessageSize: 64 * KIB };
  /** An `onSession` that has not settled: once it has, unread messages would be dropped. */
  const READING = { onSession: () => new Promise(() => {}) };
  const SIZE = 32 * KIB;
  const text = (i: number) => String(i).padEnd(SIZE, '.');

  for (const transport of WEBSOCKETS) {
    describe(transport.name, () => {
      it('pauses the WebSocket until the application has read; all arrives, in order', async () => {
        const on = await serveTransports(OPTIONS, READING);
        const beside = await healthy(on);
        const { client, session } = await openWebSocket(on, transport);
        const count = FLOOD / SIZE;
        for (let i = 0; i < count; i += 1) {
          client.send(JSON.stringify(text(i)));
        }
        const unquoted = (message: string) => (transport.name === 'websocket' ? message : String(JSON.parse(message)));
        assert.equal(unquoted(await session.recv()), text(0));
        await beside.works();
        const { bytesIn } = on.router.stats();
        // What one read brings comes in at once.
        assert.equal(bytesIn < 512 * KIB, true, `${bytesIn} bytes came in`);
        assert.equal(client.socket.bufferedAmount > MIB, true, 'nothing has piled up');
        for (let i = 1; i < count; i += 1) {
          assert.equal(unquoted(await session.recv()), text(i));
        }
        assert.equal(client.socket.bufferedAmount, 0);
        assert.equal(session.state, 'active');
      });

      it('closes with 1013 when nothing is read for receiveStallTimeout, and only then', async () => {
        const clock = stopClock();
        const on = await serveTransports({ ...OPTIONS, receiveStallTimeout: 1000, heartbeatDelay: 0 }, READING);
        const beside = await healthy(on);
        const { client, session } = await openWebSocket(on, transport);
        const end = closeOf(session);
        for (let i = 0; i < 100; i += 1) {
          client.send(JSON.stringify(text(i)));
        }
        await session.recv();
        await beside.works();
        for (let i = 0; i < 3; i += 1) {
          clock.tick(999);
          await session.recv();
          await beside.works();
        }
        clock.tick(999);
        assert.equal(session.state, 'active');
        clock.tick(1);
        assert.equal(session.state, 'closing');
        assert.deepEqual(await client.closed, { code: 1013, reason: 'Messages are not read' });
        assert.deepEqual(await end, { code: 1013, reason: 'Messages are not read', wasClean: true });
      });

      it('does not take a client for dead while it is paused, and hears it afterwards', async () => {
        const clock = stopClock();
        const on = await serveTransports({ ...OPTIONS, receiveStallTimeout: 0, heartbeatDelay: 1000 }, READING);
        const { client, session } = await openWebSocket(on, transport, { autoPong: false });
        client.send(JSON.stringify(text(0)));
        client.send(JSON.stringify(text(1)));
        client.send('"last"');
        while (on.router.stats().messagesIn < 1) {
          await turn();
        }
        for (let i = 0; i < 10; i += 1) {
          clock.tick(1000);
          await turn();
        }
        assert.equal(session.state, 'active');
        await session.recv();
        await session.recv();
        assert.match(await session.recv(), /last/);
        // From here on it is silent.
        const end = closeOf(session);
        for (let i = 0; i < 3; i += 1) {
          clock.tick(1000);
          await turn();
        }
        assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
      });

      it('lets a paused WebSocket be closed by the application', async () => {
        const on = await serveTransports(OPTIONS, READING);
        const { client, session } = await openWebSocket(on, transport);
        const end = closeOf(session);
        for (let i = 0; i < 20; i += 1) {
          client.send(JSON.stringify(text(i)));
        }
        while (on.router.stats().messagesIn < 1) {
          await turn();
        }
        session.close(3000, 'Bye');
        assert.deepEqual(await client.closed, { code: 3000, reason: 'Bye' });
        assert.deepEqual(await end, { code: 3000, reason: 'Bye', wasClean: true });
      });

      it('hears of a client that is gone while it is paused', async () => {
        const clock = stopClock();
        const on = await serveTransports({ ...OPTIONS, receiveStallTimeout: 1000 }, READING);
        const { client, session } = await openWebSocket(on, transport);
        client.send(JSON.stringify(text(0)));
        while (on.router.stats().messagesIn < 1) {
          await turn();
        }
        const end = closeOf(session);
        client.socket.terminate();
        await client.closed;
        clock.tick(1000);
        assert.equal((await end).wasClean, false);
      });
    });
  }

  for (const transport of HTTP_TRANSPORTS.filter(({ name }) => name.endsWith('polling'))) {
    const taken = transport.family === 'xhr' ? 204 : 200;
    describe(`${transport.family}_send`, () => {
      it('is answered only when there is room again; others wait their turn, in order', async () => {
        stopClock();
        const on = await serveTransports(OPTIONS, READING);
        const beside = await healthy(on);
        await (await on.open(transport)).raw.closed;
        const session = on.router.sessions.get('session') ?? assert.fail();
        const sends = [];
        for (let i = 0; i < 5; i += 1) {
          const asked = once(on.server, 'request');
          sends.push(on.send(transport, 'session', JSON.stringify([text(i), `and ${i}`])));
          await asked;
        }
        await beside.works();
        assert.equal(on.router.stats().messagesIn, 2 + 20);
        for (const [i, send] of sends.entries()) {
          assert.equal(send.socket.bytesRead, 0);
          assert.equal(await session.recv(), text(i));
          assert.equal(await session.recv(), `and ${i}`);
          assert.equal((await answerOf(send)).status, taken);
          await beside.works();
        }
      });

      it('is answered at once while there is room', async () => {
        const on = await serveTransports(OPTIONS, READING);
        const { session } = await on.open(transport);
        assert.equal(
          (await answerOf(on.send(transport, 'session', JSON.stringify(['x'.repeat(10 * KIB)])))).status,
          taken,
        );
        const over = on.send(transport, 'session', '["y"]');
        assert.equal((await session.recv()).length, 10 * KIB);
        assert.equal((await answerOf(over)).status, taken);
      });

      it('closes with 1013 after receiveStallTimeout, and leaves no send without an answer', async () => {
        const clock = stopClock();
        const on = await serveTransports({ ...OPTIONS, disconnectDelay: 300_000 }, READING);
        const { raw, session } = await on.open(transport);
        await raw.closed;
        const beside = await healthy(on);
        const sends = [0, 1, 2].map((i) => on.send(transport, 'session', JSON.stringify([text(i)])));
        await beside.works();
        clock.tick(59_999);
        assert.equal(session.state, 'active');
        clock.tick(1);
        assert.equal(session.state, 'closing');
        assert.deepEqual(
          (await Promise.all(sends.map(answerOf))).map(({ status }) => status),
          [taken, 404, 404],
        );
        assert.equal(
          (await on.ask(transport).closed).includes(transport.wrap('c[1013,"Messages are not read"]')),
          true,
        );
      });

      it('survives clients that leave while they wait', async () => {
        stopClock();
        const on = await serveTransports(OPTIONS, READING);
        const { raw, session } = await on.open(transport);
        await raw.closed;
        const beside = await healthy(on);
        const [first, second] = [0, 1].map((i) => on.send(transport, 'session', JSON.stringify([text(i)])));
        await beside.works();
        first?.socket.resetAndDestroy();
        second?.socket.resetAndDestroy();
        await beside.works();
        const third = on.send(transport, 'session', JSON.stringify(['third']));
        assert.equal((await session.recv()).length, SIZE);
        assert.equal(await session.recv(), 'third');
        assert.equal((await answerOf(third)).status, taken);
      });
    });
  }
});

describe('a WebSocket peer', () => {
  /** Settles when so many bytes more have come in than `before`. */
  async function heard({ request }: Session, before: number, bytes: number): Promise<void> {
    while (request.socket.bytesRead < before + bytes) {
      await turn();
    }
  }
  const OPTIONS = { heartbeatDelay: 1000 };

  for (const transport of WEBSOCKETS) {
    describe(`on ${transport.name}`, () => {
      it('that is silent is pinged after one round and terminated after the next', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { client, session } = await openWebSocket(on, transport, { autoPong: false });
        const end = closeOf(session);
        const ping = once(client.socket, 'ping');
        clock.tick(999);
        assert.equal(session.state, 'active');
        clock.tick(1);
        await ping;
        clock.tick(999);
        await turn();
        assert.equal(session.state, 'active');
        clock.tick(1);
        assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
        assert.equal((await client.closed).code, 1006);
      });

      it('that is silent is noticed, however much is sent to it', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { session } = await openWebSocket(on, transport, { autoPong: false });
        for (let i = 0; i < 20; i += 1) {
          assert.equal(session.state, 'active', `after ${i * 100} ms`);
          session.send('broadcast');
          await turn();
          clock.tick(100);
          await turn();
        }
        while (session.state === 'active') {
          await turn();
        }
      });

      it('that pongs lives', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { client, session } = await openWebSocket(on, transport);
        for (let i = 0; i < 5; i += 1) {
          // A round with a pong is not silent, so that only every other one brings a ping; raw has its heartbeats beside.
          const before = session.request.socket.bytesRead;
          const ping = once(client.socket, 'ping');
          clock.tick(1000);
          if (i % 2 === 1 && transport.name === 'websocket') {
            continue;
          }
          await ping;
          // An empty pong, masked.
          await heard(session, before, 6);
        }
        assert.equal(session.state, 'active');
      });

      it('that sends lives, though it does not pong', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { client, session } = await openWebSocket(on, transport, { autoPong: false });
        for (let i = 0; i < 5; i += 1) {
          clock.tick(1000);
          client.send('"alive"');
          assert.match(await session.recv(), /alive/);
        }
        assert.equal(session.state, 'active');
      });

      it('that only pings lives', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { client, session } = await openWebSocket(on, transport, { autoPong: false });
        for (let i = 0; i < 5; i += 1) {
          clock.tick(1000);
          const pong = once(client.socket, 'pong');
          client.socket.ping();
          await pong;
        }
        assert.equal(session.state, 'active');
      });

      it('that takes its time over one message lives', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { raw, session } = await on.open(transport);
        // A message of 65535 bytes, masked.
        raw.send('\x81\xfe\xff\xff\0\0\0\0');
        for (let i = 0; i < 10; i += 1) {
          const before = session.request.socket.bytesRead;
          raw.send('.');
          await heard(session, before, 1);
          clock.tick(1000);
          await turn();
        }
        assert.equal(session.state, 'active');
      });

      it('is not cut while our own bytes are on their way; its time begins when they have left', async () => {
        const clock = stopClock();
        const on = await serveTransports(OPTIONS);
        const { raw, session } = await on.open(transport);
        raw.socket.pause();
        session.send('x'.repeat(15 * MIB));
        await turn();
        for (let i = 0; i < 10; i += 1) {
          clock.tick(1000);
          await turn();
        }
        assert.equal(session.state, 'active');
        raw.socket.resume();
        const end = closeOf(session);
        await left(session);
        await raw.until('\x89\0');
        clock.tick(999);
        await turn();
        assert.equal(session.state, 'active');
        clock.tick(1);
        assert.deepEqual(await end, { code: 1006, reason: '', wasClean: false });
      });

      it('is left alone at a heartbeatDelay of 0', async () => {
        const clock = stopClock();
        const on = await serveTransports({ heartbeatDelay: 0 });
        await openWebSocket(on, transport, { autoPong: false });
        assert.equal(clock.countTimers(), 0);
      });
    });
  }
});
