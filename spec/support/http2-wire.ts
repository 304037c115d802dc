/** The requests of the transport contract over HTTP/2: all of a test on one connection. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';
import type { ClientWire, HttpReceiver, Reader } from './contract.ts';
import { FRAME_ENDS } from './transport-cases.ts';

const sessions = new Map<number, ClientHttp2Session>();

/** The connection to this port. */
function sessionTo(port: number): ClientHttp2Session {
  const session = sessions.get(port) ?? connect(`http://127.0.0.1:${port}`);
  if (!sessions.has(port)) {
    sessions.set(port, session);
    session.on('error', () => {});
    afterTest(() => {
      sessions.delete(port);
      session.destroy();
    });
  }
  return session;
}

/** Reads a response frame by frame. HTTP/2 joins what is written at once, and divides what is long. */
class FrameReader implements Reader {
  readonly #stream: ClientHttp2Stream;
  readonly #frames = new AsyncQueue<string>();
  readonly #end: string | undefined;
  #text = '';
  #preludeLength: number;
  readonly ended: Promise<{ aborted: boolean }>;

  constructor(port: number, path: string, { name, method, prelude = '' }: HttpReceiver) {
    this.#end = FRAME_ENDS[name];
    this.#preludeLength = prelude.length;
    this.#stream = sessionTo(port).request({ ':method': method, ':path': path });
    this.#stream.setEncoding('utf8');
    this.#stream.on('error', () => {});
    this.#stream.on('data', (chunk: string) => {
      this.#text += chunk;
      this.#split();
    });
    this.ended = new Promise((resolve) => {
      this.#stream.on('close', () => {
        if (this.#text !== '') {
          this.#frames.push(this.#text);
        }
        this.#frames.fail(new Error('the response has ended'));
        resolve({ aborted: this.#stream.rstCode !== 0 });
      });
    });
    this.#stream.end();
  }

  /** HTTP/2 has no such object. */
  get response(): Promise<IncomingMessage> {
    return Promise.reject(new Error('this response came over HTTP/2'));
  }

  next(): Promise<string> {
    return this.#frames.next();
  }

  readonly abort = (): void => this.#stream.close(8);

  #split(): void {
    for (let length = this.#nextLength; length > 0 && this.#text.length >= length; length = this.#nextLength) {
      this.#frames.push(this.#text.slice(0, length));
      this.#text = this.#text.slice(length);
      this.#preludeLength = 0;
    }
  }

  /** The length of the prelude, or of the frame that is next; 0 where that is not there yet. A poll has one frame. */
  get #nextLength(): number {
    if (this.#preludeLength > 0 || this.#end === undefined) {
      return this.#preludeLength;
    }
    const end = this.#text.indexOf(this.#end);
    return end < 0 ? 0 : end + this.#end.length;
  }
}

export const HTTP_2: ClientWire = {
  receive: (port, path, transport) => new FrameReader(port, path, transport),
  post: async (port, path, body, headers) => {
    const stream = sessionTo(port).request({ ':method': 'POST', ':path': path, ...lowerCase(headers) });
    stream.end(body);
    const [{ ':status': status = 0, ...answered }] = (await once(stream, 'response')) as [
      IncomingHttpHeaders & { ':status'?: number },
    ];
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) {
      text += chunk;
    }
    return { status, headers: answered, body: text };
  },
};

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
