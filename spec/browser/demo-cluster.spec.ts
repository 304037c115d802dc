/** The page of the demo of many processes in Chromium, from the program as `npm run demo:cluster` runs it. */
import assert from 'node:assert/strict';
import type { Page, Route } from 'playwright-core';
import { useClusterDemo } from '../demo/support/cluster-program.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { describeInBrowser } from './support/browser.ts';
import { TestPage } from './support/pages.ts';

/** What Chromium says of requests whose process ends, and of a send that its page has overtaken by connecting anew. */
const EXPECTED = /^Failed to load resource: (?:net::ERR_|.* 404 .*\/xhr_send\?)|^WebSocket connection to .* failed/;

async function problems(page: TestPage): Promise<readonly string[]> {
  return (await page.problems()).filter((line) => !EXPECTED.test(line));
}

/** Opens a page. It connects by itself. */
async function open(origin: string): Promise<TestPage> {
  const page = await TestPage.open(`${origin}/`);
  await page.page.locator('#events-list .good').waitFor();
  return page;
}

/** Has a page connect anew. */
async function connect({ page }: TestPage, transport: string): Promise<void> {
  const connected = page.locator('#events-list .good');
  const before = await connected.count();
  await page.selectOption('#transport', transport);
  await page.click('#connect');
  await connected
    .nth(before)
    .filter({ hasText: `over ${transport}.` })
    .waitFor();
}

/** The process that holds the session of a page. */
async function ownerOf(page: Page): Promise<string> {
  return (await page.locator('.process.owner').getAttribute('data-process')) ?? assert.fail();
}

/** Opens two pages whose sessions are at different processes. */
async function openTwo(origin: string, transport: string): Promise<[TestPage, TestPage]> {
  const [one, other] = [await open(origin), await open(origin)];
  await connect(other, 'websocket');
  const owner = await ownerOf(other.page);
  do {
    // Each connection is for the next process.
    await connect(one, transport);
  } while ((await ownerOf(one.page)) === owner);
  return [one, other];
}

/** Holds requests back that match. `release()` lets them go, and all that follow. */
async function hold(page: Page, url: RegExp): Promise<{ held: Promise<void>; release(): Promise<void> }> {
  const routes: Route[] = [];
  let tell = () => {};
  const held = new Promise<void>((resolve) => {
    tell = resolve;
  });
  await page.route(url, (route) => {
    routes.push(route);
    tell();
  });
  const release = async () => {
    await Promise.all(routes.map((route) => route.continue()));
    await page.unroute(url);
  };
  return { held, release };
}

function declareTests(demo: { readonly origin: string }): void {
  it('loads without an error, and without a violation of its policy', async () => {
    const page = await TestPage.open(`${demo.origin}/`);
    assert.match(await page.page.title(), /express-sockjs/);
    await page.page.waitForSelector('#status[data-state=open]');
    assert.deepEqual(await page.problems(), []);
  });

  it('shows three processes, and two pages chat that are at different ones', async () => {
    const [one, other] = await openTwo(demo.origin, 'xhr-polling');
    for (const { page } of [one, other]) {
      await page.locator('.process[data-state=running]').nth(2).waitFor();
      await page.locator('#people', { hasText: /^2$/ }).waitFor();
    }
    await one.page.fill('#name', 'Ann');
    await one.page.fill('#text', '<b>hello</b> from process to process');
    await one.page.click('#send');
    for (const { page } of [one, other]) {
      const line = page.locator('#chat-list li', { hasText: '<b>hello</b> from process to process' });
      await line.locator(`.badge[data-process=${await ownerOf(one.page)}]`).waitFor();
      // The card of the process has the name of who is there.
      await page.locator('.process .people', { hasText: /^Ann$/ }).waitFor();
    }
    // Requests of the polling page were relayed; the WebSocket of the other one was not.
    await one.page.locator('#strip .badge.relayed').first().waitFor();
    assert.match((await one.page.textContent('#relayed')) ?? '', /^[1-9]\d* \(\d+ %\)$/);
    assert.equal(await other.page.textContent('#relayed'), '0');
    assert.match((await other.page.textContent('#path')) ?? '', /^YouWebSocket[ABC]$/);
    assert.deepEqual([...(await problems(one)), ...(await problems(other))], []);
  });

  it('counts no answers to an earlier session', async () => {
    const { page } = await open(demo.origin);
    // The page sends its name by itself. While that send is under way, sockjs-client would keep the next one back, and drop it.
    // Not `waitForFunction()`: the page's policy forbids the `eval()` by which it looks again.
    await page.evaluate(`new Promise((resolve) => {
      const see = (list) => list.getEntries().some(({ name }) => name.includes('/xhr_send?')) && resolve();
      new PerformanceObserver(see).observe({ type: 'resource', buffered: true });
    })`);
    const late = page.waitForResponse(/\/xhr_send\?.*/);
    // sockjs-client sends in a later turn, when the session has ended.
    await page.evaluate(`
      document.getElementById('transport').value = 'websocket';
      document.getElementById('name').value = 'Late';
      document.getElementById('name').dispatchEvent(new Event('change'));
      document.getElementById('connect').click();
    `);
    await page.locator('#path', { hasText: /^YouWebSocket[ABC]$/ }).waitFor();
    await (await late).finished();
    assert.equal(await page.textContent('#requests'), '0');
    assert.match((await page.textContent('#path')) ?? '', /^YouWebSocket[ABC]$/);
  });

  it('shows 1012 to a polling page whose owner is ended, and has it come back elsewhere', async () => {
    const [one, other] = await openTwo(demo.origin, 'xhr-polling');
    await other.page.locator('.process[data-state=running]').nth(2).waitFor();
    const owner = await ownerOf(one.page);
    // The next poll reaches a process once the owner is dead. At the owner itself it would just break.
    const polls = await hold(one.page, /\/xhr\?/);
    await polls.held;
    await one.page.click('#end');
    await one.page.waitForSelector(`.process[data-process=${owner}][data-state=gone]`);
    await other.page.locator('#events-list li', { hasText: `Process ${owner} was replaced` }).waitFor();
    await polls.release();
    await one.page.locator('#events-list .bad', { hasText: 'Closed with 1012 Session lost.' }).waitFor();
    await one.page.locator('#events-list .good', { hasText: /Back after \d+\.\d\d s/ }).waitFor();
    await one.page.waitForSelector('.process.owner');
    // It goes on as before.
    await one.page.fill('#text', 'back again');
    await one.page.click('#send');
    await other.page.locator('#chat-list li', { hasText: 'back again' }).waitFor();
    assert.deepEqual([...(await problems(one)), ...(await problems(other))], []);
  });

  it('shows 1006 to a page whose WebSocket was at the ended owner, and the process that replaces it', async () => {
    const page = await open(demo.origin);
    await connect(page, 'websocket');
    const owner = await ownerOf(page.page);
    await page.page.locator(`.process[data-state=running]`).nth(2).waitFor();
    await page.page.click('#end');
    await page.page.locator('#events-list .bad', { hasText: 'Closed with 1006.' }).waitFor();
    await page.page.locator('#events-list .good', { hasText: /Back after .* over websocket\.$/ }).waitFor();
    await page.page.locator('#events-list li', { hasText: `Process ${owner} was replaced` }).waitFor();
    await page.page.waitForSelector(`.process[data-process=${owner}][data-state=running]`);
    assert.deepEqual(await problems(page), []);
  });
}

describeInBrowser('browser: demo of many processes', () => {
  describe('by nodeCluster()', () => {
    declareTests(useClusterDemo());
  });

  describeWithRedis('by redisCluster()', () => {
    const redis = useRedis();

    // Ends before its Redis does.
    describe('of a Redis', () => {
      declareTests(useClusterDemo(() => ({ REDIS_URL: `redis://127.0.0.1:${redis.port}` })));
    });
  });
});
