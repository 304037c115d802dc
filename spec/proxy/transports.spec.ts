/** All transports through real proxies: they open, carry frames at once both ways, close, and break off. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { TransportName } from '../../lib/index.ts';
import { TRANSPORTS as SOCKJS_CLIENT_TRANSPORTS, Client as SockjsClient } from '../e2e/support/client.ts';
import { afterTest } from '../support/cleanup.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { CookieJar, connect, TRANSPORTS } from './support/client.ts';
import { DEPLOYMENTS, startFleet } from './support/fleet.ts';
import { describeProxy } from './support/proxy.ts';

/** Under what a streaming response may carry (`responseLimit`), over what a proxy reads at once. */
const LARGE = 'é%<x'.repeat(10_000);

for (const { name, byUrl, byCookie, roundRobin } of DEPLOYMENTS) {
  for (const file of [byUrl, byCookie, roundRobin]) {
    describeProxy(name, `transports through ${file}`, () => {
      const start = () => startFleet(name, file, { jsessionid: file === byCookie });
      const open = (origin: string, transport: TransportName) => connect(origin, transport, { jar: new CookieJar() });

      for (const transport of TRANSPORTS) {
        it(`brings each frame of ${transport} before the next is sent`, async () => {
          const fleet = await start();
          const client = open(fleet.origin, transport);
          assert.equal(await client.frame(), 'o');
          const session = await fleet.nextSession();
          assert.equal(session.transport, transport);
          for (const message of ['1', '2', LARGE]) {
            await client.send(message);
            assert.equal((await client.frame()) === `a${JSON.stringify([message])}`, true, message.slice(0, 10));
          }
          for (const message of ['by', 'itself']) {
            session.send(message);
            assert.equal(await client.frame(), `a["${message}"]`);
          }
          session.close(3000, 'Go away!');
          if (transport === 'websocket-raw') {
            await assert.rejects(client.frame(), { message: 'closed with 3000' });
          } else {
            assert.equal(await client.frame(), 'c[3000,"Go away!"]');
          }
        });

        it(`tells the server at once when a client of ${transport} leaves`, async () => {
          const fleet = await start();
          const client = open(fleet.origin, transport);
          assert.equal(await client.frame(), 'o');
          const session = await fleet.nextSession();
          const closed = once(session, 'close');
          if (transport.endsWith('polling')) {
            await fleet.request(/\/xhr$|\/jsonp/);
            // Waits for the next frame, in a request that has to get there before it can be broken off.
            client.frame().catch(() => {});
            await fleet.request(/\/xhr$|\/jsonp/);
          }
          client.leave();
          const [{ code }] = await closed;
          assert.equal(code, transport.startsWith('websocket') ? 1006 : 1002);
        });
      }
    });
  }

  // Which has no cookies outside of browsers.
  describeProxy(name, `sockjs-client through ${byUrl}`, () => {
    for (const transport of SOCKJS_CLIENT_TRANSPORTS) {
      it(`carries what sockjs-client sends over ${transport} unchanged`, async () => {
        const fleet = await startFleet(name, byUrl);
        const client = new SockjsClient(`${fleet.origin}/echo`, transport);
        await client.opened;
        for (const text of EDGE_CASE_TEXTS) {
          client.send(text);
        }
        assert.deepEqual(await client.take(EDGE_CASE_TEXTS.length), EDGE_CASE_TEXTS);
      });
    }
  });
}

describeProxy('nginx', 'buffering', () => {
  // To a server that answers in chunks nginx passes each on, buffering or not. In HTTP/1.0, which it speaks unless told
  // otherwise, there are none.
  const HTTP_1_0 = 'proxy_http_version 1.0;';

  for (const transport of ['xhr-streaming', 'eventsource', 'htmlfile'] as const) {
    it(`does not hold frames of ${transport} back, with any HTTP version to the server`, async () => {
      const fleet = await startFleet('nginx', 'nginx.conf', {
        replacements: { 'proxy_http_version 1.1;': HTTP_1_0 },
      });
      const client = connect(fleet.origin, transport);
      assert.equal(await client.frame(), 'o');
      const session = await fleet.nextSession();
      assert.equal(session.request.httpVersion, '1.0');
      for (const message of ['1', '2']) {
        session.send(message);
        assert.equal(await client.frame(), `a["${message}"]`);
      }
    });
  }

  it('would hold frames back but for our X-Accel-Buffering', async () => {
    const fleet = await startFleet('nginx', 'nginx.conf', {
      replacements: { 'proxy_http_version 1.1;': `${HTTP_1_0} proxy_ignore_headers X-Accel-Buffering;` },
    });
    const client = connect(fleet.origin, 'xhr-streaming');
    let isHere = false;
    const here = client.frame().then((frame) => {
      isHere = true;
      return frame;
    });
    const session = await fleet.nextSession();
    // These come after what the stream has sent, through the same single process.
    for (let i = 0; i < 5; i += 1) {
      assert.equal(await connect(fleet.origin, 'xhr-polling').frame(), 'o');
    }
    assert.equal(isHere, false);
    session.close();
    assert.equal(await here, 'o');
  });

  it('does not hold frames back where nginx compresses', async () => {
    const fleet = await startFleet('nginx', 'nginx.conf', {
      // Debian's own nginx.conf has gzip on, which is for text/html unless told, and so for htmlfile.
      replacements: { 'client_max_body_size 1m;': 'client_max_body_size 1m; gzip on; gzip_proxied any;' },
    });
    const req = request(`${fleet.origin}/echo/0/s/htmlfile?c=cb`, {
      agent: false,
      headers: { 'Accept-Encoding': 'gzip' },
    });
    afterTest(() => {
      req.destroy();
    });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    assert.equal(res.headers['content-encoding'], 'gzip');
    const page = res.pipe(createGunzip()).setEncoding('utf8');
    const chunks = page[Symbol.asyncIterator]();
    const until = async (text: string) => {
      for (let all = ''; !all.includes(text); ) {
        const { value, done } = await chunks.next();
        assert.equal(done, false, `the page ended without ${text}`);
        all += value;
      }
    };
    await until('p("o");');
    const session = await fleet.nextSession();
    for (const message of ['1', '2']) {
      session.send(message);
      await until(`p("a[\\"${message}\\"]");`);
    }
  });
});

describeProxy('HAProxy', 'delay', () => {
  for (const transport of ['xhr-streaming', 'eventsource', 'htmlfile'] as const) {
    // Without "option http-no-delay" each waits for that long.
    it(`does not keep frames of ${transport} for 200 ms`, async () => {
      const fleet = await startFleet('HAProxy', 'haproxy.cfg');
      const client = connect(fleet.origin, transport);
      assert.equal(await client.frame(), 'o');
      const session = await fleet.nextSession();
      const times: number[] = [];
      for (let i = 0; i < 10; i += 1) {
        const sent = performance.now();
        session.send('x');
        assert.equal(await client.frame(), 'a["x"]');
        times.push(performance.now() - sent);
      }
      // The fastest: how slow a busy machine makes some of them says nothing.
      assert.ok(Math.min(...times) < 100, `took ${times.map(Math.round).join(', ')} ms`);
    });
  }
});
