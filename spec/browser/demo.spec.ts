/** The demo page in Chromium, from the program as `npm start` runs it. */
import assert from 'node:assert/strict';
import { startProgram } from '../support/program.ts';
import { describeInBrowser } from './support/browser.ts';
import { TestPage } from './support/pages.ts';

describeInBrowser('browser: demo', () => {
  it('loads without an error, and without a violation of its policy', async () => {
    const { origin } = await startProgram('start');
    const page = await TestPage.open(`${origin}/`);
    assert.equal(await page.page.evaluate('document.readyState'), 'complete');
    assert.match(await page.page.title(), /express-sockjs/);
    assert.deepEqual(await page.trouble(), []);
  });
});
