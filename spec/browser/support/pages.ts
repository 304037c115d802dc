/** The test page, the servers that it comes from and talks to, and the SockJS client in it. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, { type Express, type RequestHandler } from 'express';
import type { Page } from 'playwright-core';
import {
  attachUpgrade,
  type SessionHandler,
  type SockjsOptions,
  type SockjsRouter,
  sockjs,
} from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { echo, listen, type TestServer } from '../../support/test-server.ts';
import { newContext } from './browser.ts';

const CLIENT_LIBRARY = fileURLToPath(import.meta.resolve('sockjs-client/dist/sockjs.js'));
const PAGE_SCRIPT = fileURLToPath(new URL('./client.js', import.meta.url));

/** ms. Longer than any test, so that no transport is given up because the machine is slow. */
const TRANSPORT_TIMEOUT = 60_000;

const html = (head: string) => `<!doctype html>
<html>
<head>
  <meta charset="utf-8">
  <link rel="icon" href="data:,">
  ${head}
  <title>SockJS in a browser</title>
  <script src="/sockjs.js"></script>
  <script src="/client.js"></script>
</head>
<body></body>
</html>
`;

export interface PageSettings {
  /** Further HTML for the head of the page. */
  readonly head?: string;
}

export interface ServerSettings extends PageSettings {
  readonly onSession?: SessionHandler;
  /** Middleware before all other handlers. */
  readonly middleware?: RequestHandler;
  /**
   * The port to listen on, such as that of a server that was closed.
   * @default any free port
   */
  readonly port?: number;
}

/** Adds the test page at `/`, and the scripts that it loads. */
function addPage(app: Express, { head = '' }: PageSettings = {}): Express {
  return app
    .get('/', (_req, res) => res.type('html').send(html(head)))
    .get('/sockjs.js', (_req, res) => res.sendFile(CLIENT_LIBRARY))
    .get('/client.js', (_req, res) => res.sendFile(PAGE_SCRIPT));
}

/** Serves the test page only. */
export function servePage(settings?: PageSettings): Promise<TestServer> {
  return listen(addPage(express(), settings));
}

const RECEIVING = /\/(websocket|xhr_streaming|xhr|eventsource|htmlfile|jsonp)$/;

/** A response of a server. */
export interface Exchange {
  readonly path: string;
  readonly status: number;
}

export interface SockjsServer extends TestServer {
  /** The URL of the endpoint. */
  readonly url: string;
  readonly router: SockjsRouter;
  /** All responses that have ended, complete or aborted. */
  readonly exchanges: readonly Exchange[];
  /** The last path segments of receiving requests, as they arrive. */
  readonly requests: AsyncQueue<string>;
}

/** Serves the test page and an endpoint at `/echo`. Its iframe page loads the same client library as the test page. */
export async function serveSockjs(
  options: SockjsOptions = {},
  { onSession = echo, middleware, port, ...page }: ServerSettings = {},
): Promise<SockjsServer> {
  const exchanges: Exchange[] = [];
  const requests = new AsyncQueue<string>();
  const app = express();
  if (middleware !== undefined) {
    app.use(middleware);
  }
  const router = sockjs({ sockjsUrl: '/sockjs.js', ...options }, onSession);
  app.use('/echo', router);
  addPage(app, page);
  const record: RequestListener = (req, res) => {
    const path = (req.url ?? '').replace(/\?.*/s, '');
    const endpoint = RECEIVING.exec(path)?.[1];
    if (endpoint !== undefined && req.method !== 'OPTIONS') {
      requests.push(endpoint);
    }
    res.on('close', () => exchanges.push({ path, status: res.statusCode }));
    app(req, res);
  };
  const server = createServer(record);
  attachUpgrade(server);
  const listening = port === undefined ? await listen(server) : await listenOn(port, server);
  return { ...listening, url: `${listening.origin}/echo`, router, exchanges, requests };
}

/** As `listen()`, on a port that another server has used. */
async function listenOn(port: number, server: Server): Promise<TestServer> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // Without waiting: a WebSocket stays open until the browser closes it, and the browser's cleanup runs later.
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port, origin: `http://127.0.0.1:${port}` };
}

/** Returns the URL under the server's other name, which is another site to the browser. */
export function asLocalhost(url: string): string {
  return url.replace('//127.0.0.1', '//localhost');
}

/** The `close` event of a client. */
export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** Runs in every frame of every test page. */
const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) =>
  console.error('securitypolicyviolation', event.effectiveDirective, event.blockedURI, event.documentURI))`;

/**
 * Chromium warns that it ignores `document.domain`, which the iframe and htmlfile pages must set (docs/protocol.md,
 * sections 4 and 7.5). Frames that use `postMessage` do not depend on it.
 */
const DOCUMENT_DOMAIN =
  /^document\.domain mutation is ignored .*\((?:[^()]*\/iframe\.html|[^()]*\/htmlfile\?c=[^()]*)\)$/;

/** A page with the client library, and one client at a time. */
export class TestPage {
  readonly page: Page;
  readonly #problems: string[] = [];
  #wake = () => {};

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        this.#tell(`${message.text()} (${message.location().url})`);
      }
    });
    page.on('pageerror', (error) => this.#tell(String(error)));
  }

  static async open(url: string): Promise<TestPage> {
    const context = await newContext();
    await context.addInitScript(REPORT_VIOLATIONS);
    const page = new TestPage(await context.newPage());
    await page.page.goto(url);
    return page;
  }

  /** Creates a client that may use these transports. Does not wait until it is open. */
  async connect(url: string, transports: string | readonly string[], timeout = TRANSPORT_TIMEOUT): Promise<void> {
    await this.page.evaluate(`connect(${toAscii(url)}, ${toAscii({ transports, timeout })})`);
  }

  /** Settles with the transport in use once the client is open. */
  opened(): Promise<string> {
    return this.page.evaluate('client.opened');
  }

  async send(...messages: string[]): Promise<void> {
    await this.page.evaluate(`client.send(${toAscii(messages)})`);
  }

  /** Settles with the next `count` messages of the client. */
  async take(count: number): Promise<string[]> {
    return JSON.parse(await this.page.evaluate(`client.take(${count})`));
  }

  async close(code: number, reason: string): Promise<void> {
    await this.page.evaluate(`client.socket.close(${code}, ${toAscii(reason)})`);
  }

  async closed(): Promise<CloseEvent> {
    return JSON.parse(await this.page.evaluate('client.closed'));
  }

  /** Errors, warnings and violations of a content security policy so far, of the page and all its frames. */
  async problems(): Promise<readonly string[]> {
    // A frame's console output arrives before its response to this.
    await Promise.all(this.page.frames().map((frame) => frame.evaluate('0').catch(() => {})));
    return this.#problems.filter((line) => !DOCUMENT_DOMAIN.test(line));
  }

  /** Settles once there is a problem of this kind. */
  async until(kind: RegExp): Promise<void> {
    while (!this.#problems.some((line) => kind.test(line))) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #tell(line: string): void {
    this.#problems.push(line);
    this.#wake();
  }
}

/** Returns ASCII JSON that may stand in a script element. */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
