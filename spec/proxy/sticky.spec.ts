/** Sessions stay on the server that has them, by their URL or by the JSESSIONID cookie; proven on two servers. */
import assert from 'node:assert/strict';
import type { TransportName } from '../../lib/index.ts';
import { fetchText } from '../support/http.ts';
import { type Client, CookieJar, connect } from './support/client.ts';
import { DEPLOYMENTS, type Fleet, startFleet } from './support/fleet.ts';
import { describeProxy, type ProxyName } from './support/proxy.ts';

/**
 * So many that by chance all on one server does not happen: 1 in 2^40. And odd: with as many requests at a time as there
 * are sessions, a balancer that took the servers in turn would bring an even number of them to the right one each time.
 */
const MANY = 41;

/** Those that need more than one request for a session. */
const HTTP_TRANSPORTS: readonly TransportName[] = [
  'xhr-streaming',
  'xhr-polling',
  'eventsource',
  'htmlfile',
  'jsonp-polling',
];

/** What HAProxy or nginx makes of the cookie, for clients that bring none. */
const COOKIES: Readonly<Record<ProxyName, RegExp>> = {
  nginx: /^[0-9a-f]{32}$/,
  HAProxy: /^(one|two)~dummy$/,
};

/** Opens, sends twice and receives twice, each a request of its own where the transport has it so. */
async function use(client: Client): Promise<void> {
  assert.equal(await client.frame(), 'o');
  for (const message of ['1', '2']) {
    await client.send(message);
    assert.equal(await client.frame(), `a["${message}"]`);
  }
}

/** Which server has the session: 0 or 1. */
function serverOf({ servers }: Fleet, { id }: Client): number {
  const found = servers.flatMap(({ ids }, index) => (ids.includes(id) ? [index] : []));
  assert.equal(found.length, 1, `session ${id} is on ${found.length} servers`);
  return found[0] ?? -1;
}

function assertBothServe({ servers: [one, two] }: Fleet, sessions: number): void {
  assert.equal(one.ids.length + two.ids.length, sessions);
  assert.ok(one.ids.length > 0 && two.ids.length > 0, `${one.ids.length} sessions on one, ${two.ids.length} on two`);
}

const many = <T>(make: () => T): T[] => Array.from({ length: MANY }, make);

for (const { name, byUrl, byCookie } of DEPLOYMENTS) {
  describeProxy(name, `sticky by URL (${byUrl})`, () => {
    for (const transport of HTTP_TRANSPORTS) {
      it(`keeps ${MANY} sessions of ${transport} each on its server`, async () => {
        const fleet = await startFleet(name, byUrl);
        const clients = many(() => connect(fleet.origin, transport));
        await Promise.all(clients.map(use));
        assertBothServe(fleet, MANY);
      });
    }

    it('goes by the session, under any <server>', async () => {
      const fleet = await startFleet(name, byUrl);
      const clients = many(() => connect(fleet.origin, 'xhr-polling'));
      for (const [i, client] of clients.entries()) {
        assert.equal(await client.frame(), 'o');
        const { status } = await fetchText(`${fleet.origin}/echo/${i}/${client.id}/xhr_send`, 'POST', {
          body: '["m"]',
        });
        assert.equal(status, 204);
      }
    });

    for (const transport of ['websocket', 'websocket-raw'] as const) {
      it(`spreads ${transport} over both`, async () => {
        const fleet = await startFleet(name, byUrl);
        await Promise.all(many(() => use(connect(fleet.origin, transport))));
        assertBothServe(fleet, MANY);
      });
    }

    it('spreads /info over both', async () => {
      const fleet = await startFleet(name, byUrl);
      let answered = 0;
      fleet.servers[0].server.on('request', () => {
        answered += 1;
      });
      for (const { status } of await Promise.all(many(() => fetchText(`${fleet.origin}/echo/info`)))) {
        assert.equal(status, 200);
      }
      assert.ok(answered > 0 && answered < MANY, `one server answered ${answered} of ${MANY}`);
    });

    it('opens all new sessions on the server that is left', async () => {
      const fleet = await startFleet(name, byUrl);
      const [{ server }, two] = fleet.servers;
      server.close();
      server.closeAllConnections();
      await Promise.all(many(() => use(connect(fleet.origin, 'xhr-polling'))));
      assert.equal(two.ids.length, MANY);
    });
  });

  describeProxy(name, `sticky by JSESSIONID (${byCookie})`, () => {
    const start = () => startFleet(name, byCookie, { jsessionid: true });

    for (const transport of HTTP_TRANSPORTS) {
      it(`keeps ${MANY} browsers with ${transport} each on its server`, async () => {
        const fleet = await start();
        await Promise.all(
          many(async () => {
            const jar = new CookieJar();
            const first = connect(fleet.origin, transport, { jar });
            await use(first);
            assert.match(String(jar.get('JSESSIONID')), COOKIES[name]);
            const second = connect(fleet.origin, transport, { jar });
            await use(second);
            assert.equal(serverOf(fleet, second), serverOf(fleet, first));
          }),
        );
        assertBothServe(fleet, 2 * MANY);
      });
    }

    it('keeps a browser that began with a WebSocket on its server', async () => {
      const fleet = await start();
      await Promise.all(
        many(async () => {
          const jar = new CookieJar();
          const first = connect(fleet.origin, 'websocket', { jar });
          await use(first);
          assert.match(String(jar.get('JSESSIONID')), COOKIES[name]);
          for (const transport of ['websocket', 'xhr-polling'] as const) {
            const next = connect(fleet.origin, transport, { jar });
            await use(next);
            assert.equal(serverOf(fleet, next), serverOf(fleet, first));
          }
        }),
      );
      assertBothServe(fleet, 3 * MANY);
    });

    for (const value of ['dummy', 'another-application.s1', '"quoted"']) {
      it(`takes over a browser that comes with JSESSIONID=${value}`, async () => {
        const fleet = await start();
        for (let i = 0; i < 10; i += 1) {
          const jar = new CookieJar();
          jar.set('JSESSIONID', value);
          await use(connect(fleet.origin, 'xhr-polling', { jar }));
        }
      });
    }

    it('shows all other cookies to the server', async () => {
      const fleet = await start();
      const jar = new CookieJar();
      jar.set('theme', 'dark');
      await use(connect(fleet.origin, 'xhr-polling', { jar }));
      const { request } = await fleet.nextSession();
      assert.match(String(request.headers.cookie), /(^|; )theme=dark$/);
    });

    it('has clients told that they need the cookie', async () => {
      const { origin } = await start();
      const { body } = await fetchText(`${origin}/echo/info`);
      assert.equal(JSON.parse(body).cookie_needed, true);
    });
  });
}
