/** The site of the documents as `npm run docs:build` writes it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express, { type Express } from 'express';
import { siteFiles } from '../../../docs/.vitepress/files.ts';
import { ROOT } from './markdown.ts';

export const DIST = join(ROOT, 'docs/.vitepress/dist');

/** The configuration of the site, beside the files that it shows. */
const CONFIGURATION = [
  'config.ts',
  'files.ts',
  'map.ts',
  'markdown.ts',
  'theme/index.js',
  'theme/diagram.js',
  'theme/style.css',
];

/** Whether the built site has all that stands in its sources. */
function isCurrent(): boolean {
  // VitePress writes it last.
  const last = join(DIST, 'hashmap.json');
  const sources = [
    'docs/package.json',
    'docs/package-lock.json',
    ...CONFIGURATION.map((path) => `docs/.vitepress/${path}`),
    ...siteFiles().keys(),
  ];
  return existsSync(last) && sources.every((path) => statSync(join(ROOT, path)).mtimeMs < statSync(last).mtimeMs);
}

/** Whether npm has installed what builds the site. */
export function isInstalled(): boolean {
  return existsSync(join(ROOT, 'docs/node_modules/vitepress/package.json'));
}

const runFile = promisify(execFile);

/** Runs scripts/docs.ts, by another program where one is named. Rejects with what it printed. */
async function runScript(args: readonly string[], [program, ...options]: readonly string[] = []): Promise<void> {
  const command = [process.execPath, '--import', 'tsx/esm', 'scripts/docs.ts', ...args];
  const [file = '', ...rest] = program === undefined ? command : [program, ...options, ...command];
  await runFile(file, rest, { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '' } });
}

/** Runs a program in a namespace that has no network, not even the loopback interface. */
const WITHOUT_NETWORK = ['unshare', '--map-root-user', '--net'];

/** Whether the system lets this user make such a namespace. */
export async function canLeaveNetwork(): Promise<boolean> {
  const [unshare = '', ...options] = WITHOUT_NETWORK;
  return runFile(unshare, [...options, 'true']).then(
    () => true,
    () => false,
  );
}

let isBuiltWithoutNetwork = false;

/** Builds the site, unless it is there. Uses no network but to install, where the system allows it. */
export async function buildSite(): Promise<void> {
  await runScript(['install']);
  if (isCurrent()) {
    return;
  }
  const isAlone = await canLeaveNetwork();
  await runScript(['build'], isAlone ? WITHOUT_NETWORK : []);
  isBuiltWithoutNetwork = isAlone;
}

/** Builds the site without a network, into a folder of the caller's, unless `buildSite()` has built it so. */
export async function buildWithoutNetwork(folder: string): Promise<void> {
  if (!isBuiltWithoutNetwork) {
    await runScript(['build', '--outDir', folder], WITHOUT_NETWORK);
    assert.ok(existsSync(join(folder, 'index.html')));
  }
}

/** Serves the site as any server of static files would. */
export function siteApp(): Express {
  return express()
    .use(express.static(DIST))
    .use((_req, res) => {
      res.status(404).sendFile(join(DIST, '404.html'));
    });
}

/** The addresses of all pages of the site, such as `/guide/vite.html`. */
export function sitePages(): string[] {
  return readdirSync(DIST, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.html') && path !== '404.html')
    .map((path) => `/${path}`)
    .sort();
}

/** Stands for the site where links are looked at. */
const ORIGIN = 'http://site.invalid';

/** The values of an attribute in HTML. */
function attributes(html: string, name: string): string[] {
  return Array.from(html.matchAll(new RegExp(` ${name}="([^"]*)"`, 'g')), ([, value = '']) =>
    value.replaceAll('&amp;', '&').replaceAll('&quot;', '"'),
  );
}

/** What is wrong with the links of a page to the site itself, and with what it loads. */
export function brokenLinks(address: string): string[] {
  const html = readFileSync(join(DIST, address), 'utf8');
  const links = [...attributes(html, 'href'), ...attributes(html, 'src')];
  return links.flatMap((link) => {
    const { origin, pathname, hash } = new URL(link, new URL(address, ORIGIN));
    if (origin !== ORIGIN) {
      return [];
    }
    const file = join(DIST, decodeURIComponent(pathname.replace(/\/$/, '/index.html')));
    if (!(statSync(file, { throwIfNoEntry: false })?.isFile() ?? false)) {
      return [`${address}: there is no ${link}`];
    }
    const anchor = decodeURIComponent(hash.slice(1));
    const isThere = anchor === '' || attributes(readFileSync(file, 'utf8'), 'id').includes(anchor);
    return isThere ? [] : [`${address}: there is no heading ${link}`];
  });
}
