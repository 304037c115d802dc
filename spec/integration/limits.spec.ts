/** How much one request or message may hold: `maxMessageSize`, `maxMessagesPerRequest` and `receiveTimeout`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Session, SessionCloseEvent } from '../../lib/index.ts';
import { stopClock } from '../support/clock.ts';
import { frame } from '../support/frame-peer.ts';
import { RawSocket } from '../support/http.ts';
import { closePayload, serverFrame } from '../support/upgrade-client.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import {
  ALL_TRANSPORTS,
  answerOf,
  HTTP_TRANSPORTS,
  refusal,
  serveTransports,
  type TransportServer,
  type WireTransport,
} from '../support/wire-transports.ts';

/** A receiving transport of each family, whose send endpoint is under test; what is common to all its answers. */
const SENDERS = HTTP_TRANSPORTS.filter(({ name }) => name.endsWith('polling')).map((transport) => ({
  transport,
  endpoint: `${transport.family}_send`,
  taken: transport.family === 'xhr' ? 204 : 200,
}));

const WEBSOCKETS = ALL_TRANSPORTS.filter(({ family }) => family === 'websocket');

const TOO_LARGE = 'Payload too large (see the maxMessageSize option).';
const TOO_MANY = 'Too many messages (see the maxMessagesPerRequest option).';

async function closeOf(session: Session): Promise<SessionCloseEvent> {
  const [event] = (await once(session, 'close')) as [SessionCloseEvent];
  return event;
}

/** Begins a send, as far as its head. */
function beginSend({ port }: TransportServer, { family }: WireTransport, ...headers: string[]): RawSocket {
  return new RawSocket(port).send(
    `POST /echo/000/session/${family}_send HTTP/1.1`,
    'Host: localhost',
    'Content-Type: text/plain',
    ...headers,
    '',
    '',
  );
}

/** Nothing has been delivered but what comes now, and the session lives. */
async function assertUntouched(
  on: TransportServer,
  transport: WireTransport,
  session: Session,
  taken: number,
): Promise<void> {
  assert.equal((await answerOf(on.send(transport, 'session', '["good"]'))).status, taken);
  assert.equal(await session.recv(), 'good');
}

async function openWebSocket(on: TransportServer, { name }: WireTransport) {
  const client = new WebSocketClient(
    on.origin,
    name === 'websocket' ? '/echo/000/session/websocket' : '/echo/websocket',
  );
  const session = await on.sessions.next();
  await client.opened;
  return { client, session };
}

const RAW = ALL_TRANSPORTS.find(({ name }) => name === 'websocket-raw') as WireTransport;

describe('maxMessageSize', () => {
  const LIMIT = 1000;
  const OPTIONS = { maxMessageSize: LIMIT };
  const fitting = `["${'x'.repeat(LIMIT - 4)}"]`;

  for (const { transport, endpoint, taken } of SENDERS) {
    describe(endpoint, () => {
      it('takes a body of just that size', async () => {
        const on = await serveTransports(OPTIONS);
        const { session } = await on.open(transport);
        assert.equal((await answerOf(on.send(transport, 'session', fitting))).status, taken);
        assert.equal((await session.recv()).length, LIMIT - 4);
      });

      it('answers 413 to a declared length at once, before any of the body', async () => {
        const on = await serveTransports(OPTIONS);
        const { session } = await on.open(transport);
        const raw = beginSend(on, transport, `Content-Length: ${LIMIT + 1}`);
        assert.deepEqual(await answerOf(raw), refusal(transport, 413, TOO_LARGE));
        assert.deepEqual(on.router.stats().rejected, { size: 1 });
        await assertUntouched(on, transport, session, taken);
      });

      it('answers 413 to a chunked body as soon as it is passed, and closes the connection', async () => {
        const on = await serveTransports(OPTIONS);
        const { session } = await on.open(transport);
        const raw = beginSend(on, transport, 'Transfer-Encoding: chunked');
        raw.send((LIMIT + 1).toString(16), `${fitting} `, '');
        assert.deepEqual(await answerOf(raw), refusal(transport, 413, TOO_LARGE));
        await assertUntouched(on, transport, session, taken);
      });

      it('takes a chunked body of just that size', async () => {
        const on = await serveTransports(OPTIONS);
        const { session } = await on.open(transport);
        const raw = beginSend(on, transport, 'Transfer-Encoding: chunked', 'Connection: close');
        raw.send(LIMIT.toString(16), fitting, '0', '', '');
        assert.equal((await answerOf(raw)).status, taken);
        assert.equal((await session.recv()).length, LIMIT - 4);
      });

      it('does not read on', async () => {
        const on = await serveTransports(OPTIONS);
        await on.open(transport);
        const connected = once(on.server, 'connection') as Promise<[Socket]>;
        const raw = beginSend(on, transport, 'Transfer-Encoding: chunked');
        const [socket] = await connected;
        const size = 33_554_432;
        raw.send(size.toString(16), 'x'.repeat(size), '0', '', '');
        await raw.closed;
        // The kernel decides how much one read returns.
        assert.equal(socket.bytesRead < 1_048_576, true, `${socket.bytesRead} bytes were read`);
      });
    });
  }

  for (const transport of WEBSOCKETS) {
    describe(transport.name, () => {
      const own = new WebSocketServer({ noServer: true, maxPayload: 10 * LIMIT });
      after(() => own.close());
      for (const [what, more] of [
        ['', {}],
        [', with a larger maxPayload in websocketServer', { websocketServer: { maxPayload: 10 * LIMIT } }],
        [', with a WebSocketServer of a larger maxPayload', { websocketServer: own }],
      ] as const) {
        it(`closes with 1009${what}, nothing being delivered`, async () => {
          const on = await serveTransports({ ...OPTIONS, ...more });
          const { client, session } = await openWebSocket(on, transport);
          const end = closeOf(session);
          client.send(fitting);
          client.send(`${fitting} `);
          client.send(fitting);
          const { code } = await client.closed;
          assert.equal(code, 1009);
          assert.deepEqual(await end, { code: 1009, reason: 'Message too big.', wasClean: false });
          assert.equal((await session.recv()).length, transport.name === 'websocket' ? LIMIT - 4 : LIMIT);
          await assert.rejects(session.recv(), { name: 'SessionNotOpenError' });
        });
      }

      it('counts the fragments of a message together, and reads no more of them', async () => {
        const on = await serveTransports(OPTIONS);
        const { client, session } = await openWebSocket(on, transport);
        const end = closeOf(session);
        for (let i = 0; i < 11; i += 1) {
          client.socket.send('x'.repeat(LIMIT / 10), { fin: false });
        }
        assert.equal((await client.closed).code, 1009);
        assert.equal((await end).code, 1009);
      });
    });
  }
});

describe('fragments of a WebSocket message', () => {
  const FIRST = 0x01;
  const NEXT = 0x00;
  const LAST = 0x80;

  /** A message of so many bytes, in fragments of `size`. */
  function fragmented(bytes: number, size: number): Buffer {
    const count = Math.ceil(bytes / size);
    return Buffer.concat(
      Array.from({ length: count }, (_, i) => {
        const first = i === 0 ? FIRST : i === count - 1 ? LAST : NEXT;
        return frame(first, 'x'.repeat(Math.min(size, bytes - i * size)));
      }),
    );
  }

  for (const [maxMessageSize, bytes, size] of [
    [undefined, 1024 * 1024, 64],
    [8 * 1024 * 1024, 5 * 1024 * 1024, 4096],
    [8 * 1024 * 1024, 8 * 1024 * 1024, 256],
  ] as const) {
    it(`may be ${Math.ceil(bytes / size)} of ${size} bytes with maxMessageSize ${maxMessageSize ?? 'as it is'}`, async () => {
      const on = await serveTransports({ maxMessageSize, maxReceiveBuffer: 2 ** 30 });
      const { raw, session } = await on.open(RAW);
      raw.socket.write(fragmented(bytes, size));
      assert.equal((await session.recv()).length, bytes);
    });
  }

  it('are one for each 256 bytes of maxMessageSize at the most, where that is more than 16384', async () => {
    const on = await serveTransports({ maxMessageSize: 8 * 1024 * 1024 });
    const { raw, session } = await on.open(RAW);
    const closed = once(session, 'close') as Promise<[SessionCloseEvent]>;
    raw.socket.write(fragmented(32_769, 1));
    assert.equal((await closed)[0].code, 1006);
    assert.ok((await raw.closed).endsWith(serverFrame(8, closePayload(1008))));
  });
});

describe('maxMessagesPerRequest', () => {
  const OPTIONS = { maxMessagesPerRequest: 3 };
  const three = '["1","2","3"]';
  const four = '["1","2","3","4"]';

  for (const { transport, endpoint, taken } of SENDERS) {
    it(`makes ${endpoint} answer 413, nothing being delivered; just as many are taken`, async () => {
      const on = await serveTransports(OPTIONS);
      const { session } = await on.open(transport);
      assert.deepEqual(await answerOf(on.send(transport, 'session', four)), refusal(transport, 413, TOO_MANY));
      assert.deepEqual(on.router.stats().rejected, { size: 1 });
      assert.equal((await answerOf(on.send(transport, 'session', three))).status, taken);
      for (const message of ['1', '2', '3']) {
        assert.equal(await session.recv(), message);
      }
    });
  }

  it('closes a WebSocket with 1009, nothing of it being delivered', async () => {
    const on = await serveTransports(OPTIONS);
    const { client, session } = await openWebSocket(on, WEBSOCKETS[0] ?? assert.fail());
    const end = closeOf(session);
    client.send(three);
    client.send(four);
    assert.deepEqual(await client.closed, { code: 1009, reason: TOO_MANY });
    assert.deepEqual(await end, { code: 1009, reason: TOO_MANY, wasClean: false });
    for (const message of ['1', '2', '3']) {
      assert.equal(await session.recv(), message);
    }
    await assert.rejects(session.recv(), { name: 'SessionNotOpenError' });
  });
});

describe('receiveTimeout', () => {
  const TIMEOUT = 'Request timeout (see the receiveTimeout option).';

  /** Settles when the body has been begun on, with how far the server has read. */
  async function beginBody(
    on: TransportServer,
    transport: WireTransport,
    declared: number,
    text: string,
  ): Promise<RawSocket> {
    const asked = once(on.server, 'request');
    const raw = beginSend(on, transport, `Content-Length: ${declared}`);
    raw.send(text);
    await asked;
    return raw;
  }

  for (const { transport, endpoint, taken } of SENDERS) {
    it(`makes ${endpoint} answer 408 when the body is not there in time, however it trickles`, async () => {
      const clock = stopClock();
      // The session is to outlive it.
      const on = await serveTransports({ receiveTimeout: 1000, disconnectDelay: 60_000 });
      const { session } = await on.open(transport);
      const raw = await beginBody(on, transport, 100, '["x"]');
      clock.tick(999);
      raw.send(' ');
      clock.tick(1);
      assert.deepEqual(await answerOf(raw), refusal(transport, 408, TIMEOUT));
      assert.deepEqual(on.router.stats().rejected, { timeout: 1 });
      await assertUntouched(on, transport, session, taken);
    });

    it(`is 30 s by default: ${endpoint}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ disconnectDelay: 60_000 });
      const { session } = await on.open(transport);
      const first = await beginBody(on, transport, 5, '["x"');
      clock.tick(29_999);
      first.send(']');
      assert.equal(await session.recv(), 'x');
      const second = await beginBody(on, transport, 5, '["x"');
      clock.tick(30_000);
      assert.equal((await answerOf(second)).status, 408);
    });

    it(`never comes at 0: ${endpoint}`, async () => {
      const clock = stopClock();
      const on = await serveTransports({ receiveTimeout: 0, disconnectDelay: 2_000_000_000 });
      const { session } = await on.open(transport);
      const raw = await beginBody(on, transport, 5, '["x"');
      clock.tick(1_000_000_000);
      raw.send(']');
      assert.equal(await session.recv(), 'x');
    });
  }
});
