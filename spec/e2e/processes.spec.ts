/**
 * Three processes as the real sockjs-client finds them: each of its requests goes to another one. They share a Redis; or
 * they are workers of a primary, which gives the connections to their one port to them in turns.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SessionHandler, SockjsOptions } from '../../lib/index.ts';
import { describeProcesses } from '../support/cluster/driven/processes.ts';
import { numbers } from '../support/cluster/exchanges.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { echo, sessionCatcher } from '../support/test-server.ts';
import { Client, TRANSPORTS } from './support/client.ts';

describeProcesses((processes) => {
  // The client would keep its connections, and a connection stays with one process.
  const serve = processes.serve({ closesConnections: true, atSharedPort: true });

  for (const transport of TRANSPORTS) {
    describe(`sockjs-client over ${transport}`, () => {
      async function connect(onSession: SessionHandler, options: SockjsOptions = {}): Promise<Client> {
        const { origin } = await serve(options, onSession);
        const client = new Client(`${origin}/echo`, transport);
        await client.opened;
        return client;
      }

      /** A session that the test has in its hands, and its client. */
      async function open(options: SockjsOptions = {}) {
        const sessions = sessionCatcher();
        const client = await connect(sessions.onSession, options);
        return { client, session: await sessions.next() };
      }

      it('echoes edge-case texts unchanged', async () => {
        const client = await connect(echo);
        for (const text of EDGE_CASE_TEXTS) {
          client.send(text);
        }
        assert.deepEqual(await client.take(EDGE_CASE_TEXTS.length), EDGE_CASE_TEXTS);
      });

      for (const [title, responseLimit] of [
        ['long responses', 131_072],
        ['short responses', 1],
      ] as const) {
        it(`gets 200 numbered messages back, each once and in order, in ${title}`, async () => {
          const client = await connect(echo, { responseLimit });
          const bytes = processes.linkBytes;
          const texts = numbers(200);
          for (let first = 0; first < texts.length; first += 20) {
            const portion = texts.slice(first, first + 20);
            for (const text of portion) {
              client.send(text);
            }
            assert.deepEqual(await client.take(portion.length), portion);
          }
          // Requests have landed at other processes than that of the session; a WebSocket has one process.
          assert.equal(processes.linkBytes > bytes, transport !== 'websocket');
        });
      }

      it('carries a message of more than ten windows each way', async () => {
        const large = 'é%<x'.repeat(140_000);
        const client = await connect(echo);
        client.send(large);
        assert.equal((await client.next()) === large, true);
        client.send('and the next');
        assert.equal(await client.next(), 'and the next');
      });

      it('tells the client that the application closes, with code and reason, after what was sent', async () => {
        const { client, session } = await open();
        session.send('last');
        session.close(3000, 'Go away!');
        assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true });
        assert.equal(await client.next(), 'last');
      });

      it('tells the application that the client closes', async () => {
        const { client, session } = await open();
        const closed = once(session, 'close');
        // So a request of the client is under way, which it breaks off.
        session.send('x');
        await client.next();
        await processes.settled();
        client.socket.close(3001, 'bye');
        const [{ code }] = await closed;
        assert.equal(code, transport === 'websocket' ? 1000 : 1002);
      });

      it('brings heartbeats, and messages all the same', async () => {
        // A WebSocket is cut where a ping has no answer within one delay, and a busy machine takes its time to answer.
        const client = await connect(echo, { heartbeatDelay: transport === 'websocket' ? 500 : 20 });
        await client.heartbeat();
        await client.heartbeat();
        client.send('x');
        assert.equal(await client.next(), 'x');
      });

      it('tells the client that the process of its session shuts down, after what was sent', async () => {
        const { client, session } = await open();
        session.send('last');
        await processes.shutDown(processes.ownerOf(session));
        assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutting down', wasClean: true });
        assert.equal(await client.next(), 'last');
      });
    });
  }
});
