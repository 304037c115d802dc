/** The recipe of STOMP in browsers to RabbitMQ, with a broker that does what the test says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Client, TRANSPORTS } from '../../e2e/support/client.ts';
import { afterTest } from '../../support/cleanup.ts';
import { probeSends } from '../../support/held-sends.ts';
import { fetchText, post, Stream } from '../../support/http.ts';
import { freePort } from '../../support/programs.ts';
import { Recipe, startRecipe } from '../../support/recipes.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { envFor, LEFT, PROGRAM, read, startFakeBroker, UNREACHABLE } from './support/stomp.ts';

/** The SockJS frame that carries this message. */
const frame = (message: string) => `a${JSON.stringify([message])}`;

/** The program with a broker of the test. */
async function startProgram() {
  const broker = await startFakeBroker(afterTest);
  const recipe = new Recipe(PROGRAM, { env: envFor(broker.port) });
  afterTest(() => recipe.kill());
  return { broker, origin: await recipe.origin() };
}

/** The program, a session on a WebSocket without any client library, and its connection to the broker. */
async function open() {
  const { broker, origin } = await startProgram();
  const client = new WebSocketClient(origin, '/stomp/0/a/websocket');
  assert.equal(await client.next(), 'o');
  return { client, socket: await broker.connections.next(), broker, origin };
}

describe('the recipe stomp-rabbitmq', () => {
  describe('with any broker', () => {
    it('says in one line that no broker answers, and exits with 1', async () => {
      const port = await freePort();
      const recipe = new Recipe(PROGRAM, { env: envFor(port), mayEnd: true });
      afterTest(() => recipe.kill());
      assert.deepEqual(await recipe.ended, { code: 1, signal: null });
      const line = `No broker answers at 127.0.0.1:${port} (ECONNREFUSED); set STOMP_HOST and STOMP_PORT\n`;
      assert.equal(recipe.stderr, line);
    });

    it('has one connection a session', async () => {
      const { broker, origin } = await startProgram();
      for (const transport of TRANSPORTS) {
        const client = new Client(`${origin}/stomp`, transport);
        await client.opened;
        client.send(transport);
        assert.equal(await read(await broker.connections.next(), transport), transport);
        assert.equal(broker.connections.size, 0);
      }
    });

    it('closes a session whose broker cannot be reached, as long as it cannot', async () => {
      const { broker, origin } = await startProgram();
      await broker.close();
      for (const transport of TRANSPORTS) {
        const { code, reason } = await new Client(`${origin}/stomp`, transport).closed;
        assert.deepEqual({ code, reason }, UNREACHABLE);
      }
    });

    it('closes the session when the broker closes the connection, after all that it had written', async () => {
      const { broker, origin } = await startProgram();
      for (const transport of TRANSPORTS) {
        const client = new Client(`${origin}/stomp`, transport);
        (await broker.connections.next()).end('last words');
        const { code, reason } = await client.closed;
        assert.deepEqual({ code, reason }, LEFT);
        assert.equal(await client.next(), 'last words');
      }
    });

    it('closes the session when the connection breaks', async () => {
      const { broker, origin } = await startProgram();
      const client = new Client(`${origin}/stomp`, 'websocket');
      await client.opened;
      client.send('first words');
      const socket = await broker.connections.next();
      await read(socket, 'first words');
      socket.resetAndDestroy();
      const { code, reason } = await client.closed;
      assert.deepEqual({ code, reason }, LEFT);
    });

    it('ends the connection when the client leaves, after all that it had sent', async () => {
      const { broker, origin } = await startProgram();
      for (const transport of TRANSPORTS) {
        const client = new Client(`${origin}/stomp`, transport);
        await client.opened;
        const socket = await broker.connections.next();
        client.send('last words');
        assert.equal(await read(socket, 'last words'), 'last words');
        client.socket.close();
        socket.resume();
        const [hadError] = await once(socket, 'close');
        assert.equal(hadError, false, transport);
      }
    });

    it('ends the connection of a client that leaves without having read all', async () => {
      const { client, socket } = await open();
      client.socket.pause();
      // More than buffers on the way hold.
      socket.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
      socket.resume();
      const closed = once(socket, 'close');
      client.send('["bye"]');
      await once(socket, 'data');
      client.socket.terminate();
      assert.deepEqual(await closed, [false]);
    });

    it('cuts the connection of a client that has left where the broker keeps its end open', async () => {
      const broker = await startFakeBroker(afterTest, { allowHalfOpen: true });
      const env = { ...envFor(broker.port), LEAVE_MS: '100' };
      const recipe = startRecipe(PROGRAM, { env, preload: './spec/docs/recipes/support/print-closed-sockets.ts' });
      const origin = await recipe.origin();
      await recipe.line(/^Closed: /); // The one by which it has looked for a broker.
      const client = new WebSocketClient(origin, '/stomp/0/a/websocket');
      assert.equal(await client.next(), 'o');
      const socket = await broker.connections.next();
      const ended = once(socket.resume(), 'end');
      client.socket.close();
      await ended;
      await recipe.line(/^Closed: /);
      assert.deepEqual([socket.writable, socket.destroyed], [true, false]);
    });

    it('goes on when the connection of a client that has left breaks', async () => {
      const { client, socket, broker, origin } = await open();
      client.socket.pause();
      socket.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
      const ended = once(socket.resume(), 'end');
      client.socket.terminate();
      await ended;
      socket.resetAndDestroy();
      await once(socket, 'close');
      const other = new WebSocketClient(origin, '/stomp/0/b/websocket');
      (await broker.connections.next()).write('here');
      assert.equal(await other.next(), 'o');
      assert.equal(await other.next(), frame('here'));
    });

    it('keeps characters whole that the broker has cut', async () => {
      const { client, socket } = await open();
      // A mark of the byte order is a character as any other.
      const bytes = Buffer.from('\ufeffx€y😀z');
      socket.write(bytes.subarray(0, 6));
      assert.equal(await client.next(), frame('\ufeffx'));
      socket.write(bytes.subarray(6, 10));
      assert.equal(await client.next(), frame('€y'));
      socket.write(bytes.subarray(10));
      assert.equal(await client.next(), frame('😀z'));
    });

    it('keeps characters whole that the client has cut', async () => {
      const { client, socket } = await open();
      client.send(JSON.stringify(['x\ud83d']));
      assert.equal(await read(socket, 'x'), 'x');
      client.send(JSON.stringify(['\ude00y\ud83d', '\ude01']));
      assert.equal(await read(socket, '😀y😁'), '😀y😁');
    });

    it('closes both sides when a body is no text', async () => {
      const { broker, origin } = await startProgram();
      const client = new Client(`${origin}/stomp`, 'xhr-polling');
      const socket = await broker.connections.next();
      const ended = once(socket.resume(), 'close');
      socket.write(Buffer.of(0x61, 0xff));
      const { code, reason } = await client.closed;
      assert.deepEqual({ code, reason }, { code: 4415, reason: 'The broker has sent a body that is no text' });
      await ended;
    });

    it('has a client wait until the broker reads', async () => {
      const { broker, origin } = await startProgram();
      const url = `${origin}/stomp/0/a`;
      const stream = new Stream(`${url}/xhr_streaming`, 'POST');
      await stream.until('o\n');
      const socket = await broker.connections.next();
      const text = 'x'.repeat(500_000);
      const sends: { readonly length: number; readonly status: Promise<number> }[] = [];
      let isHeld = false;
      for (let round = 0; !isHeld; round += 1) {
        assert.ok(round < 150, 'the client never has to wait');
        let isAnswered = false;
        const status = post(`${url}/xhr_send`, JSON.stringify([text])).then((answer) => {
          isAnswered = true;
          return answer.status;
        });
        sends.push({ length: text.length, status });
        for (let i = 0; i < 10 && !isAnswered; i += 1) {
          await fetchText(`${origin}/stomp/info`);
        }
        if (!isAnswered) {
          const probe = await probeSends(`${url}/xhr_send`, '["x"]');
          isHeld = probe.isHeld;
          sends.push(...probe.statuses.map((each) => ({ length: 1, status: each })));
        }
      }
      const chunks: Buffer[] = [];
      let received = 0;
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        received += chunk.length;
      });
      socket.resume();
      let taken = 0;
      const statuses: number[] = [];
      for (const { length, status } of sends) {
        statuses.push(await status);
        taken += statuses.at(-1) === 204 ? length : 0;
      }
      while (received < taken) {
        await once(socket, 'data');
      }
      assert.deepEqual(
        statuses.filter((status) => status !== 204),
        [503],
      );
      assert.equal(Buffer.concat(chunks).toString() === 'x'.repeat(taken), true);
    });
  });
});
