/** Proxies end what is silent for long; heartbeats keep it alive. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TransportName } from '../../lib/index.ts';
import { connect, TRANSPORTS } from './support/client.ts';
import { DEPLOYMENTS, startFleet } from './support/fleet.ts';
import { describeProxy } from './support/proxy.ts';

/** Seconds of silence that the proxies bear here: longer than a busy machine keeps a heartbeat waiting. */
const TIMEOUT = 4;

const HEARTBEAT_DELAY = 250;

/** More than the timeout takes: timers are never early. */
const HEARTBEATS = (TIMEOUT * 1000) / HEARTBEAT_DELAY + 2;

/** How clients see it: a poll has not been answered yet, and a proxy can still say what happened. */
const ENDS: Readonly<Record<TransportName, RegExp>> = {
  websocket: /closed with 1006/,
  'websocket-raw': /closed with 1006/,
  'xhr-streaming': /aborted|response has ended/,
  'xhr-polling': /answered 504/,
  eventsource: /aborted|response has ended/,
  htmlfile: /aborted|response has ended/,
  'jsonp-polling': /answered 504/,
};

for (const { name, byUrl, timeouts } of DEPLOYMENTS) {
  describeProxy(name, `silence for ${TIMEOUT} s`, () => {
    const start = (heartbeatDelay: number) =>
      startFleet(name, byUrl, { heartbeatDelay, replacements: timeouts(TIMEOUT) });

    it('ends nothing while heartbeats come', async () => {
      const fleet = await start(HEARTBEAT_DELAY);
      await Promise.all(
        TRANSPORTS.map(async (transport) => {
          const client = connect(fleet.origin, transport);
          assert.equal(await client.frame(), 'o', transport);
          for (let i = 0; i < HEARTBEATS; i += 1) {
            assert.equal(await client.frame(), 'h', transport);
          }
          await client.send('still here');
          let frame = await client.frame();
          while (frame === 'h') {
            frame = await client.frame();
          }
          assert.equal(frame, 'a["still here"]', transport);
        }),
      );
    });

    it('ends everything without heartbeats, and the server hears of it', async () => {
      const fleet = await start(0);
      const endings: Promise<void>[] = [];
      for (const transport of TRANSPORTS) {
        const client = connect(fleet.origin, transport);
        assert.equal(await client.frame(), 'o', transport);
        const closed = once(await fleet.nextSession(), 'close');
        const refused = assert.rejects(client.frame(), ENDS[transport], transport);
        endings.push(
          refused.then(async () => {
            const [{ code }] = await closed;
            assert.equal(code, transport.startsWith('websocket') ? 1006 : 1002, transport);
          }),
        );
      }
      await Promise.all(endings);
    });
  });
}
