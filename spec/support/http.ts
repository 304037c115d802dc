/** HTTP clients for tests: one for complete responses, one for streams chunk by chunk, one for raw bytes. */
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
  // The path as the test wrote it. The URL class would normalise the unusual paths under test.
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

/** Sends a request, and settles with the complete response. */
export async function fetchText(url: string, method = 'GET', options: RequestOptions = {}): Promise<Answer> {
  const req = start(url, method, options);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) {
    chunks.push(chunk);
  }
  return { status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() };
}

/** Sends a POST with a body, as most sends are. */
export function post(
  url: string,
  body: string | Buffer = '',
  headers: Record<string, string | string[]> = {},
): Promise<Answer> {
  return fetchText(url, 'POST', { body, headers });
}

/** A response whose chunks are queued until the test asks for them. Each HTTP chunk is one item. */
export class Stream {
  readonly #req: ClientRequest;
  readonly #chunks = new AsyncQueue<string>();
  /** Settles with the head of the response. */
  readonly response: Promise<IncomingMessage>;
  /** Settles when the response has ended. `aborted` is true if the connection broke before its end. */
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

  /** Settles with the next chunk of the body. */
  next(): Promise<string> {
    return this.#chunks.next();
  }

  /** Reads chunks until they contain the text. Settles with all that was read. */
  async until(text: string): Promise<string> {
    let all = '';
    while (!all.includes(text)) {
      all += await this.next();
    }
    return all;
  }

  /** Aborts the connection. */
  abort(): void {
    this.#req.destroy();
  }
}

/** A bare connection, for bytes that no HTTP client would send. */
export class RawSocket {
  readonly socket: Socket;
  #received = '';
  #wake: (() => void) | undefined;
  /** Settles with all received bytes once the connection is closed. */
  readonly closed: Promise<string>;

  /** @param to a port, or a connection, such as one with TLS */
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

  /** Writes lines, joined by CRLF. */
  send(...lines: string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** Settles with all received bytes once they contain the text. Rejects if the connection closes before. */
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

/** Returns the lines of a WebSocket handshake, with the empty line at the end. */
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
