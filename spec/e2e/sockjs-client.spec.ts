/** The server as the real sockjs-client finds it, over each transport that the client has in Node. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { attachUpgrade, type Session, type SessionHandler, type SockjsOptions, sockjs } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { echo, listen, serve, sessionCatcher, type TestServer } from '../support/test-server.ts';
import { Client, TRANSPORTS } from './support/client.ts';

/** The endpoint that a transport receives on. */
const RECEIVING = {
  websocket: /\/websocket$/,
  'xhr-streaming': /\/xhr_streaming$/,
  'xhr-polling': /\/xhr$/,
  eventsource: /\/eventsource$/,
};

/** All that can get lost: what every text of ours holds, each code unit that is escaped, and what has a meaning. */
const TEXTS = [
  ...EDGE_CASE_TEXTS,
  ...[
    [0xd800, 0xdfff],
    [0x0000, 0x001f],
    [0x200c, 0x200f],
    [0x2028, 0x202f],
    [0x2060, 0x206f],
    [0xfff0, 0xffff],
  ].map(([from = 0, to = 0]) =>
    // A separator between them, or surrogates would find each other.
    Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('x'),
  ),
  '😀',
  '%41',
  '100%',
  '</script>',
  'o',
  'h',
  'c[3000,"x"]',
  '\r\n\r\n',
  '\ufeff',
  '[]',
];

/** What a session received, in order, for tests that ask late. */
function messagesOf(session: Session): AsyncQueue<string> {
  const messages = new AsyncQueue<string>();
  session.on('message', (message) => messages.push(message));
  return messages;
}

/** Closes a session before it would wait for its client's next request. */
function closeAfterTest(session: Session): void {
  afterTest(() => {
    session.close();
  });
}

for (const transport of TRANSPORTS) {
  describe(`sockjs-client over ${transport}`, () => {
    /** A server, the real client of it, and the session between them, open. */
    async function connect(onSession: SessionHandler = () => {}, options: SockjsOptions = {}) {
      const sessions = sessionCatcher();
      const server = await serve(options, (session) => {
        const result = onSession(session);
        return Promise.resolve(sessions.onSession(session)).then(() => result);
      });
      const requests = new AsyncQueue<string>();
      server.server.on('request', ({ url = '' }) => {
        if (RECEIVING[transport].test(url)) {
          requests.push(url);
        }
      });
      const client = new Client(`${server.origin}/echo`, transport);
      await client.opened;
      const session = await sessions.next();
      closeAfterTest(session);
      return { ...server, client, requests, session };
    }

    it('opens a session', async () => {
      const { client, session } = await connect();
      assert.equal(client.socket.readyState, 1);
      assert.equal(client.socket.transport, transport);
      assert.equal(session.state, 'active');
      assert.equal(session.transport, transport);
    });

    it('echoes edge-case texts unchanged', async () => {
      const received: string[] = [];
      const { client } = await connect((session) => {
        session.on('message', (message) => received.push(message));
        return echo(session);
      });
      for (const text of TEXTS) {
        client.send(text);
      }
      assert.deepEqual(await client.take(TEXTS.length), TEXTS);
      assert.deepEqual(received, TEXTS);
    });

    it('carries 1000 messages each way in order', async () => {
      const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
      const received: string[] = [];
      const { client, session } = await connect((opened) => {
        opened.on('message', (message) => {
          received.push(message);
          opened.send(message);
        });
      });
      // In portions, so that they do not all travel in one frame.
      for (let i = 0; i < numbers.length; i += 50) {
        for (const number of numbers.slice(i, i + 50)) {
          client.send(number);
        }
        await client.take(50).then((portion) => assert.deepEqual(portion, numbers.slice(i, i + 50)));
      }
      assert.deepEqual(received, numbers);
      for (const number of numbers) {
        session.send(number);
      }
      assert.deepEqual(await client.take(1000), numbers);
    });

    it('carries a message of 200 KiB each way', async () => {
      const large = 'é%<x'.repeat(51_200);
      const { client } = await connect(echo);
      client.send(large);
      assert.equal((await client.next()) === large, true);
      client.send('and the next');
      assert.equal(await client.next(), 'and the next');
    });

    if (transport !== 'websocket') {
      it('goes on over several responses where each is short', async () => {
        const { client, session, requests } = await connect(echo, { responseLimit: 1 });
        await requests.next();
        for (const text of ['1', '2', '3']) {
          session.send(text);
          assert.equal(await client.next(), text);
          await requests.next();
        }
        client.send('4');
        assert.equal(await client.next(), '4');
        assert.equal(session.state, 'active');
      });
    }

    it('tells the client that the server closes, with code and reason, after what was sent', async () => {
      const { client, session } = await connect();
      session.send('last');
      session.close(3000, 'Go away!');
      assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true });
      assert.equal(await client.next(), 'last');
    });

    it('tells the client of a close at once in onSession', async () => {
      const sessions = sessionCatcher();
      const { origin } = await serve({}, (session) => {
        session.close(4999, 'é'.repeat(61));
        return sessions.onSession(session);
      });
      const client = new Client(`${origin}/echo`, transport);
      assert.deepEqual(await client.closed, { code: 4999, reason: 'é'.repeat(61), wasClean: true });
      await client.opened;
      const session = await sessions.next();
      assert.equal(session.state === 'closing' || session.state === 'closed', true);
    });

    it('tells the server that the client closes', async () => {
      const { client, session, requests } = await connect();
      // A poll was used up by the open frame, and without one there is nothing that the client could break off.
      await requests.next();
      if (transport === 'xhr-polling') {
        await requests.next();
      }
      client.socket.close(3001, 'bye');
      const [event] = await once(session, 'close');
      assert.deepEqual(
        event,
        transport === 'websocket'
          ? // The client has no code of its own to give to its WebSocket.
            { code: 1000, reason: '', wasClean: true }
          : { code: 1002, reason: 'Connection interrupted', wasClean: false },
      );
      assert.deepEqual(await client.closed, { code: 3001, reason: 'bye', wasClean: true });
    });

    it('brings heartbeats, and messages all the same', async () => {
      // A WebSocket is cut where a ping has no answer within one delay, and a busy machine takes its time to answer.
      const { client } = await connect(echo, { heartbeatDelay: transport === 'websocket' ? 500 : 20 });
      await client.heartbeat();
      await client.heartbeat();
      client.send('x');
      assert.equal(await client.next(), 'x');
      await client.heartbeat();
    });

    it('is closed with 1006 by the client when the server is gone', async () => {
      const { client, session, server, requests } = await connect();
      await requests.next();
      const lost = once(session, 'close');
      server.close();
      if (transport === 'websocket') {
        // closeAllConnections() does not know it.
        session.request.socket.destroy();
      }
      server.closeAllConnections();
      // A stream that breaks off goes unnoticed by the client until it wants to send.
      client.send('x');
      const { code, wasClean } = await client.closed;
      assert.deepEqual({ code, wasClean }, { code: 1006, wasClean: false });
      if (transport !== 'xhr-polling') {
        await lost;
      }
      assert.equal(session.send('x'), session.state === 'active');
    });

    if (transport !== 'websocket') {
      it('is closed with 1006 by the client when the server has forgotten the session', async () => {
        const { client, session, server } = await connect(echo, { responseLimit: 1 });
        const sessions = sessionCatcher();
        server.removeAllListeners('request');
        server.on('request', sockjs({ prefix: '/echo', disconnectDelay: 1 }, sessions.onSession));
        session.send('ends the response');
        assert.deepEqual(await client.closed, { code: 1006, reason: 'Server lost session', wasClean: false });
        assert.equal((await sessions.next()).id, session.id);
      });
    }

    it('tells the client that the server shuts down, after what was sent', async () => {
      const sessions = sessionCatcher();
      const router = sockjs({ prefix: '/echo' }, sessions.onSession);
      const server = createServer(router);
      attachUpgrade(server);
      const { origin } = await listen(server);
      const client = new Client(`${origin}/echo`, transport);
      await client.opened;
      const session = await sessions.next();
      session.send('last');
      assert.deepEqual(await router.close(), { closed: 1, flushed: 1, dropped: 0 });
      assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutting down', wasClean: true });
      assert.equal(await client.next(), 'last');
    });

    it('opens a session with what authorize gives', async () => {
      const { session } = await connect(echo, { authorize: async () => ({ name: 'x' }) });
      assert.deepEqual(session.data, { name: 'x' });
    });

    // The client's EventSource takes a refusal for a network error and asks again until its time is up.
    if (transport !== 'eventsource') {
      it('fails where authorize refuses', async () => {
        const sessions = sessionCatcher();
        const { origin } = await serve({ authorize: () => false }, sessions.onSession);
        const client = new Client(`${origin}/echo`, transport);
        assert.deepEqual(await client.closed, { code: 2000, reason: 'All transports failed', wasClean: false });
        assert.equal(sessions.count(), 0);
      });
    }

    it('goes where base_url points', async () => {
      const elsewhere = sessionCatcher();
      const server = createServer(sockjs({ prefix: '/deep/down' }, elsewhere.onSession));
      attachUpgrade(server);
      const { origin }: TestServer = await listen(server);
      const here = sessionCatcher();
      const front = await serve({ baseUrl: () => `${origin}/deep/down` }, here.onSession);
      const client = new Client(`${front.origin}/echo`, transport);
      await client.opened;
      const session = await elsewhere.next();
      closeAfterTest(session);
      const messages = messagesOf(session);
      client.send('x');
      assert.equal(await messages.next(), 'x');
      assert.equal(here.count(), 0);
    });
  });
}

describe('sockjs-client', () => {
  it('does not try a transport that /info says is off', async () => {
    const sessions = sessionCatcher();
    const { origin } = await serve({ websocket: false }, sessions.onSession);
    const client = new Client(`${origin}/echo`, 'websocket');
    assert.deepEqual(await client.closed, { code: 2000, reason: 'All transports failed', wasClean: false });
    assert.equal(sessions.count(), 0);
  });
});
