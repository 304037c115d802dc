/** The content security policies of the iframe and htmlfile pages as Chromium applies them, alone and behind helmet. */
import assert from 'node:assert/strict';
import helmet from 'helmet';
import { describeInBrowser } from './support/browser.ts';
import { serveSockjs, TestPage } from './support/pages.ts';
import { OTHER_SITE, SAME_ORIGIN, TRANSPORTS } from './support/transports.ts';

/** Those for which the page needs a frame or a script of the server. */
const EMBEDDED = TRANSPORTS.filter(({ name }) => /iframe|htmlfile|jsonp/.test(name));

/** Tries to run a script that the policy does not allow. */
const INJECT = `
  const script = document.createElement('script');
  script.textContent = 'globalThis.injected = true';
  document.head.append(script);
`;

describeInBrowser('browser: policies', () => {
  for (const { name, onlySameOrigin } of EMBEDDED) {
    for (const place of onlySameOrigin === undefined ? [SAME_ORIGIN, OTHER_SITE] : [SAME_ORIGIN]) {
      it(`let ${name} work from ${place.title} behind helmet, without a violation`, async () => {
        const server = await serveSockjs({}, { middleware: helmet() });
        const page = await TestPage.open(await place.pageFor(server));
        await page.connect(server.url, name);
        assert.equal(await page.opened(), name);
        for (const text of ['one', 'two']) {
          await page.send(text);
          assert.deepEqual(await page.take(1), [text]);
        }
        assert.deepEqual(await page.problems(), []);
      });
    }
  }

  it('let the iframe page load the client library from an address relative to the page', async () => {
    const server = await serveSockjs({ sockjsUrl: '../sockjs.js' });
    const page = await TestPage.open(await OTHER_SITE.pageFor(server));
    await page.connect(server.url, 'iframe-xhr-polling');
    assert.equal(await page.opened(), 'iframe-xhr-polling');
    assert.deepEqual(await page.problems(), []);
  });

  it('keep scripts that are not its own from the iframe page', async () => {
    const server = await serveSockjs();
    const page = await TestPage.open(await OTHER_SITE.pageFor(server));
    await page.connect(server.url, 'iframe-xhr-polling');
    await page.opened();
    const frame = page.page.frame({ url: /\/iframe\.html/ });
    await frame?.evaluate(INJECT);
    assert.equal(await frame?.evaluate('globalThis.injected'), undefined);
    await page.until(/^securitypolicyviolation script-src-elem inline .*\/iframe\.html/);
  });

  it('keep the htmlfile page from loading anything', async () => {
    const server = await serveSockjs();
    const page = await TestPage.open(server.origin);
    await page.connect(server.url, 'htmlfile');
    await page.opened();
    const frame = page.page.frame({ url: /\/htmlfile\?/ });
    await frame?.evaluate("new Image().src = '/image.png'");
    await page.until(/^securitypolicyviolation img-src .*\/image\.png .*\/htmlfile\?/);
  });
});
