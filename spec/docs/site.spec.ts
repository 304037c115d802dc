/** The site of docs/: it has every page, its links lead somewhere, and it works in Chromium, on a desktop and a phone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expectListed, sectionsOf } from '../../docs/.vitepress/map.ts';
import { slugify } from '../../docs/.vitepress/markdown.ts';
import { describeInBrowser, newContext } from '../browser/support/browser.ts';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { freePort } from '../support/programs.ts';
import { listen } from '../support/test-server.ts';
import { anchorsOf, codeBlocks, PAGES, readDocument } from './support/markdown.ts';
import {
  brokenLinks,
  buildSite,
  buildWithoutNetwork,
  canLeaveNetwork,
  DIST,
  isInstalled,
  siteApp,
  sitePages,
} from './support/site.ts';

const { CI } = env;

/** ms. A busy machine may need so long to install what builds the site, and to build it. */
const BUILD_TIMEOUT = 600_000;

const PHONE = { width: 360, height: 740 };

const OPTION = '/reference/options.html#maxsendbuffer';

const addressOf = (page: string) =>
  `/${page
    .slice('docs/'.length)
    .replace(/^README\.md$/, 'index.md')
    .replace(/\.md$/, '.html')}`;

const diagramsOf = (page: string) => codeBlocks(readDocument(page), 'mermaid').length;

/** Builds the site before the tests of a suite. Skips them, and says so, where npm cannot install what builds it. */
function useSite(): void {
  before('builds the site', async function () {
    this.timeout(BUILD_TIMEOUT);
    try {
      await buildSite();
    } catch (error) {
      if (CI === 'true' || isInstalled()) {
        throw error;
      }
      console.log('specs of the site skipped: npm cannot install what docs/package.json names');
      this.skip();
    }
  });
}

/** Serves the site, and opens a page of it. `problems` are requests to other hosts and errors in the console, so far. */
async function open(address: string, options: BrowserContextOptions = {}): Promise<{ page: Page; problems: string[] }> {
  const { origin } = await listen(siteApp());
  const context = await newContext({ baseURL: origin, reducedMotion: 'reduce', ...options });
  const problems: string[] = [];
  context.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) {
      problems.push(`request: ${request.url()}`);
    }
  });
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      problems.push(`${message.type()}: ${message.text()}`);
    }
  });
  context.on('weberror', (error) => problems.push(`thrown: ${error.error().message}`));
  const page = await context.newPage();
  await page.goto(address);
  return { page, problems };
}

/** The text of HTML. */
function plainText(html: string): string {
  const names: Readonly<Record<string, string>> = { lt: '<', '#x3C': '<', gt: '>', quot: '"', '#39': "'" };
  const text = html.replace(/<[^>]*>/g, '').replace(/&([^;&]+);/g, (entity, name: string) => names[name] ?? entity);
  return text.replace(/&(amp|#x26);/g, '&');
}

/** By how many px a page is wider than the window. */
const overhang = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

const background = (page: Page) => page.evaluate('getComputedStyle(document.body).backgroundColor');

describe('the map of the site', () => {
  it('has the sections of docs/README.md, and the pages in their tables', () => {
    const map =
      '# Map\n\nText.\n\n## One\n\n| Page | What |\n|---|---|\n| [`a()` and b](guide/a.md) | A? |\n\n## None\n\nText.\n';
    assert.deepEqual(sectionsOf(map), [{ title: 'One', entries: [{ title: 'a() and b', path: 'docs/guide/a.md' }] }]);
  });

  it('leaves out no page, or the site is not built', () => {
    const sections = sectionsOf(readDocument('docs/README.md'));
    expectListed(sections, PAGES);
    assert.throws(() => expectListed(sections, [...PAGES, 'docs/guide/new.md']), /does not list docs\/guide\/new\.md:/);
  });

  it('gives headings the anchors that they have in a repository', () => {
    for (const heading of ['`stats().cluster`', '1. What it is: a *session*', 'What_is café, 2']) {
      assert.ok(anchorsOf(`# ${heading}\n`).has(slugify(heading.replace(/[`*]/g, ''))), heading);
    }
  });
});

describe('the site', () => {
  useSite();

  it('has a page for every page of docs/', () => {
    const pages = sitePages();
    assert.deepEqual(
      PAGES.map(addressOf).filter((address) => !pages.includes(address)),
      [],
    );
  });

  it('has a heading that links can name for every heading of docs/', () => {
    for (const page of PAGES) {
      const html = readFileSync(join(DIST, addressOf(page)), 'utf8');
      const missing = [...anchorsOf(readDocument(page))].filter((anchor) => !html.includes(` id="${anchor}"`));
      assert.deepEqual(missing, [], page);
    }
  });

  it('has no link that leads nowhere, to a page, a heading or a file', () => {
    assert.deepEqual(sitePages().flatMap(brokenLinks), []);
  });

  it('shows the recipes as they are', () => {
    const html = readFileSync(join(DIST, 'project/demo/recipes/rooms.ts.html'), 'utf8');
    const [, code = ''] = /<code\b[^>]*>(.*?)<\/code>/s.exec(html) ?? [];
    assert.equal(plainText(code), readDocument('demo/recipes/rooms.ts').trimEnd());
  });

  it('is built without a network', async function () {
    this.timeout(BUILD_TIMEOUT);
    if (!(await canLeaveNetwork())) {
      console.log('the build without a network is skipped: unshare(1) is missing, or not allowed here');
      this.skip();
    }
    const folder = await mkdtemp(join(tmpdir(), 'express-sockjs-site-'));
    afterTest(() => rm(folder, { recursive: true }));
    await buildWithoutNetwork(folder);
  });

  it('is shown by npm run docs while it is written', async function () {
    this.timeout(120_000);
    const port = await freePort();
    const args = [
      '--import',
      'tsx/esm',
      'scripts/docs.ts',
      'dev',
      '--port',
      `${port}`,
      '--strictPort',
      '--host',
      '127.0.0.1',
    ];
    const server = new Child('npm run docs', spawnChild(execPath, args, { env: { ...env, NO_COLOR: '1' } }), true);
    afterTest(() => server.kill());
    const [origin] = await server.line(/(http:\/\/127\.0\.0\.1:\d+)\//);
    // Every other address is answered with 200 and a page without text, where there is no such page as well.
    const answer = await fetch(`${origin}/guide/vite.md?import`);
    assert.equal(answer.status, 200);
    const [title = ''] = readDocument('docs/guide/vite.md').split('\n', 1);
    assert.ok((await answer.text()).includes(`{\\"title\\":\\"${title.replace('# ', '')}\\"`));
    assert.equal((await server.stop('SIGTERM')).signal, null);
  });
});

describeInBrowser('the site in Chromium', () => {
  useSite();

  it('leads to every page of docs/ from the sidebar', async () => {
    const { page, problems } = await open('/');
    const links = await page.locator('.VPSidebar a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    const wanted = PAGES.filter((path) => path !== 'docs/README.md').map(addressOf);
    assert.deepEqual(
      wanted.filter((address) => !links.includes(address)),
      [],
    );
    assert.deepEqual(problems, []);
  });

  it('finds an option, and lands on its heading', async () => {
    const { page, problems } = await open('/');
    await page.locator('#local-search button').click();
    await page.getByRole('searchbox').fill('maxSendBuffer');
    const first = page.locator('.VPLocalSearchBox .result').first();
    await first.filter({ hasText: 'Options' }).waitFor();
    assert.equal(await first.getAttribute('href'), OPTION);
    await first.click();
    await page.waitForURL(`**${OPTION}`);
    const heading = page.getByRole('heading', { name: 'maxSendBuffer' });
    await page.waitForFunction(`(() => {
      const { top, bottom } = document.getElementById('maxsendbuffer').getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight / 2;
    })()`);
    assert.ok(await heading.isVisible());
    assert.deepEqual(problems, []);
  });

  it('switches to dark and back, and remembers it', async () => {
    const { page, problems } = await open('/', { colorScheme: 'light' });
    const light = await background(page);
    const button = page.locator('.VPNavBar').getByRole('switch');
    await button.click();
    await page.locator('html.dark').waitFor();
    const dark = await background(page);
    assert.notEqual(dark, light);
    await page.reload();
    await page.locator('html.dark').waitFor();
    assert.equal(await background(page), dark);
    await button.click();
    await page.locator('html:not(.dark)').waitFor();
    assert.equal(await background(page), light);
    assert.deepEqual(problems, []);
  });

  it('draws a diagram anew when it is switched to dark', async () => {
    const { page, problems } = await open('/internals/session-lifecycle.html', { colorScheme: 'light' });
    const text = page.locator('.diagram svg .nodeLabel').first();
    await text.waitFor();
    const light = await text.evaluate('(element) => getComputedStyle(element).color');
    await page.locator('.VPNavBar').getByRole('switch').click();
    await page.waitForFunction(
      `getComputedStyle(document.querySelector('.diagram svg .nodeLabel')).color !== '${light}'`,
    );
    assert.deepEqual(problems, []);
  });

  for (const path of PAGES.filter((page) => diagramsOf(page) > 0)) {
    it(`draws every diagram, and scrolls none beyond its frame on a phone: ${path}`, async () => {
      const { page, problems } = await open(addressOf(path), { viewport: PHONE });
      const drawn = page.locator('.diagram svg');
      await drawn.nth(diagramsOf(path) - 1).waitFor();
      assert.equal(await drawn.count(), diagramsOf(path));
      assert.equal(await overhang(page), 0);
      assert.deepEqual(problems, []);
    });
  }

  it('scrolls no page sideways on a phone', async function () {
    this.timeout(BUILD_TIMEOUT);
    // Without scripts each page stands at once.
    const { page } = await open('/', { viewport: PHONE, javaScriptEnabled: false });
    const wide: string[] = [];
    for (const address of sitePages()) {
      await page.goto(address);
      const excess = await overhang(page);
      if (excess > 0) {
        wide.push(`${address}: by ${excess} px`);
      }
    }
    assert.deepEqual(wide, []);
  });

  it('has a menu on a phone that leads to a page, and a search', async () => {
    const { page, problems } = await open('/', { viewport: PHONE, hasTouch: true });
    await page.locator('.VPLocalNav').getByRole('button', { name: 'Menu' }).click();
    await page.locator('.VPSidebar.open').getByRole('link', { name: 'Shutting down' }).click();
    await page.getByRole('heading', { name: 'Shutting down', level: 1 }).waitFor();
    await page.locator('.VPSidebar:not(.open)').waitFor({ state: 'attached' });
    await page.locator('#local-search button').click();
    await page.getByRole('searchbox').waitFor();
    assert.equal(await overhang(page), 0);
    assert.deepEqual(problems, []);
  });
});
