/** Takes the pictures of the demo in Chromium: `node --import tsx/esm demo/screenshots.ts`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { env, execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { createDemo } from './server.ts';

/** Pings to wait for, so the charts have values. */
const PINGS = 45;

const DESKTOP = { width: 1280, height: 900 };
/** For the page of many processes, which has more to show. */
const HIGH_DESKTOP = { width: 1280, height: 1000 };
const PHONE = { width: 360, height: 780 };

/** The messages, and which of three people sends each. The tags show that the page inserts text as text. */
const MESSAGES: readonly (readonly [speaker: number, text: string])[] = [
  [1, 'Hello! I am here over xhr-streaming, behind a proxy that eats WebSockets.'],
  [0, 'Welcome. It is websocket on my side, and I read you just as well.'],
  [2, 'jsonp-polling says hi 👋 and <b>this stays text</b>'],
  [0, 'Three transports, one room.'],
];

/** The same of the demo of many processes. */
const CLUSTER_MESSAGES: typeof MESSAGES = [
  [1, 'Hello! My session is at another process than yours.'],
  [0, 'I poll. Two of three requests reach the wrong process, and I notice nothing.'],
  [2, 'One WebSocket here, to the third process.'],
];

/** Answers to wait for, so that the row of them is full. */
const ANSWERS = 24;

function findChromium(): string {
  const { PATH = '' } = env;
  for (const folder of PATH.split(delimiter)) {
    try {
      const path = join(folder, 'chromium');
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error('no chromium on PATH');
}

/** What Chromium says of requests whose process ends, and of a send that its page has overtaken by connecting anew. */
const EXPECTED = /^Failed to load resource: (?:net::ERR_|.* 404 .*\/xhr_send\?)|^WebSocket connection to .* failed/;

/** Opens a page. An error on it, including a violation of its security policy, ends the program. */
async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.on('console', (message) => {
    const text = `${message.text()} (${message.location().url})`;
    if (message.type() === 'error' && !EXPECTED.test(text)) {
      throw new Error(`${url}: ${text}`);
    }
  });
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(url);
  return page;
}

async function connect(context: BrowserContext, origin: string, name: string, transport: string): Promise<Page> {
  const page = await open(context, origin);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Transport').selectOption(transport);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.locator('#status[data-state="open"]').waitFor();
  return page;
}

/** Makes the server reject two requests, for the statistics. */
async function sendInvalidRequests(origin: string): Promise<void> {
  const session = `${origin}/sockjs/000/invalid`;
  await fetch(`${session}/xhr`, { method: 'POST' });
  for (const body of ['no JSON', '{"not":"an array"}']) {
    await fetch(`${session}/xhr_send`, { method: 'POST', body });
  }
}

async function sendMessage(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#chat-list .own', { hasText: text }).waitFor();
}

async function save(page: Page, file: string, fullPage = false): Promise<void> {
  await page.bringToFront();
  await page.screenshot({ path: fileURLToPath(new URL(file, import.meta.url)), animations: 'disabled', fullPage });
}

async function takePictures(context: BrowserContext, origin: string): Promise<void> {
  await sendInvalidRequests(origin);
  const stats = await open(context, `${origin}/stats.html`);
  const ann = await connect(context, origin, 'Ann', '');
  const people = [
    ann,
    await connect(context, origin, 'Ben', 'xhr-streaming'),
    await connect(context, origin, 'Chloé', 'jsonp-polling'),
  ];
  await ann.locator(`#latency-chart[data-readings="${PINGS}"]`).waitFor({ timeout: PINGS * 2_000 });
  for (const [speaker, text] of MESSAGES) {
    const page = people[speaker];
    if (page !== undefined) {
      await sendMessage(page, text);
    }
  }
  await ann
    .locator('#chat-list li')
    .nth(MESSAGES.length - 1)
    .waitFor();

  await save(ann, 'screenshot.png');
  await save(stats, 'screenshot-stats.png', true);
  await ann.emulateMedia({ colorScheme: 'dark' });
  await save(ann, 'screenshot-dark.png');
  await ann.emulateMedia({ colorScheme: 'light' });
  await ann.setViewportSize(PHONE);
  await save(ann, 'screenshot-phone.png', true);
}

/** Starts the demo of many processes. */
async function startCluster(): Promise<{ origin: string; end: () => Promise<void> }> {
  const program = fileURLToPath(new URL('./cluster/program.ts', import.meta.url));
  const child = spawn(execPath, ['--import', 'tsx/esm', program], {
    env: { ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // An error ends this program before it can end the demo.
  process.once('exit', () => child.kill('SIGTERM'));
  const [line] = await once(createInterface(child.stdout), 'line');
  const end = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { origin: String(line).replace(/^Listening on |\/$/g, ''), end };
}

/** Opens the page, and connects until its session is at one of these processes, which it takes out of the set. */
async function connectAt(context: BrowserContext, origin: string, name: string, transport: string, free: Set<string>) {
  const page = await open(context, origin);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Transport').selectOption(transport);
  const connected = page.locator('#events-list .good');
  await connected.first().waitFor();
  for (let attempt = 1; ; attempt += 1) {
    await page.locator('#connect').click();
    await connected.nth(attempt).waitFor();
    const owner = await page.locator('.process.owner').getAttribute('data-process');
    if (free.delete(String(owner))) {
      return page;
    }
  }
}

async function takeClusterPicture(context: BrowserContext, origin: string): Promise<void> {
  const free = new Set(['A', 'B', 'C']);
  const people = [
    await connectAt(context, origin, 'Ann', 'xhr-polling', free),
    await connectAt(context, origin, 'Ben', 'xhr-streaming', free),
    await connectAt(context, origin, 'Chloé', 'websocket', free),
  ];
  for (const [speaker, text] of CLUSTER_MESSAGES) {
    const page = people[speaker];
    if (page !== undefined) {
      await sendMessage(page, text);
    }
  }
  const [ann] = people;
  if (ann === undefined) {
    return;
  }
  // A poll that was at the owner itself just breaks: the picture shows the other case.
  while ((await ann.locator('#events-list .bad', { hasText: '1012' }).count()) === 0) {
    await ann.locator('.process[data-state=running]').nth(2).waitFor();
    const back = ann.locator('#events-list .good', { hasText: 'Back after' });
    const before = await back.count();
    await ann.getByRole('button', { name: 'End the owner' }).click();
    await back.nth(before).waitFor();
  }
  await ann.locator('#events-list li', { hasText: 'was replaced' }).waitFor();
  await ann
    .locator('#strip li')
    .nth(ANSWERS - 1)
    .waitFor();
  // Until all processes count the same.
  await ann
    .locator('.process', { hasText: `In the room${people.length}` })
    .nth(2)
    .waitFor();
  await save(ann, 'screenshot-cluster.png');
}

const server = createDemo();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce' });
  await takePictures(context, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const { origin, end } = await startCluster();
  const clusterContext = await browser.newContext({ viewport: HIGH_DESKTOP, reducedMotion: 'reduce' });
  await takeClusterPicture(clusterContext, origin);
  await clusterContext.close();
  await end();
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
