/** What a page notices of a server that restarts, and that it gets through to the new one on the same port. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { sessionCatcher } from '../support/test-server.ts';
import { describeInBrowser } from './support/browser.ts';
import { serveSockjs, TestPage } from './support/pages.ts';
import { OTHER_SITE, SAME_ORIGIN, TRANSPORTS } from './support/transports.ts';

describeInBrowser('browser: a server that restarts', () => {
  for (const { name, onlySameOrigin } of TRANSPORTS) {
    const place = onlySameOrigin === undefined ? OTHER_SITE : SAME_ORIGIN;

    describe(`${name}, ${place.title}`, () => {
      /** A page whose client is connected to a server, and a way to have another server in its place. */
      async function connect() {
        const sessions = sessionCatcher();
        const first = await serveSockjs({}, { onSession: sessions.onSession });
        const page = await TestPage.open(await place.pageFor(first));
        await page.connect(first.url, name);
        await page.opened();
        const session = await sessions.next();
        return {
          page,
          session,
          router: first.router,
          /** Breaks all connections off. */
          restart: async () => {
            const closed = once(first.server, 'close');
            first.server.close();
            if (name === 'websocket') {
              // closeAllConnections() does not know it.
              session.request.socket.destroy();
            }
            first.server.closeAllConnections();
            await closed;
            return serveSockjs({}, { port: first.port });
          },
        };
      }

      async function assertConnects(page: TestPage, url: string): Promise<void> {
        await page.connect(url, name);
        assert.equal(await page.opened(), name);
        await page.send('x');
        assert.deepEqual(await page.take(1), ['x']);
      }

      it('closes the client with 1001 when it shuts down in order, and takes a new one', async () => {
        const { page, session, router, restart } = await connect();
        session.send('last');
        const [ended] = await Promise.all([page.closed(), router.close()]);
        assert.deepEqual(ended, { code: 1001, reason: 'Server shutting down', wasClean: true });
        assert.deepEqual(await page.take(1), ['last']);
        await assertConnects(page, (await restart()).url);
      });

      // Chromium tells no one that a page has ended before its time: neither the page nor its frame gets a load event.
      const isDeaf = name.endsWith('htmlfile');
      const when = isDeaf ? 'the client sends after it has broken off' : 'it breaks off';
      it(`closes the client with 1006 when ${when}, and takes a new one`, async () => {
        const { page, restart } = await connect();
        const second = await restart();
        if (isDeaf) {
          await page.send('is the server there?');
        }
        const { code, wasClean } = await page.closed();
        assert.deepEqual({ code, wasClean }, { code: 1006, wasClean: false });
        await assertConnects(page, second.url);
      });
    });
  }
});
