/** The page that the browser opens, the servers it comes from and talks to, and the SockJS client in it. */
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

/** Longer than any test lasts: how fast the machine is must not decide whether a transport is given up. */
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
  /** What else is in the head of the page. */
  readonly head?: string;
}

export interface ServerSettings extends PageSettings {
  readonly onSession?: SessionHandler;
  /** Middleware in front of everything. */
  readonly middleware?: RequestHandler;
  /** The port to listen on, that of a server which is no more; any free one where it is left out. */
  readonly port?: number;
}

/** The test page at `/`, and all that it loads. */
function addPage(app: Express, { head = '' }: PageSettings = {}): Express {
  return app
    .get('/', (_req, res) => res.type('html').send(html(head)))
    .get('/sockjs.js', (_req, res) => res.sendFile(CLIENT_LIBRARY))
    .get('/client.js', (_req, res) => res.sendFile(PAGE_SCRIPT));
}

/** A server that has the test page and nothing else. */
export function servePage(settings?: PageSettings): Promise<TestServer> {
  return listen(addPage(express(), settings));
}

const RECEIVING = /\/(websocket|xhr_streaming|xhr|eventsource|htmlfile|jsonp)$/;

/** What a server answered. */
export interface Exchange {
  readonly path: string;
  readonly status: number;
}

export interface SockjsServer extends TestServer {
  /** The address of the endpoint. */
  readonly url: string;
  readonly router: SockjsRouter;
  /** All answers that are over, complete or broken off. */
  readonly exchanges: readonly Exchange[];
  /** The last segments of the paths of receiving requests, as they arrive. */
  readonly requests: AsyncQueue<string>;
}

/** A server with the test page and an endpoint at `/echo`, whose iframe page loads the client library of the page. */
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

/** As `listen()`, on a port that was in use before. */
async function listenOn(port: number, server: Server): Promise<TestServer> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // Not awaited: a WebSocket stays until the browser, which was there before, closes it.
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port, origin: `http://127.0.0.1:${port}` };
}

/** The same server under its other name, which is another site to the browser. */
export function asLocalhost(url: string): string {
  return url.replace('//127.0.0.1', '//localhost');
}

/** How a client ended. */
export interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** Runs in every frame of every test page. */
const TELL_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) =>
  console.error('securitypolicyviolation', event.effectiveDirective, event.blockedURI, event.documentURI))`;

/**
 * What Chromium has to say since it ignores `document.domain`, which the protocol wants to be set on the iframe and
 * htmlfile pages (PROTOCOL.md sections 4 and 7). Nothing depends on it where frames speak by `postMessage`.
 */
const DOCUMENT_DOMAIN =
  /^document\.domain mutation is ignored .*\((?:[^()]*\/iframe\.html|[^()]*\/htmlfile\?c=[^()]*)\)$/;

/** A page in the browser with the client library, and one client in it at a time. */
export class TestPage {
  readonly page: Page;
  readonly #trouble: string[] = [];
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
    await context.addInitScript(TELL_VIOLATIONS);
    const page = new TestPage(await context.newPage());
    await page.page.goto(url);
    return page;
  }

  /** Makes a client that may use these transports; it has not opened anything yet. */
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

  /** The next messages that the client has got, as many as asked for. */
  async take(count: number): Promise<string[]> {
    return JSON.parse(await this.page.evaluate(`client.take(${count})`));
  }

  async close(code: number, reason: string): Promise<void> {
    await this.page.evaluate(`client.socket.close(${code}, ${toAscii(reason)})`);
  }

  async closed(): Promise<CloseEvent> {
    return JSON.parse(await this.page.evaluate('client.closed'));
  }

  /** Errors, warnings and violations of a content security policy, of the page and all its frames up to now. */
  async trouble(): Promise<readonly string[]> {
    // What a frame has printed comes before its answer.
    await Promise.all(this.page.frames().map((frame) => frame.evaluate('0').catch(() => {})));
    return this.#trouble.filter((line) => !DOCUMENT_DOMAIN.test(line));
  }

  /** Settles once there is trouble of this kind. */
  async until(kind: RegExp): Promise<void> {
    while (!this.#trouble.some((line) => kind.test(line))) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #tell(line: string): void {
    this.#trouble.push(line);
    this.#wake();
  }
}

/** JSON that may stand in a script, and that says nothing but ASCII. */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
