/** `allowedOrigins` against real pages of other origins: on no transport does a session open that should not. */
import assert from 'node:assert/strict';
import type { SockjsOptions } from '../../lib/index.ts';
import { echo, sessionCatcher } from '../support/test-server.ts';
import { describeInBrowser } from './support/browser.ts';
import { asLocalhost, type PageSettings, serveSockjs, TestPage } from './support/pages.ts';
import { TRANSPORTS } from './support/transports.ts';

const ALL_FAILED = { code: 2000, reason: 'All transports failed', wasClean: false };

/** Those that begin with a script or a frame, for which browsers send no Origin. */
const EMBEDDED = TRANSPORTS.filter(({ name }) => /^(?:iframe-eventsource|htmlfile|jsonp-polling)$/.test(name));

const NO_REFERRER: PageSettings = { head: '<meta name="referrer" content="no-referrer">' };

/** A server that judges, and how many sessions it has opened. */
async function serveGuarded(allowedOrigins: SockjsOptions['allowedOrigins'], page?: PageSettings) {
  const sessions = sessionCatcher();
  const server = await serveSockjs(
    { allowedOrigins },
    {
      ...page,
      onSession: (session) => {
        sessions.onSession(session);
        return echo(session);
      },
    },
  );
  return { ...server, count: sessions.count };
}

/**
 * A page of another site with an endpoint of its own, where `/info` sends clients on to the guarded server: they come
 * to the transport itself, and not only to an `/info` that is refused.
 */
async function serveForeign(target: () => string, settings?: PageSettings) {
  const foreign = await serveSockjs({ baseUrl: target }, settings);
  return { origin: asLocalhost(foreign.origin), url: asLocalhost(foreign.url) };
}

describeInBrowser('browser: allowedOrigins', () => {
  it('keeps a foreign page from even asking for /info', async () => {
    const guarded = await serveGuarded('same-origin');
    const foreign = await serveForeign(() => guarded.url);
    const page = await TestPage.open(foreign.origin);
    await page.connect(guarded.url, []);
    assert.deepEqual(await page.closed(), { code: 1002, reason: 'Cannot connect to server', wasClean: false });
    assert.deepEqual(guarded.exchanges, [{ path: '/echo/info', status: 403 }]);
    assert.equal(guarded.count(), 0);
  });

  for (const { name, onlySameOrigin } of TRANSPORTS) {
    describe(name, () => {
      it('opens no session for a foreign page that goes round /info', async () => {
        const guarded = await serveGuarded('same-origin');
        const foreign = await serveForeign(() => guarded.url);
        const page = await TestPage.open(foreign.origin);
        await page.connect(foreign.url, name);
        assert.deepEqual(await page.closed(), ALL_FAILED);
        assert.deepEqual([...new Set(guarded.exchanges.map(({ status }) => status))], [403]);
        assert.equal(guarded.count(), 0);
      });

      if (onlySameOrigin === undefined) {
        it('opens one for a foreign page that is listed', async () => {
          const foreign = await serveForeign(() => guarded.url);
          const guarded = await serveGuarded([foreign.origin]);
          const page = await TestPage.open(foreign.origin);
          await page.connect(foreign.url, name);
          assert.equal(await page.opened(), name);
          await page.send('x');
          assert.deepEqual(await page.take(1), ['x']);
          assert.equal(guarded.count(), 1);
          assert.deepEqual(await page.problems(), []);
        });
      } else {
        it('opens one for a page of its own', async () => {
          const guarded = await serveGuarded('same-origin');
          const page = await TestPage.open(guarded.origin);
          await page.connect(guarded.url, name);
          assert.equal(await page.opened(), name);
          await page.send('x');
          assert.deepEqual(await page.take(1), ['x']);
          assert.equal(guarded.count(), 1);
          assert.deepEqual(await page.problems(), []);
        });
      }
    });
  }

  for (const { name } of EMBEDDED) {
    describe(`${name} and a page that sends no Referer`, () => {
      it('opens no session where the page is foreign', async () => {
        const guarded = await serveGuarded('same-origin');
        const foreign = await serveForeign(() => guarded.url, NO_REFERRER);
        const page = await TestPage.open(foreign.origin);
        await page.connect(foreign.url, name);
        assert.deepEqual(await page.closed(), ALL_FAILED);
        assert.deepEqual([...new Set(guarded.exchanges.map(({ status }) => status))], [403]);
        assert.equal(guarded.count(), 0);
      });

      it('opens one where the page is its own', async () => {
        const guarded = await serveGuarded('same-origin', NO_REFERRER);
        const page = await TestPage.open(guarded.origin);
        await page.connect(guarded.url, name);
        assert.equal(await page.opened(), name);
        await page.send('x');
        assert.deepEqual(await page.take(1), ['x']);
      });
    });
  }
});
