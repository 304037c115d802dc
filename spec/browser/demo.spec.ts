/** The demo's pages in Chromium, from the program as `npm start` runs it. */
import assert from 'node:assert/strict';
import { startProgram } from '../support/npm-script.ts';
import { describeInBrowser } from './support/browser.ts';
import { TestPage } from './support/pages.ts';
import { TRANSPORTS } from './support/transports.ts';

/** What sockjs-client's jsonp leaves behind when it closes: a script that still comes, for a callback that is gone. */
const LATE_SCRIPT = /_jp\.\w+ is not a function/;

/**
 * What Chromium says of a send that sockjs-client starts after its close: it begins each request in a later turn. The
 * page sends a ping each second.
 */
const LATE_SEND = /^Failed to load resource: .* 404 .*\/(?:xhr|jsonp)_send\?/;

async function connect({ page }: TestPage, transport: string): Promise<void> {
  await page.selectOption('#transport', transport);
  await page.click('#connect');
  await page.waitForSelector('#status[data-state=open]');
}

async function problems(page: TestPage): Promise<readonly string[]> {
  return (await page.problems()).filter((line) => !LATE_SCRIPT.test(line));
}

describeInBrowser('browser: demo', () => {
  it('loads without an error, and without a violation of its policy', async () => {
    const { origin } = await startProgram('start');
    const page = await TestPage.open(`${origin}/`);
    assert.match(await page.page.title(), /express-sockjs/);
    await page.page.waitForSelector('#status[data-state]');
    assert.deepEqual(await page.problems(), []);
  });

  for (const { name, transport } of TRANSPORTS) {
    it(`connects over ${name}, chats with another page, and disconnects`, async () => {
      const { origin } = await startProgram('start');
      const [one, other] = [await TestPage.open(`${origin}/`), await TestPage.open(`${origin}/`)];
      await connect(one, name);
      await connect(other, 'websocket');
      assert.match((await one.page.textContent('#detail')) ?? '', new RegExp(`over ${name}$`), transport);
      await one.page.fill('#name', 'Ann');
      await one.page.fill('#text', `<b>hello</b> over ${name}`);
      await one.page.click('#send');
      for (const { page } of [one, other]) {
        await page
          .locator('#chat-list li', { hasText: `<b>hello</b> over ${name}` })
          .first()
          .waitFor();
      }
      await one.page.locator('#frames-list li[data-kind=a]').first().waitFor();
      assert.deepEqual([...(await problems(one)), ...(await problems(other))], []);
      await one.page.click('#disconnect');
      await one.page.waitForSelector('#status[data-state=closed]');
      const late = (await problems(one)).filter((line) => !LATE_SEND.test(line));
      assert.deepEqual([...late, ...(await problems(other))], []);
    });
  }

  it('shows what the server counts, live', async () => {
    const { origin } = await startProgram('start');
    const stats = await TestPage.open(`${origin}/stats.html`);
    await stats.page.waitForSelector('#status[data-state=open]');
    const page = await TestPage.open(`${origin}/`);
    await connect(page, 'xhr-streaming');
    await stats.page.locator('#live-sessions', { hasText: /^1$/ }).waitFor();
    await stats.page.locator('#transports tr', { hasText: /xhr-streaming\s*1/ }).waitFor();
    assert.deepEqual([...(await page.problems()), ...(await stats.problems())], []);
  });
});
