/** Takes the pictures of the demo in Chromium: `node --import tsx/esm demo/screenshots.ts`. */
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { createDemo } from './server.ts';

/** Pings to wait for, so the charts have values. */
const PINGS = 45;

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 780 };

/** The messages, and which of three people sends each. The tags show that the page inserts text as text. */
const MESSAGES: readonly (readonly [speaker: number, text: string])[] = [
  [1, 'Hello! I am here over xhr-streaming, behind a proxy that eats WebSockets.'],
  [0, 'Welcome. It is websocket on my side, and I read you just as well.'],
  [2, 'jsonp-polling says hi 👋 and <b>this stays text</b>'],
  [0, 'Three transports, one room.'],
];

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

/** Opens a page. An error on it, including a violation of its security policy, ends the program. */
async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') {
      throw new Error(`${url}: ${message.text()}`);
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

async function takePictures(context: BrowserContext, origin: string): Promise<void> {
  const save = async (page: Page, file: string, fullPage = false) => {
    await page.bringToFront();
    await page.screenshot({ path: fileURLToPath(new URL(file, import.meta.url)), animations: 'disabled', fullPage });
  };
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
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
