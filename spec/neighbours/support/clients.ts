/** The releases of sockjs-client that are in use, each behind the same methods. */
import { readFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { createRequire } from 'node:module';
import SockJS from 'sockjs-client';
import { WebSocket } from 'ws';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';

/** The common interface of the releases. */
interface SockJSLike {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: string }) => void) | null;
  onheartbeat: (() => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(message: string): void;
  close(code?: number, reason?: string): void;
}

interface CloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

export interface ClientRelease {
  readonly title: string;
  readonly transports: readonly string[];
  /** The close code that the server gets when the client closes its WebSocket. 1005 stands for none. */
  readonly closeCode: number;
  readonly create: (url: string, transport: string) => SockJSLike;
}

/** ms. Longer than any test, so that no transport is given up because the machine is slow. */
const TRANSPORT_TIMEOUT = 60_000;

const require = createRequire(import.meta.url);

export const RELEASES: readonly ClientRelease[] = [
  {
    title: 'sockjs-client 1.6',
    transports: ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'],
    closeCode: 1000,
    create: (url, transport) => new SockJS(url, null, { transports: [transport], timeout: TRANSPORT_TIMEOUT }),
  },
  {
    title: 'sockjs-client 1.0',
    transports: ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource'],
    closeCode: 1000,
    create: create10(),
  },
  {
    title: 'sockjs-client 0.3.4',
    transports: ['websocket', 'xhr-streaming', 'xhr-polling'],
    closeCode: 1005,
    create: create034(),
  },
];

/** Except in production, 1.0 sets a global variable. */
function create10(): ClientRelease['create'] {
  const { env } = process;
  const { NODE_ENV } = env;
  Object.assign(env, { NODE_ENV: 'production' });
  const SockJS10: (new (
    url: string,
    protocols: null,
    options: object,
  ) => SockJSLike) & {
    prototype: { countRTO(rtt: number): number };
  } = require('sockjs-client-1.0');
  if (NODE_ENV === undefined) {
    Reflect.deleteProperty(env, 'NODE_ENV');
  } else {
    Object.assign(env, { NODE_ENV });
  }
  // 1.0 has no option for the timeout.
  SockJS10.prototype.countRTO = () => TRANSPORT_TIMEOUT;
  return (url, transport) => new SockJS10(url, null, { transports: [transport] });
}

/**
 * 0.3.4 is a script for browsers and not on npm; primus 2 contains it unchanged. It runs here in a page that imitates
 * the parts of a browser that its transports need.
 */
function create034(): ClientRelease['create'] {
  const source = readFileSync(require.resolve('primus2/transformers/sockjs/library.js'), 'utf8');
  type SockJS034 = new (url: string, transports: null, options: object) => SockJSLike;
  return (url, transport) => {
    const { origin, host, protocol } = new URL(url);
    const location = { href: `${origin}/`, host, protocol };
    const document = { domain: '127.0.0.1', location, body: {}, readyState: 'complete' };
    const window = { document, location, WebSocket, XMLHttpRequest: PageRequest, addEventListener() {} };
    // It assigns itself to a global variable, which is a local one here.
    const load = new Function(
      'window',
      'document',
      'navigator',
      'XMLHttpRequest',
      `var SockJS; ${source}; return SockJS`,
    );
    const Constructor = load(window, document, { userAgent: '' }, PageRequest) as SockJS034;
    return new Constructor(url, null, { protocols_whitelist: [transport], rtt: TRANSPORT_TIMEOUT });
  };
}

/** The part of XMLHttpRequest that 0.3.4 uses, with the headers that browsers add. */
class PageRequest {
  readyState = 0;
  status = 0;
  responseText = '';
  withCredentials = false;
  onreadystatechange: () => void = () => {};
  #request: ClientRequest | undefined;

  open(method: string, url: string): void {
    this.#request = request(url, { method, agent: false });
    afterTest(() => this.abort());
  }

  send(payload?: string | null): void {
    const req = this.#request;
    req?.on('response', (res) => {
      this.status = res.statusCode ?? 0;
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        this.responseText += chunk;
        this.#advance(3);
      });
      res.on('error', () => {});
      res.on('close', () => this.#advance(4));
    });
    req?.on('error', () => {
      this.status = 0;
      this.#advance(4);
    });
    if (typeof payload === 'string') {
      req?.setHeader('Content-Type', 'text/plain;charset=UTF-8');
    }
    req?.end(payload ?? '');
  }

  abort(): void {
    this.#request?.destroy();
  }

  #advance(readyState: number): void {
    this.readyState = readyState;
    this.onreadystatechange();
  }
}

/** A client that queues messages until the test asks for them. It is closed after the test. */
export class ReleasedClient {
  readonly #socket: SockJSLike;
  readonly #messages = new AsyncQueue<string>();
  readonly #heartbeats = new AsyncQueue<void>();
  /** Settles when the session is open. Rejects if it closes before. */
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseEvent>;

  constructor(create: NonNullable<ClientRelease['create']>, url: string, transport: string) {
    this.#socket = create(url, transport);
    this.#socket.onmessage = ({ data }) => this.#messages.push(data);
    this.#socket.onheartbeat = () => this.#heartbeats.push();
    let onClose: (event: CloseEvent) => void = () => {};
    this.closed = new Promise((resolve) => {
      onClose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onclose = (event) => {
        const error = new Error(`closed with ${event.code} ${event.reason}`);
        this.#messages.fail(error);
        this.#heartbeats.fail(error);
        reject(error);
        onClose(event);
      };
    });
    this.opened.catch(() => {});
    afterTest(async () => {
      // Before a client is open, it cannot cancel its own timers.
      await this.opened.catch(() => {});
      this.#socket.close();
      await this.closed;
    });
  }

  send(message: string): void {
    this.#socket.send(message);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Settles with the next heartbeat. */
  heartbeat(): Promise<void> {
    return this.#heartbeats.next();
  }

  /** Settles with `count` messages. */
  async take(count: number): Promise<string[]> {
    const messages: string[] = [];
    while (messages.length < count) {
      messages.push(await this.#messages.next());
    }
    return messages;
  }
}
