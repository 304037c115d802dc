/** The page of the README's first chat in Chromium. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startFirstChat } from '../docs/support/first-chat.ts';
import { describeInBrowser, newContext } from './support/browser.ts';

const CLIENT_LIBRARY = fileURLToPath(import.meta.resolve('sockjs-client/dist/sockjs.min.js'));

/** Opens the page with the client library from here in place of the network. */
async function open(origin: string): Promise<Page> {
  const context = await newContext();
  const body = await readFile(CLIENT_LIBRARY, 'utf8');
  await context.route('https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body }),
  );
  const page = await context.newPage();
  await page.goto(origin);
  await page.waitForSelector('input:enabled');
  return page;
}

describeInBrowser('browser: the first chat of README.md', () => {
  it('shows in all pages what is typed into one, as text', async () => {
    const origin = await startFirstChat();
    const pages = [await open(origin), await open(origin)];
    await pages[0]?.fill('input', '<b>hello</b>');
    await pages[0]?.press('input', 'Enter');
    for (const page of pages) {
      assert.equal(await page.textContent('li'), '<b>hello</b>');
    }
    assert.equal(await pages[0]?.inputValue('input'), '');
  });
});
