/** `Infinity` for each number that an application may give: no limit, or never. */
import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { defaultOptions, type ResolvedOptions, type Session, type SockjsOptions } from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import { closeOf, setUp } from '../support/contract.ts';
import { frameHead } from '../support/frame-peer.ts';
import { handshake, RawSocket } from '../support/http.ts';
import { echo } from '../support/test-server.ts';
import { jsonpPolling, xhrPolling } from '../support/transport-cases.ts';
import { closePayload, serverFrame } from '../support/upgrade-client.ts';
import { appWith, attached, pausingMiddleware } from '../support/upgrade-server.ts';
import {
  ALL_TRANSPORTS,
  answerOf,
  HTTP_TRANSPORTS,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../support/wire-transports.ts';

/** The options whose values are numbers. */
type NumericOption = {
  [Name in keyof ResolvedOptions]-?: number extends ResolvedOptions[Name] ? Name : never;
}[keyof ResolvedOptions];

const NUMERIC = Object.entries(defaultOptions).flatMap(([name, value]) => (typeof value === 'number' ? [name] : []));

/** Longer than the longest delay of a timer in Node, which is 24 days. */
const LONG = 2 ** 31;

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_STRING = constants.MAX_STRING_LENGTH;

const STREAMING = ALL_TRANSPORTS.filter(({ isStreaming }) => isStreaming);
const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');
const POLLING = transportOf('xhr-polling');

function transportOf(name: WireTransport['name']): WireTransport {
  return ALL_TRANSPORTS.find((transport) => transport.name === name) ?? assert.fail(name);
}

/** What a transport sends for one message. */
function messageOf(transport: WireTransport, message: string): string {
  return transport.name === 'websocket-raw' ? serverFrame(1, message) : transport.wrap(`a["${message}"]`);
}

/** Polls once more, or leaves the stream as it is. Settles when the session has its receiver. */
async function receiver(on: TransportServer, transport: WireTransport, opened: RawSocket): Promise<RawSocket> {
  if (transport.isStreaming) {
    return opened;
  }
  await opened.closed;
  const asked = once(on.server, 'request');
  const poll = on.ask(transport);
  await asked;
  return poll;
}

/** Keeps `onSession` from settling, so that no message is dropped while the test does not read. */
const mayReadLater = { onSession: () => new Promise<never>(() => {}) };

/** Settles with the next messages. */
async function read(session: Session, count: number): Promise<string[]> {
  const messages: string[] = [];
  for (let i = 0; i < count; i += 1) {
    messages.push(await session.recv());
  }
  return messages;
}

/** Begins a send, as far as its head. */
function beginSend({ port }: TransportServer, ...headers: string[]): RawSocket {
  return new RawSocket(port).send(
    'POST /echo/000/session/xhr_send HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    ...headers,
    '',
    '',
  );
}

/** What holds with `Infinity`, as tests by the option. */
const WITHOUT_LIMIT: Readonly<Record<NumericOption, Readonly<Record<string, () => Promise<void>>>>> = {
  responseLimit: {
    'ends no response for its size': async () => {
      for (const transport of STREAMING) {
        const on = await serveTransports({ responseLimit: Number.POSITIVE_INFINITY });
        const { raw, session } = await on.open(transport);
        for (const text of ['x', 'y', 'z'].map((letter) => letter.repeat(100 * KIB))) {
          session.send(text);
          await raw.until(text);
        }
        session.send('last');
        await raw.until(messageOf(transport, 'last'));
        assert.equal(raw.socket.destroyed, false);
      }
    },
    'leaves polling as it is': async () => {
      const on = await serveTransports({ responseLimit: Number.POSITIVE_INFINITY });
      const { raw } = await on.open(POLLING);
      assert.equal((await answerOf(raw)).body, 'o\n');
    },
  },

  websocketWriteTimeout: {
    'terminates no WebSocket': async () => {
      const clock = stopClock();
      const on = await serveTransports({
        websocketWriteTimeout: Number.POSITIVE_INFINITY,
        heartbeatDelay: 0,
        maxSendBuffer: Number.POSITIVE_INFINITY,
      });
      for (const transport of WEBSOCKETS) {
        const { raw, session } = await on.open(transport);
        raw.socket.pause();
        session.send('x'.repeat(32 * MIB));
        await turn();
        assert.ok(session.bufferedAmount > 0);
        assert.equal(clock.countTimers(), 0);
        clock.tick(LONG);
        assert.equal(session.state, 'active');
        raw.socket.resetAndDestroy();
        await once(session, 'close');
      }
    },
  },

  heartbeatDelay: {
    'sends no heartbeat and no ping': async () => {
      const clock = stopClock();
      for (const transport of ALL_TRANSPORTS.filter(({ family }) => family !== 'jsonp')) {
        const on = await serveTransports({ heartbeatDelay: Number.POSITIVE_INFINITY });
        // An earlier session may wait for its client.
        const timers = clock.countTimers();
        const { raw, session } = await on.open(transport);
        const receiving = await receiver(on, transport, raw);
        assert.equal(clock.countTimers(), timers, transport.name);
        clock.tick(LONG);
        session.send('m');
        const received = await receiving.until(messageOf(transport, 'm'));
        const opening = transport.isStreaming ? received.indexOf(transport.wrap('o')) + transport.wrap('o').length : 0;
        const between = received.slice(opening, received.indexOf(messageOf(transport, 'm')));
        if (transport.name !== 'websocket-raw') {
          assert.doesNotMatch(between, /(^|\W)h(\W|$)/, transport.name);
        }
        assert.doesNotMatch(between, /\x89/, transport.name);
      }
    },
    'leaves a jsonp poll its 30 s': async () => {
      const { client, clock } = await setUp(jsonpPolling, { heartbeatDelay: Number.POSITIVE_INFINITY });
      const poll = await client.open();
      clock.tick(29_999);
      assert.equal((await client.post('[]')).status, 200);
      assert.equal(clock.countTimers(), 1);
      clock.tick(1);
      await poll.endsWith('h');
    },
  },

  disconnectDelay: {
    'lets a session wait for its client for ever': async () => {
      for (const transport of [xhrPolling, jsonpPolling]) {
        const options = { disconnectDelay: Number.POSITIVE_INFINITY, heartbeatDelay: 0 };
        const { client, clock, sessions } = await setUp(transport, options);
        await client.gets('o');
        const session = await sessions.next();
        clock.tick(LONG);
        assert.equal(session.state, 'active');
        assert.equal(clock.countTimers(), 0);
        session.send('kept');
        clock.tick(LONG);
        await client.gets('a["kept"]');
        clock.uninstall();
      }
    },
    'lets a session that is closed wait for 5 s, and remembers how it ended': async () => {
      const { client, clock, sessions } = await setUp(xhrPolling, { disconnectDelay: Number.POSITIVE_INFINITY });
      await client.gets('o');
      const session = await sessions.next();
      clock.tick(LONG);
      const closed = closeOf(session);
      session.close(3000, 'Go away!');
      clock.tick(4999);
      assert.equal(session.state, 'closing');
      clock.tick(1);
      assert.deepEqual(await closed, { code: 3000, reason: 'Go away!', wasClean: false });
      assert.equal(clock.countTimers(), 0);
      clock.tick(LONG);
      await client.gets('c[3000,"Go away!"]');
      assert.equal(sessions.count(), 1);
    },
    'has a client that breaks off end its session at once all the same': async () => {
      const { client, sessions } = await setUp(xhrPolling, { disconnectDelay: Number.POSITIVE_INFINITY });
      const poll = await client.open();
      const closed = closeOf(await sessions.next());
      poll.stream.abort();
      assert.deepEqual(await closed, { code: 1002, reason: 'Connection interrupted', wasClean: false });
    },
  },

  maxMessageSize: {
    'takes messages that are larger than by default': async () => {
      const on = await serveTransports({
        maxMessageSize: Number.POSITIVE_INFINITY,
        maxReceiveBuffer: Number.POSITIVE_INFINITY,
      });
      const text = 'x'.repeat(3 * MIB);
      for (const transport of HTTP_TRANSPORTS) {
        const { session } = await on.open(transport, transport.name);
        const answer = answerOf(on.send(transport, transport.name, JSON.stringify([text])));
        assert.equal((await session.recv()).length, text.length);
        assert.ok((await answer).status < 300);
      }
      for (const transport of WEBSOCKETS) {
        const { raw, session } = await on.open(transport, transport.name);
        const payload = Buffer.from(transport.name === 'websocket' ? JSON.stringify(text) : text);
        raw.socket.write(Buffer.concat([frameHead(0x81, payload.length, { mask: Buffer.alloc(4) }), payload]));
        assert.equal((await session.recv()).length, text.length);
      }
    },
    'answers 413 to a body that no string could hold': async () => {
      const on = await serveTransports({ maxMessageSize: Number.POSITIVE_INFINITY });
      await on.open(POLLING);
      const { status } = await answerOf(beginSend(on, `Content-Length: ${MAX_STRING + 1}`));
      assert.equal(status, 413);
      const longest = beginSend(on, `Content-Length: ${MAX_STRING}`);
      await once(on.server, 'request');
      await turn();
      longest.socket.destroy();
      assert.deepEqual(on.router.stats().rejected, { size: 1 });
    },
    'cuts a send whose body does not fit into the memory, and nothing else': async () => {
      const on = await serveTransports({ maxMessageSize: Number.POSITIVE_INFINITY });
      const { session } = await on.open(POLLING);
      const asked = once(on.server, 'request') as Promise<[IncomingMessage]>;
      const raw = beginSend(on, 'Content-Length: 6');
      const [req] = await asked;
      raw.send('["');
      await once(req, 'data');
      const { mock: concat } = mock.method(Buffer, 'concat', () => {
        throw new RangeError('Array buffer allocation failed');
      });
      afterTest(() => concat.restore());
      // A body in ASCII is decoded piece by piece.
      raw.socket.write('ü"]');
      assert.equal(await raw.closed, '');
      concat.restore();
      assert.equal(session.state, 'active');
      assert.equal((await answerOf(on.send(POLLING, 'session', '["m"]'))).status, 204);
      assert.equal(await session.recv(), 'm');
    },
    'closes a WebSocket with 1009 for a message that no string could hold': async () => {
      const on = await serveTransports({ maxMessageSize: Number.POSITIVE_INFINITY });
      for (const transport of WEBSOCKETS) {
        const { raw, session } = await on.open(transport);
        const closed = closeOf(session);
        raw.socket.write(frameHead(0x81, MAX_STRING + 1));
        assert.equal((await closed).code, 1009);
        assert.ok((await raw.closed).endsWith(serverFrame(8, closePayload(1009))));
      }
    },
  },

  maxMessagesPerRequest: {
    'takes any number of messages': async () => {
      const on = await serveTransports({
        maxMessagesPerRequest: Number.POSITIVE_INFINITY,
        maxReceiveBuffer: Number.POSITIVE_INFINITY,
      });
      const many = 12_000;
      const payload = JSON.stringify(Array(many).fill('m'));
      const { session } = await on.open(POLLING);
      assert.equal((await answerOf(on.send(POLLING, 'session', payload))).status, 204);
      assert.equal((await read(session, many)).length, many);
      const { raw, session: framed } = await on.open(transportOf('websocket'));
      raw.socket.write(
        Buffer.concat([frameHead(0x81, payload.length, { mask: Buffer.alloc(4) }), Buffer.from(payload)]),
      );
      assert.equal((await read(framed, many)).length, many);
    },
  },

  maxSendBuffer: {
    'accepts all that the application sends': async () => {
      const on = await serveTransports({ maxSendBuffer: Number.POSITIVE_INFINITY });
      const { raw, session } = await on.open(POLLING);
      await raw.closed;
      const text = 'x'.repeat(MIB);
      for (let i = 0; i < 20; i += 1) {
        assert.equal(session.send(text), true);
      }
      assert.equal(session.bufferedAmount, 20 * MIB);
      assert.equal(on.router.stats().queuedBytes, 20 * MIB);
      const { body } = await answerOf(on.ask(POLLING));
      assert.equal(body.length, 20 * (MIB + 3) + 'a[]\n'.length - 1);
    },
    'accepts any number of messages': async () => {
      const on = await serveTransports({ maxSendBuffer: Number.POSITIVE_INFINITY });
      const { session } = await on.open(POLLING);
      for (let i = 0; i < 300_000; i += 1) {
        session.send('');
      }
      assert.equal(session.state, 'active');
    },
  },

  sendHighWaterMark: {
    'never asks the application to wait': async () => {
      const on = await serveTransports({ sendHighWaterMark: Number.POSITIVE_INFINITY });
      const { raw, session } = await on.open(POLLING);
      await raw.closed;
      session.send('x'.repeat(MIB));
      assert.equal(session.writableNeedDrain, false);
      await session.drained();
    },
  },

  maxReceiveBuffer: {
    'slows no client': async () => {
      const on = await serveTransports({ maxReceiveBuffer: Number.POSITIVE_INFINITY }, mayReadLater);
      const { session } = await on.open(POLLING);
      const payload = JSON.stringify(['x'.repeat(700 * KIB)]);
      for (let i = 0; i < 3; i += 1) {
        assert.equal((await answerOf(on.send(POLLING, 'session', payload))).status, 204);
      }
      assert.equal((await read(session, 3)).length, 3);
    },
    'drops nothing where the application reads late': async () => {
      const on = await serveTransports({ maxReceiveBuffer: Number.POSITIVE_INFINITY });
      const { session } = await on.open(POLLING);
      const payload = JSON.stringify(['x'.repeat(700 * KIB)]);
      for (let i = 0; i < 3; i += 1) {
        assert.equal((await answerOf(on.send(POLLING, 'session', payload))).status, 204);
      }
      assert.equal((await read(session, 3)).length, 3);
    },
  },

  receiveStallTimeout: {
    'lets a slowed client wait for ever': async () => {
      const clock = stopClock();
      const on = await serveTransports(
        {
          receiveStallTimeout: Number.POSITIVE_INFINITY,
          maxReceiveBuffer: 1,
          disconnectDelay: Number.POSITIVE_INFINITY,
          heartbeatDelay: 0,
        },
        mayReadLater,
      );
      const { raw, session } = await on.open(POLLING);
      await raw.closed;
      const asked = once(on.server, 'request');
      const send = on.send(POLLING, 'session', '["one","two"]');
      await asked;
      while (on.router.stats().messagesIn === 0) {
        await turn();
      }
      assert.equal(clock.countTimers(), 0);
      clock.tick(LONG);
      assert.deepEqual(await read(session, 2), ['one', 'two']);
      assert.equal((await answerOf(send)).status, 204);
    },
  },

  receiveTimeout: {
    'lets a body take for ever': async () => {
      const clock = stopClock();
      const on = await serveTransports({
        receiveTimeout: Number.POSITIVE_INFINITY,
        disconnectDelay: Number.POSITIVE_INFINITY,
        heartbeatDelay: 0,
      });
      const { raw, session } = await on.open(POLLING);
      await raw.closed;
      const asked = once(on.server, 'request');
      const send = beginSend(on, 'Content-Length: 5');
      await asked;
      await turn();
      assert.equal(clock.countTimers(), 0);
      clock.tick(LONG);
      send.send('["x"]');
      assert.equal(await session.recv(), 'x');
      assert.equal((await answerOf(send)).status, 204);
    },
  },

  maxSessions: { 'lets any number in': () => openMany({ maxSessions: Number.POSITIVE_INFINITY }) },

  maxSessionsPerClient: { 'lets any number in': () => openMany({ maxSessionsPerClient: Number.POSITIVE_INFINITY }) },
};

async function openMany(options: SockjsOptions): Promise<void> {
  const on = await serveTransports(options);
  const ids = Array.from({ length: 100 }, (_, i) => `s${i}`);
  const answers = await Promise.all(ids.map((id) => answerOf(on.ask(POLLING, id))));
  assert.deepEqual(new Set(answers.map(({ body }) => body)), new Set(['o\n']));
  assert.equal(on.router.sessions.size, ids.length);
}

describe('Infinity', () => {
  it('is tried for each option that is a number', () => {
    assert.deepEqual(Object.keys(WITHOUT_LIMIT).sort(), NUMERIC.sort());
  });

  for (const [name, tests] of Object.entries(WITHOUT_LIMIT)) {
    describe(`as ${name}`, () => {
      for (const [title, test] of Object.entries(tests)) {
        it(title, test);
      }
    });
  }

  describe('as upgradeTimeout', () => {
    it('lets an upgrade take for ever', async () => {
      const clock = stopClock();
      const { middleware, next } = pausingMiddleware();
      const { port } = await attached(appWith(middleware, echo), { upgradeTimeout: Number.POSITIVE_INFINITY });
      const raw = new RawSocket(port).send(...handshake('/echo/000/s/websocket'));
      const decision = await next();
      assert.equal(clock.countTimers(), 0);
      clock.tick(LONG);
      decision.next();
      await raw.until(serverFrame(1, 'o'));
    });

    it('leaves an upgrade to a listener that ignores it', async () => {
      const clock = stopClock();
      const { port, server, sockets } = await attached((_req, res) => void res.writeHead(404).end(), {
        upgradeTimeout: Number.POSITIVE_INFINITY,
      });
      const ignored = new Promise((resolve) => server.on('upgrade', resolve));
      const raw = new RawSocket(port).send(...handshake('/other'));
      await ignored;
      clock.tick(LONG);
      await turn();
      assert.equal(sockets.count, 1);
      assert.equal(raw.socket.destroyed, false);
    });
  });

  describe('as timeout of router.close()', () => {
    it('waits until the last client has taken what is queued for it', async () => {
      const clock = stopClock();
      const on = await serveTransports({ disconnectDelay: 60_000 });
      const { raw, session } = await on.open(POLLING);
      await raw.closed;
      session.send('queued');
      const result = on.router.close({ timeout: Number.POSITIVE_INFINITY });
      clock.tick(59_000);
      assert.equal(session.state, 'closing');
      assert.equal((await answerOf(on.ask(POLLING))).body, 'a["queued"]\n');
      assert.equal((await answerOf(on.ask(POLLING))).body, 'c[1001,"Server shutting down"]\n');
      assert.deepEqual(await result, { closed: 1, flushed: 1, dropped: 0 });
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('as every option at once', () => {
    const ALL: SockjsOptions = Object.fromEntries(NUMERIC.map((name) => [name, Number.POSITIVE_INFINITY]));

    for (const transport of ALL_TRANSPORTS) {
      it(`carries a session over ${transport.name}`, async () => {
        const clock = stopClock();
        const on = await serveTransports(ALL, { onSession: echo });
        const { raw, session } = await on.open(transport);
        const receiving = await receiver(on, transport, raw);
        session.send('m');
        await receiving.until(messageOf(transport, 'm'));
        assert.doesNotMatch(JSON.stringify(on.router.stats()), /null/);
        const closed = closeOf(session);
        const result = on.router.close({ timeout: Number.POSITIVE_INFINITY });
        if (transport.family === 'websocket') {
          raw.socket.destroy();
        } else if (!transport.isStreaming) {
          await receiving.closed;
          await answerOf(on.ask(transport));
        }
        await closed;
        assert.equal((await result).closed, 1);
        assert.equal(clock.countTimers(), 0);
      });
    }
  });
});

describe('responseLimit', () => {
  for (const responseLimit of [0, 1]) {
    for (const transport of STREAMING.filter(({ family }) => family !== 'websocket')) {
      it(`of ${responseLimit} ends each response after one frame: ${transport.name}`, async () => {
        const on = await serveTransports({ responseLimit });
        const { raw, session } = await on.open(transport);
        await raw.closed;
        session.send('one');
        const fetching = on.ask(transport);
        assert.ok((await fetching.closed).includes(messageOf(transport, 'one')));
        const waiting = on.ask(transport);
        await once(on.server, 'request');
        session.send('two');
        session.send('three');
        assert.ok((await waiting.closed).includes(transport.wrap('a["two","three"]')));
      });
    }
  }
});
