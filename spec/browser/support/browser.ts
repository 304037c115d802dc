/** Chromium for the specs in this folder: one process for all of them, and a new context for each test. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { env } from 'node:process';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { Child } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** No sandbox, which containers often forbid, and no network access of its own. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Returns the program that `CHROMIUM` names, else the first of the usual names on `PATH`. */
function findChromium({ CHROMIUM, PATH = '' }: NodeJS.ProcessEnv): string | undefined {
  if (CHROMIUM) {
    return CHROMIUM;
  }
  const candidates = NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const executablePath = findChromium(env);

const { CI } = env;

/** A running Chromium. */
interface Running {
  readonly browser: Browser;
  readonly child: Child;
  /** Ends Chromium, and removes its files. */
  close(): Promise<void>;
}

let running: Promise<Running> | undefined;

async function launch(): Promise<Running> {
  const server = await chromium.launchServer({ ...(executablePath && { executablePath }), args: ARGS });
  const child = new Child('Chromium', server.process());
  const browser = await chromium.connect(server.wsEndpoint());
  const close = async () => {
    child.expectEnd();
    await server.close();
    await child.kill();
  };
  return { browser, child, close };
}

/**
 * After a browser suite. Other suites do not depend on Chromium, and the next browser suite must not get one that has
 * ended.
 */
async function release(): Promise<void> {
  const last = await running;
  last?.child.expectEnd();
  if (last?.child.hasEnded) {
    running = undefined;
    await last.close();
  }
}

/**
 * Declares a suite that needs the browser. Without one there is a single pending test that says so; if `CI` is `true`,
 * it fails.
 */
export function describeInBrowser(title: string, suite: () => void): void {
  describe(title, () => {
    if (executablePath !== undefined) {
      before(async () => {
        await release();
        running ??= launch();
        (await running).child.mustLive();
      });
      after(release);
      suite();
    } else if (CI === 'true') {
      it('runs in Chromium', () => {
        throw new Error(`no Chromium found: none of ${NAMES.join(', ')} is on PATH, and CHROMIUM is not set`);
      });
    } else {
      it('browser specs skipped: no Chromium found');
    }
  });
}

// A root hook, since the specs of this folder share the browser.
after(async () => {
  await (await running)?.close();
});

/** Returns a context without cookies and caches. */
export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  if (running === undefined) {
    throw new Error('not in describeInBrowser()');
  }
  const { browser } = await running;
  const context = await browser.newContext(options);
  afterTest(() => context.close());
  return context;
}
