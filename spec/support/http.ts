/** HTTP clients for tests: one for whole answers, one for streams read piece by piece, one for raw bytes. */
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RequestOptions {
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

function start(url: string, method: string, { headers = {}, body }: RequestOptions): ClientRequest {
  // The path as the test wrote it: the URL class would tidy up the very oddities that are tested.
  const match = /^http:\/\/([^:/]+):(\d+)(.*)$/s.exec(url);
  if (match === null) {
    throw new Error(`not a test URL: ${url}`);
  }
  const [, host = '', port = '', path] = match;
  const req = httpRequest({ host, port: Number(port), path: path || '/', method, headers, agent: false });
  if (body !== undefined && req.getHeader('Content-Length') === undefined) {
    req.setHeader('Content-Length', Buffer.byteLength(body));
  }
  req.end(body);
  return req;
}

/** Sends a request and reads the whole answer. */
export async function fetchText(url: string, method = 'GET', options: RequestOptions = {}): Promise<Answer> {
  const req = start(url, method, options);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) {
    chunks.push(chunk);
  }
  return { status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() };
}

/** A POST with a body, as most sends are. */
export function post(
  url: string,
  body: string | Buffer = '',
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  return fetchText(url, 'POST', { body, headers });
}

/** A response whose chunks are kept until asked for: one HTTP chunk, one item. */
export class Stream {
  readonly #req: ClientRequest;
  readonly #chunks = new AsyncQueue<string>();
  /** Settles with the head of the answer. */
  readonly response: Promise<IncomingMessage>;
  /** Settles when the answer has ended; `aborted` tells whether before its time. */
  readonly ended: Promise<{ aborted: boolean }>;

  constructor(url: string, method = 'GET', options: RequestOptions = {}) {
    this.#req = start(url, method, options);
    this.#req.on('error', (error) => this.#chunks.fail(error));
    afterTest(() => this.abort());
    this.response = once(this.#req, 'response').then(([res]) => res as IncomingMessage);
    this.response.catch(() => {});
    this.ended = this.response.then(async (res) => {
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => this.#chunks.push(chunk));
      res.on('error', () => {});
      await once(res, 'close').catch(() => {});
      this.#chunks.fail(new Error('the response has ended'));
      return { aborted: !res.complete };
    });
    this.ended.catch(() => {});
  }

  /** The next chunk of the body, as it came. */
  next(): Promise<string> {
    return this.#chunks.next();
  }

  /** Chunks until the text is in what was read; all that was read. */
  async until(text: string): Promise<string> {
    let all = '';
    while (!all.includes(text)) {
      all += await this.next();
    }
    return all;
  }

  /** Breaks the connection off. */
  abort(): void {
    this.#req.destroy();
  }
}

/** A bare connection, for what no HTTP client would send. */
export class RawSocket {
  readonly socket: Socket;
  #received = '';
  #wake: (() => void) | undefined;
  /** Settles with everything received once the connection is closed. */
  readonly closed: Promise<string>;

  /** @param to a port, or a connection such as one with TLS */
  constructor(to: number | Socket) {
    this.socket = typeof to === 'number' ? connect(to, '127.0.0.1') : to;
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => {
      this.#received += chunk;
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#wake?.();
        resolve(this.#received);
      });
    });
    afterTest(() => {
      this.socket.destroy();
    });
  }

  /** Writes lines joined by CRLF. */
  send(...lines: string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** Everything received so far, once the text is in it; fails when the connection closes without. */
  async until(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      if (this.socket.destroyed) {
        throw new Error(`closed before ${JSON.stringify(text)} came, after ${JSON.stringify(this.#received)}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }
}

/** The lines of a WebSocket handshake; more headers may follow before the empty line that this does not add. */
export function handshake(path: string, ...headers: string[]): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
    '',
    '',
  ];
}
