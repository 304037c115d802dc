/** What the application learns of the client behind a proxy that it trusts: address, protocol, host. */
import assert from 'node:assert/strict';
import { connect, TRANSPORTS } from './support/client.ts';
import { DEPLOYMENTS, startFleet } from './support/fleet.ts';
import { describeProxy } from './support/proxy.ts';

/** Not the address that the proxy itself connects from. */
const CLIENT = '127.0.0.2';

for (const { name, byUrl, byCookie, roundRobin } of DEPLOYMENTS) {
  for (const file of [byUrl, byCookie, roundRobin]) {
    describeProxy(name, `the client as the application sees it (${file})`, () => {
      for (const transport of TRANSPORTS) {
        it(`has the address of a client of ${transport}, in spite of what the client claims`, async () => {
          const fleet = await startFleet(name, file);
          const client = connect(fleet.origin, transport, {
            localAddress: CLIENT,
            headers: { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' },
          });
          assert.equal(await client.frame(), 'o');
          const { request } = await fleet.nextSession();
          assert.equal(request.ip, CLIENT);
          assert.equal(request.protocol, 'http');
          assert.equal(request.headers.host, `127.0.0.1:${fleet.port}`);
        });

        it(`tells its own pages from others over ${transport}`, async () => {
          const fleet = await startFleet(name, file, { allowedOrigins: 'same-origin' });
          const own = connect(fleet.origin, transport, { headers: { Origin: fleet.origin } });
          assert.equal(await own.frame(), 'o');
          const foreign = connect(fleet.origin, transport, { headers: { Origin: 'http://127.0.0.1' } });
          await assert.rejects(foreign.frame(), /403/);
        });
      }
    });
  }
}
