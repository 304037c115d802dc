/**
 * Takes pictures of pages of the built site, on a desktop and a phone, light and dark:
 * `node --import tsx/esm spec/docs/support/site-pictures.ts <folder> [<page>…]`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, devices } from 'playwright-core';
import { findProgram } from '../../support/programs.ts';
import { siteApp } from './site.ts';

const [folder, ...named] = process.argv.slice(2);
if (folder === undefined) {
  throw new Error('into which folder?');
}
const pages = named.length > 0 ? named : ['', 'reference/options.html#maxsendbuffer', 'internals/request-flow.html'];

const { userAgent: _agent, defaultBrowserType: _type, ...phone } = devices['iPhone 13'] ?? {};
const SCREENS = { desktop: { viewport: { width: 1440, height: 900 } }, phone };

const server = createServer(siteApp()).listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const executablePath = findProgram('chromium');
const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--no-sandbox'] });
try {
  for (const [screen, settings] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ ...settings, colorScheme, reducedMotion: 'reduce' });
      for (const path of pages) {
        const page = await context.newPage();
        await page.goto(`${origin}/${path}`, { waitUntil: 'networkidle' });
        await page.locator('pre.diagram').first().waitFor({ state: 'detached' });
        const name = path.replace(/\.html|#.*/g, '').replaceAll('/', '-') || 'index';
        await page.screenshot({ path: join(folder, `${name}-${screen}-${colorScheme}.png`) });
        await page.close();
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
