/** The releases of sockjs-client that are in use, over each transport that they have outside of a browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SockjsOptions } from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { fetchText, post } from '../support/http.ts';
import { serve, sessionCatcher } from '../support/test-server.ts';
import { RELEASES, ReleasedClient } from './support/clients.ts';

const RECEIVING = /\/(websocket|xhr_streaming|xhr|eventsource)(\?|$)/;

for (const { title, transports, closeCode, create } of RELEASES) {
  for (const transport of transports) {
    describe(`${title} over ${transport}`, () => {
      /** A server, this client of it, and the session between them, open. */
      async function connect(options: SockjsOptions = {}) {
        const sessions = sessionCatcher();
        const requests = new AsyncQueue<string>();
        const { origin, server } = await serve(options, (session) => {
          session.on('message', (message) => session.send(message));
          return sessions.onSession(session);
        });
        const receivers = new AsyncQueue<string>();
        // In front of Express, which changes the URL.
        server.prependListener('request', ({ url = '' }) => {
          requests.push(url);
          if (RECEIVING.test(url)) {
            receivers.push(url);
          }
        });
        const client = new ReleasedClient(create, `${origin}/echo`, transport);
        await client.opened;
        return { client, session: await sessions.next(), requests, receivers };
      }

      it('asks /info, and opens a session', async () => {
        const { session, requests } = await connect();
        assert.match(await requests.next(), /^\/echo\/info(\?|$)/);
        assert.equal(session.transport, transport);
        assert.equal(session.state, 'active');
      });

      it('echoes edge-case texts unchanged', async () => {
        const { client } = await connect();
        for (const text of EDGE_CASE_TEXTS) {
          client.send(text);
        }
        assert.deepEqual(await client.take(EDGE_CASE_TEXTS.length), EDGE_CASE_TEXTS);
      });

      it('carries 200 messages each way in order, over many responses where each is short', async () => {
        const { client, session } = await connect({ responseLimit: 512 });
        const numbers = Array.from({ length: 200 }, (_, i) => String(i));
        for (let i = 0; i < numbers.length; i += 20) {
          for (const number of numbers.slice(i, i + 20)) {
            client.send(number);
          }
          assert.deepEqual(await client.take(20), numbers.slice(i, i + 20));
        }
        for (const number of numbers) {
          session.send(number);
        }
        assert.deepEqual(await client.take(200), numbers);
      });

      it('stays through heartbeats', async () => {
        // A WebSocket is cut where a ping has no answer within one delay, and a busy machine takes its time to answer.
        const { client } = await connect({ heartbeatDelay: transport === 'websocket' ? 500 : 15 });
        for (const text of ['1', '2', '3']) {
          await client.heartbeat();
          client.send(text);
          assert.deepEqual(await client.take(1), [text]);
        }
      });

      it('learns that the server closes, with code and reason, after what was sent', async () => {
        const { client, session } = await connect();
        session.send('last');
        session.close(3000, 'Go away!');
        assert.deepEqual(await client.closed, { code: 3000, reason: 'Go away!', wasClean: true });
        assert.deepEqual(await client.take(1), ['last']);
      });

      it('tells the server that it closes', async () => {
        const { client, session, receivers } = await connect();
        // A poll was used up by the open frame, and without one there is nothing that the client could break off.
        await receivers.next();
        if (transport === 'xhr-polling') {
          await receivers.next();
        }
        const closed = once(session, 'close');
        client.close(3001, 'bye');
        const [{ code }] = await closed;
        assert.equal(code, transport === 'websocket' ? closeCode : 1002);
        assert.deepEqual(await client.closed, { code: 3001, reason: 'bye', wasClean: true });
      });
    });
  }
}

describe('sockjs-client 0.3.4 in a browser, by its requests', () => {
  // Those that need a document: its callbacks are `_jp.` and seven characters, its queries those of IE and of forms.
  const CALLBACK = '_jp.a1b2c3d';

  it('receives by jsonp and sends by a form', async () => {
    const { origin } = await serve();
    const base = `${origin}/echo/123/jp034abc`;
    const poll = async () => (await fetchText(`${base}/jsonp?c=${CALLBACK}`)).body;
    assert.equal(await poll(), `/**/${CALLBACK}("o");\r\n`);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const sent = await post(`${base}/jsonp_send?i=aqwertyui`, 'd=%5B%22a+b%25%22%5D', form);
    assert.deepEqual([sent.status, sent.body], [200, 'ok']);
    assert.equal(await poll(), `/**/${CALLBACK}("a[\\"a b%\\"]");\r\n`);
  });

  for (const [endpoint, method, opening] of [
    [`htmlfile?c=${CALLBACK}`, 'GET', `var c = parent.${CALLBACK};`],
    ['eventsource', 'GET', '\r\ndata: o\r\n\r\n'],
    ['xhr_streaming?t=1353628800000', 'POST', 'h\no\n'],
    ['xhr?t=1353628800000', 'POST', 'o\n'],
  ] as const) {
    it(`receives by ${endpoint} and sends by XDomainRequest, which has no Content-Type`, async () => {
      const { origin } = await serve({ responseLimit: 1 });
      const base = `${origin}/echo/123/xd034abc`;
      const { status, body } = await fetchText(`${base}/${endpoint}`, method);
      assert.equal(status, 200);
      assert.equal(body.includes(opening), true, body);
      assert.equal((await post(`${base}/xhr_send?t=1353628800001`, '["x"]')).status, 204);
      const next = await fetchText(`${base}/${endpoint}`, method);
      assert.match(next.body, /a\[\\?"x\\?"\]/);
    });
  }

  it('reads what eventsource brings by unescape(), which leaves what was sent', async () => {
    const sessions = sessionCatcher();
    const { origin } = await serve({ responseLimit: 1 }, sessions.onSession);
    const url = `${origin}/echo/123/es034abc/eventsource`;
    await fetchText(url);
    const text = '100%41 %u0041 ünïcödé 😀 %';
    (await sessions.next()).send(text);
    const [, data = ''] = /^\r\ndata: (.*)\r\n\r\n$/.exec((await fetchText(url)).body) ?? [];
    assert.deepEqual(JSON.parse(unescape(data).slice(1)), [text]);
  });

  for (const path of ['/iframe.html', '/iframe.html?t=1353628800000']) {
    it(`gets its iframe page at ${path}`, async () => {
      const { origin } = await serve();
      const { status, body } = await fetchText(`${origin}/echo${path}`);
      assert.equal(status, 200);
      assert.match(body, /SockJS\.bootstrap_iframe\(\);/);
    });
  }

  it('gets /info with the query that IE adds, and all that it looks at is there', async () => {
    const { origin } = await serve();
    const { status, body } = await fetchText(`${origin}/echo/info?t=1353628800000`);
    assert.equal(status, 200);
    const { websocket, cookie_needed: cookieNeeded, origins, entropy } = JSON.parse(body);
    assert.deepEqual({ websocket, cookieNeeded, origins }, { websocket: true, cookieNeeded: false, origins: ['*:*'] });
    assert.equal(Number.isInteger(entropy), true);
  });
});
