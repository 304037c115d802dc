/**
 * Three processes that share a Redis, and three workers of a primary, answer each request as one process does: limits,
 * origins, clients, authorization, and while one of them shuts down.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SockjsOptions } from '../../lib/index.ts';
import { answersTo, CONVERSATIONS, echoUntilBye, STRICT } from '../support/cluster/conversations.ts';
import { describeProcesses } from '../support/cluster/driven/processes.ts';
import { echoOrGoAway } from '../support/contract-app.ts';
import { fetchText, handshake, post, RawSocket } from '../support/http.ts';
import { assertExample, EXAMPLES } from '../support/protocol-document.ts';
import { ResponseReader } from '../support/response-reader.ts';
import { serve, sessionCatcher } from '../support/test-server.ts';
import { answerOf } from '../support/wire-transports.ts';

const PROCESSES = [0, 1, 2];

const SHUTS_DOWN = 'c[1001,"Server shutting down"]\n';

describeProcesses((processes) => {
  const { serve: serveThere, settle, stopClock } = processes.harness;

  describe('answer as one process does', () => {
    for (const [title, steps] of Object.entries(CONVERSATIONS)) {
      for (const first of PROCESSES) {
        it(`${title}: in turns, from process ${first} on`, async () => {
          const expected = await answersTo(steps, await serve(STRICT, echoUntilBye), async () => {});
          const server = await serveThere(STRICT, echoUntilBye);
          processes.startAt(first);
          assert.deepEqual(await answersTo(steps, server, settle), expected);
        });
      }
    }

    it('the examples of docs/protocol.md, in their order', async () => {
      // No session may end between two examples.
      const { port } = await processes.serve({ isBare: true })({ disconnectDelay: 600_000 }, echoOrGoAway);
      for (const example of EXAMPLES) {
        await assertExample(port, example);
        await settle();
      }
    });

    /** Begins a send to an open session, as far as these lines. */
    async function beginSend(serveWith: typeof serve, options: SockjsOptions, ...lines: string[]) {
      const sessions = sessionCatcher();
      const { server, port, origin } = await serveWith(options, sessions.onSession);
      assert.equal((await fetchText(`${origin}/echo/000/session/xhr`, 'POST')).body, 'o\n');
      const session = await sessions.next();
      const reached = once(server, 'request');
      const raw = new RawSocket(port).send('POST /echo/000/session/xhr_send HTTP/1.1', 'Host: localhost', ...lines);
      await reached;
      return { raw, session };
    }

    const BODIES: Readonly<Record<string, readonly string[]>> = {
      'too large, by its declared length, before any of it': ['Content-Length: 1001', '', ''],
      'too large, in chunks, as soon as it is': ['Transfer-Encoding: chunked', '', '3e9', 'x'.repeat(1001), ''],
    };

    for (const [title, lines] of Object.entries(BODIES)) {
      it(`a body that is ${title}`, async () => {
        const options = { maxMessageSize: 1000, responseLimit: 1 };
        const expected = await answerOf((await beginSend(serve, options, ...lines)).raw);
        assert.equal(expected.status, 413);
        const { raw, session } = await beginSend(serveThere, options, ...lines);
        assert.deepEqual(await answerOf(raw), expected);
        assert.equal(session.state, 'active');
      });
    }

    it('a body that is not there within receiveTimeout', async () => {
      const options = { receiveTimeout: 1000, disconnectDelay: 60_000 };
      const clock = stopClock();
      const { raw, session } = await beginSend(serveThere, options, 'Content-Length: 10', '', '["x"');
      // The time begins once the owner is known.
      await settle();
      clock.tick(999);
      raw.send(' ');
      clock.tick(1);
      const { status, body } = await answerOf(raw);
      assert.deepEqual([status, body], [408, 'Request timeout (see the receiveTimeout option).']);
      assert.equal(session.state, 'active');
    });

    it('a WebSocket of a foreign origin, and of an allowed one', async () => {
      const connect = async (server: { port: number }, origin: string) => {
        const raw = new RawSocket(server.port).send(...handshake('/echo/000/a/websocket', `Origin: ${origin}`));
        return (await raw.until('\r\n\r\n')).replace(/\r\nDate: [^\r]*/, '');
      };
      const here = await serve(STRICT, echoUntilBye);
      const there = await serveThere(STRICT, echoUntilBye);
      for (const origin of ['http://bad.example', 'http://good.example']) {
        const expected = await connect(here, origin);
        assert.match(expected, origin.includes('good') ? /^HTTP\/1.1 101 / : /^HTTP\/1.1 403 /);
        for (const _ of PROCESSES) {
          assert.equal(await connect(there, origin), expected);
        }
      }
    });

    it('may open maxSessions sessions each', async () => {
      const { origin } = await serveThere({ maxSessions: 2, responseLimit: 1 });
      const statuses = await Promise.all(
        Array.from({ length: 9 }, async (_, i) => (await fetchText(`${origin}/echo/000/${i}/xhr`, 'POST')).status),
      );
      assert.deepEqual(statuses.sort(), [...Array(6).fill(200), ...Array(3).fill(503)]);
    });
  });

  describe('of which one shuts down', () => {
    /** A session of process 0, and a receiving request of it that waits at process 1. */
    async function openAndReceive(endpoint: string) {
      const sessions = sessionCatcher();
      const { server, port, origin } = await serveThere({}, sessions.onSession);
      const url = `${origin}/echo/000/a/xhr`;
      processes.startAt(0);
      assert.equal((await fetchText(url, 'POST')).body, 'o\n');
      const session = await sessions.next();
      assert.equal(processes.ownerOf(session), 0);
      const reached = once(server, 'request');
      const reader = new ResponseReader(port, `/echo/000/a/${endpoint}`, 'POST');
      await reached;
      await settle();
      if (endpoint === 'xhr_streaming') {
        assert.equal(await reader.next(), `${'h'.repeat(2048)}\n`);
      }
      return { session, reader, url };
    }

    for (const endpoint of ['xhr', 'xhr_streaming']) {
      it(`ends its own sessions with 1001, whichever process their clients ask: ${endpoint}`, async () => {
        const { session, reader, url } = await openAndReceive(endpoint);
        session.send('last');
        // A poll ends with the message; the next one is to fetch the close frame.
        const closing = processes.shutDown(0);
        assert.equal(await reader.next(), 'a["last"]\n');
        processes.startAt(2);
        assert.equal(endpoint === 'xhr' ? (await fetchText(url, 'POST')).body : await reader.next(), SHUTS_DOWN);
        assert.deepEqual(await reader.ended, { aborted: false });
        await closing;
        for (const index of PROCESSES) {
          processes.startAt(index);
          assert.equal((await fetchText(url, 'POST')).body, SHUTS_DOWN, `process ${index}`);
          processes.startAt(index);
          assert.equal((await post(`${url}_send`, '["x"]')).status, 404, `process ${index}`);
        }
      });

      it(`answers receivers of others with h, and they go on elsewhere: ${endpoint}`, async () => {
        const { session, reader, url } = await openAndReceive(endpoint);
        await processes.shutDown(1);
        assert.equal(await reader.next(), 'h\n');
        assert.deepEqual(await reader.ended, { aborted: false });
        assert.equal((await reader.response).headers.connection, 'close');
        assert.equal(session.state, 'active');
        session.send('kept');
        processes.startAt(2);
        assert.equal((await fetchText(url, 'POST')).body, 'a["kept"]\n');
      });
    }

    it('takes no new session and relays none: 503, and the connection is closed', async () => {
      const { url } = await openAndReceive('xhr');
      await processes.shutDown(1);
      for (const path of [url, `${url}_send`, url.replace('/a/', '/new/')]) {
        processes.startAt(1);
        const { status, headers } = await post(path, '["x"]', { Connection: 'keep-alive' });
        assert.deepEqual([status, headers.connection], [503, 'close'], path);
      }
    });
  });
});
