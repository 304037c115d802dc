/** The recipe of clients that reconnect and miss nothing: its program and its client over a network that is cut. */
import assert from 'node:assert/strict';
import { TRANSPORTS } from '../../e2e/support/client.ts';
import { afterTest } from '../../support/cleanup.ts';
import { Recipe } from '../../support/recipes.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { startClient, startProxy } from './support/reconnect.ts';

async function startProgram(env: Readonly<Record<string, string>> = {}): Promise<string> {
  const recipe = new Recipe('reconnect/server', { env });
  afterTest(() => recipe.kill());
  return recipe.origin();
}

/** A client that says what the others are to get. Settles with what has it do so, once the program has done it. */
async function startSpeaker(origin: string): Promise<(text: string) => Promise<void>> {
  const speaker = new WebSocketClient(origin, '/chat/0/speaker/websocket');
  assert.equal(await speaker.next(), 'o');
  speaker.send('["{}"]');
  assert.match(await speaker.next(), /isLost/);
  return async (text) => {
    speaker.send(JSON.stringify([text]));
    const heard = await speaker.next();
    assert.ok(heard.includes(text), heard);
  };
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`);

describe('the recipe reconnect', () => {
  describe('over a network', () => {
    for (const transport of TRANSPORTS) {
      it(`loses nothing and repeats nothing when connections are cut, over ${transport}`, async () => {
        const origin = await startProgram();
        const proxy = await startProxy(origin);
        const say = await startSpeaker(origin);
        const { connection, sockets, messages, losses, until } = await startClient(`${proxy.origin}/chat`, transport);
        await until('open');
        for (let round = 0; round < 2; round += 1) {
          const first = round * 30 + 1;
          for (const text of range(first, first + 9)) {
            await say(text);
          }
          // Some of them may be on their way.
          proxy.cut();
          for (const text of range(first + 10, first + 19)) {
            await say(text);
          }
          if (/stream|eventsource/.test(transport)) {
            // In Node, sockjs-client notices no stream that breaks off; in browsers it does.
            sockets.at(-1)?.close();
          }
          await until('waiting');
          proxy.restore();
          for (const text of range(first + 20, first + 29)) {
            await say(text);
          }
          await until('open');
          for (const text of range(first, first + 29)) {
            assert.equal(await messages.next(), text);
          }
        }
        while (!connection.send('after all')) {
          await until('open');
        }
        assert.equal(await messages.next(), 'after all');
        assert.deepEqual([messages.size, losses.size], [0, 0]);
      });

      it(`comes back when the server closes the session, over ${transport}`, async () => {
        const origin = await startProgram();
        const { connection, messages, until } = await startClient(`${origin}/chat`, transport);
        await until('open');
        const say = await startSpeaker(origin);
        await say('1');
        assert.equal(await messages.next(), '1');
        connection.send('/cut');
        await until('waiting');
        await say('2');
        await until('open');
        assert.equal(await messages.next(), '2');
        assert.equal(messages.size, 0);
      });
    }

    it('tells of a loss once when more is missed than is kept, and goes on with what is kept', async () => {
      const origin = await startProgram({ MAX_MESSAGES: '5' });
      const proxy = await startProxy(origin);
      const say = await startSpeaker(origin);
      const { messages, losses, until } = await startClient(`${proxy.origin}/chat`, 'websocket');
      await until('open');
      await say('1');
      assert.equal(await messages.next(), '1');
      proxy.cut();
      for (const text of range(2, 11)) {
        await say(text);
      }
      await until('waiting');
      proxy.restore();
      await losses.next();
      for (const text of range(7, 11)) {
        assert.equal(await messages.next(), text);
      }
      assert.deepEqual([messages.size, losses.size], [0, 0]);
    });

    it('tells of a loss when the program has been started again, and goes on', async () => {
      const first = new Recipe('reconnect/server');
      afterTest(() => first.kill());
      const { port } = new URL(await first.origin());
      const { connection, losses, messages, until } = await startClient(`http://127.0.0.1:${port}/chat`, 'xhr-polling');
      await until('open');
      connection.send('1');
      assert.equal(await messages.next(), '1');
      await first.kill();
      const second = new Recipe('reconnect/server', { env: { MAX_MESSAGES: '1000' }, port: Number(port) });
      afterTest(() => second.kill());
      await losses.next();
      connection.send('2');
      assert.equal(await messages.next(), '2');
    });

    it('closes a session that says nothing, with a code after which the client tries again', async () => {
      const client = new WebSocketClient(await startProgram({ HELLO_MS: '1' }), '/chat/0/a/websocket');
      assert.equal(await client.next(), 'o');
      assert.equal(await client.next(), 'c[4000,"No first message in time"]');
    });

    it('has no more sessions, each of which has a log, than it is to have', async () => {
      const origin = await startProgram({ MAX_SESSIONS: '2' });
      for (const id of ['a', 'b']) {
        assert.equal(await new WebSocketClient(origin, `/chat/0/${id}/websocket`).next(), 'o');
      }
      await assert.rejects(new WebSocketClient(origin, '/chat/0/c/websocket').opened, /503/);
    });

    for (const hello of ['hello', 'null', '[', '{"seen":-1}', '{"seen":"1"}']) {
      it(`closes a session that begins with ${hello}`, async () => {
        const client = new WebSocketClient(await startProgram(), '/chat/0/a/websocket');
        client.socket.on('open', () => client.send(JSON.stringify([hello])));
        assert.equal(await client.next(), 'o');
        assert.equal(await client.next(), 'c[4400,"Say first where you were"]');
      });
    }
  });
});
