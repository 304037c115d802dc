/** The page and the hook of the recipe that reconnects, in Chromium. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { describeInBrowser, newContext } from '../../browser/support/browser.ts';
import { afterTest } from '../../support/cleanup.ts';
import { Recipe } from '../../support/recipes.ts';

const HOOK_APP = fileURLToPath(new URL('support/hook-app.js', import.meta.url));

const { SCREENSHOTS } = process.env;

async function startProgram(): Promise<string> {
  const recipe = new Recipe('reconnect/server');
  afterTest(() => recipe.kill());
  return recipe.origin();
}

/** The application as one script. React checks more in its development build. */
async function bundleHookApp(): Promise<string> {
  const bundle = await rolldown({
    input: HOOK_APP,
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    logLevel: 'silent',
  });
  const { output } = await bundle.generate({ format: 'iife' });
  await bundle.close();
  return output[0].code;
}

describeInBrowser('browser: the recipe reconnect', () => {
  let script = '';
  before('bundles the application of the hook', async () => {
    script = await bundleHookApp();
  });

  /** A page whose errors fail the test. */
  async function newPage(): Promise<Page> {
    const context = await newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60_000); // ms
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    afterTest(() => assert.deepEqual(problems, []));
    return page;
  }

  async function openPage(origin: string): Promise<Page> {
    const page = await newPage();
    await page.goto(origin);
    await page.waitForSelector('input:enabled');
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.fill('input', text);
    await page.press('input', 'Enter');
    await page.waitForFunction(`document.querySelector('li')?.textContent === ${JSON.stringify(text)}`);
  }

  const messagesOf = (page: Page) => page.locator('li').allTextContents();

  it('has a page that shows what was said while it was cut off, once and as text', async () => {
    const origin = await startProgram();
    const [ann, bob] = [await openPage(origin), await openPage(origin)];
    await say(bob, '<b>one</b>');
    await ann.waitForSelector('li');
    // What it shows only for a moment.
    await ann.evaluate(`
      globalThis.shown = [];
      const see = () => shown.push([document.querySelector('output').textContent, document.querySelector('input').disabled].join());
      new MutationObserver(see).observe(document.querySelector('form'), { subtree: true, attributes: true })`);
    await ann.click('#cut');
    await ann.waitForFunction("shown.includes('waiting,true')");
    await say(bob, 'two');
    await say(bob, 'three');
    await ann.waitForSelector('input:enabled');
    await say(ann, 'four');
    assert.deepEqual(await messagesOf(ann), ['four', 'three', 'two', '<b>one</b>']);
    if (SCREENSHOTS) {
      await ann.screenshot({ path: `${SCREENSHOTS}/reconnect.png` });
    }
  });

  describe('the hook', () => {
    /** Opens a page with the application, of the program's origin. */
    async function openApp() {
      const origin = await startProgram();
      const page = await newPage();
      // A document without scripts. It must come from the program, or Chromium lets it connect to no local server.
      await page.route(`${origin}/favicon.ico`, (route) => route.fulfill({ status: 204 }));
      await page.goto(`${origin}/page.css`);
      await page.addScriptTag({ url: '/sockjs.min.js' });
      await page.addScriptTag({ content: script });
      const shows = (text: string) => page.waitForFunction(`document.body.textContent === ${JSON.stringify(text)}`);
      return { page, shows, origin };
    }

    it('gives each message once, to the newest handler, over a reconnect as well', async () => {
      const { page, shows, origin } = await openApp();
      await shows('/chat open');
      const other = await openPage(origin);
      await say(other, 'one');
      await shows('/chat open one.');
      await page.evaluate("show('/chat', '!')");
      await page.evaluate("[...sends][0]('/cut')");
      await page.waitForFunction("statuses.includes('waiting')");
      await say(other, 'two');
      await say(other, 'three');
      await shows('/chat open one. two! three!');
      assert.equal(await page.evaluate('sends.size'), 1);
    });

    it('has one connection open, and none after it is gone', async () => {
      const { page, shows } = await openApp();
      await shows('/chat open');
      const states = (expected: string) =>
        page.waitForFunction(`String(sockets.map(({ readyState }) => readyState)) === '${expected}'`);
      // In its strict mode React mounts twice.
      await states('3,1');
      await page.evaluate("show('/chat?other', '')");
      await shows('/chat?other open');
      await states('3,3,1');
      await page.evaluate('show(undefined)');
      await page.waitForFunction('sockets.every(({ readyState }) => readyState === 3)');
      assert.equal(await page.evaluate("[...sends][0]('late')"), false);
    });
  });
});
