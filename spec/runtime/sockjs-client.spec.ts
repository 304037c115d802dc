/** A server in another runtime, as the real sockjs-client finds it, over each transport that the client has in Node. */
import assert from 'node:assert/strict';
import { Client, TRANSPORTS } from '../e2e/support/client.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { useServer } from './support/runtime.ts';

for (const transport of TRANSPORTS) {
  describe(`sockjs-client over ${transport}`, () => {
    const server = useServer();

    async function connect(endpoint = 'echo'): Promise<Client> {
      const client = new Client(`${server.origin}/${endpoint}`, transport);
      await client.opened;
      return client;
    }

    it('echoes edge-case texts unchanged', async () => {
      const client = await connect();
      for (const text of EDGE_CASE_TEXTS) {
        client.send(text);
      }
      assert.deepEqual(await client.take(EDGE_CASE_TEXTS.length), EDGE_CASE_TEXTS);
    });

    it('gets 1000 numbered messages back, each once and in order', async () => {
      const client = await connect();
      const texts = numbers(1000);
      for (let first = 0; first < texts.length; first += 50) {
        const portion = texts.slice(first, first + 50);
        for (const text of portion) {
          client.send(text);
        }
        assert.deepEqual(await client.take(portion.length), portion);
      }
    });

    it('carries a message of 200 KiB each way', async () => {
      const large = 'é%<x'.repeat(51_200);
      const client = await connect();
      client.send(large);
      assert.equal((await client.next()) === large, true);
      client.send('and the next');
      assert.equal(await client.next(), 'and the next');
    });

    it('hears that the application closes, with code and reason', async () => {
      const client = await connect();
      client.send('bye');
      assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true });
    });

    it('has the application hear that it closes', async () => {
      const client = await connect();
      client.send('x');
      assert.equal(await client.next(), 'x');
      client.socket.close(3001, 'bye');
      const [code] = await server.line(new RegExp(`^closed echo ${transport} (\\d+) `));
      assert.ok(transport === 'websocket' ? code === '1000' : code === '1002', code);
    });

    it('gets heartbeats again and again, and messages all the same', async () => {
      const client = await connect('beats');
      for (let beats = 0; beats < 5; beats += 1) {
        await client.heartbeat();
      }
      client.send('x');
      assert.equal(await client.next(), 'x');
    });

    it('hears that the endpoint closes', async () => {
      const client = await connect();
      await server.close();
      assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutting down', wasClean: true });
      await server.line(/^all closed$/);
    });
  });
}
