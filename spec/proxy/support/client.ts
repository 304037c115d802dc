/** One client for all transports: it receives frames and sends messages. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { TransportName } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

export const TRANSPORTS: readonly TransportName[] = [
  'websocket',
  'websocket-raw',
  'xhr-streaming',
  'xhr-polling',
  'eventsource',
  'htmlfile',
  'jsonp-polling',
];

/** A browser's cookies for one server. */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** Stores the cookies that a response sets. */
  take({ headers }: IncomingMessage): void {
    for (const cookie of headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(cookie) ?? [];
      this.#cookies.set(name, value);
    }
  }

  get(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  set(name: string, value: string): void {
    this.#cookies.set(name, value);
  }

  /** The Cookie header of the next request. Empty without cookies. */
  get headers(): Record<string, string> {
    const pairs = Array.from(this.#cookies, ([name, value]) => `${name}=${value}`);
    return pairs.length === 0 ? {} : { Cookie: pairs.join('; ') };
  }
}

export interface ClientOptions {
  /** The session id. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly jar?: CookieJar;
  /** The local address of the connections. */
  readonly localAddress?: string;
}

export interface Client {
  readonly id: string;
  /**
   * Settles with the next frame, and rejects once the connection has ended. A polling client requests it now. A raw
   * WebSocket has no frames; it yields `o` once open, `h` for a ping, and messages as `a[…]`.
   */
  frame(): Promise<string>;
  /**
   * Sends one message. Settles when the server has accepted it, on WebSockets immediately. Rejects if the server
   * refuses.
   */
  send(message: string): Promise<void>;
  /** Aborts the open connection. */
  leave(): void;
}

interface HttpTransport {
  readonly method: 'GET' | 'POST';
  readonly endpoint: string;
  /** Matches a frame in the received text. */
  readonly pattern: RegExp;
  unwrap(data: string): string;
}

const same = (data: string) => data;
const LINE = /(?<=^|\n)(?!h{2048})(.*)\n/;

const HTTP_TRANSPORTS: Readonly<Partial<Record<TransportName, HttpTransport>>> = {
  'xhr-polling': { method: 'POST', endpoint: 'xhr', pattern: LINE, unwrap: same },
  'xhr-streaming': { method: 'POST', endpoint: 'xhr_streaming', pattern: LINE, unwrap: same },
  eventsource: {
    method: 'GET',
    endpoint: 'eventsource',
    pattern: /data: (.*)\r\n\r\n/,
    unwrap: (data) => decodeURI(data),
  },
  htmlfile: {
    method: 'GET',
    endpoint: 'htmlfile?c=cb',
    pattern: /<script>\np\((.*)\);\n<\/script>\r\n/,
    unwrap: (data) => JSON.parse(data),
  },
  'jsonp-polling': {
    method: 'GET',
    endpoint: 'jsonp?c=cb',
    pattern: /^\/\*\*\/cb\((.*)\);\r\n/,
    unwrap: (data) => JSON.parse(data),
  },
};

let ids = 0;

/** Returns a client of the endpoint at `/echo`. Does not wait until it is open. */
export function connect(origin: string, transport: TransportName, options: ClientOptions = {}): Client {
  const http = HTTP_TRANSPORTS[transport];
  if (http === undefined) {
    return connectWebSocket(origin, transport === 'websocket-raw', options);
  }
  return transport.endsWith('polling')
    ? new PollingClient(origin, http, options)
    : new StreamClient(origin, http, options);
}

/** Returns a random session id, as browsers do, but never the same twice. */
function newId(): string {
  ids += 1;
  return `${Math.random().toString(36).slice(2, 8)}${ids}`;
}

/** What polling and streaming clients have in common. */
abstract class HttpClient implements Client {
  readonly id: string;
  readonly #origin: string;
  readonly #http: HttpTransport;
  readonly #options: ClientOptions;
  #leave = () => {};

  constructor(origin: string, http: HttpTransport, options: ClientOptions) {
    this.id = options.id ?? newId();
    this.#origin = origin;
    this.#http = http;
    this.#options = options;
  }

  abstract frame(): Promise<string>;

  async send(message: string): Promise<void> {
    const isJsonp = this.#http.endpoint.startsWith('jsonp');
    const json = JSON.stringify([message]);
    const res = isJsonp
      ? await this.#ask('POST', 'jsonp_send', 'application/x-www-form-urlencoded', `d=${encodeURIComponent(json)}`)
      : await this.#ask('POST', 'xhr_send', 'text/plain', json);
    const body = await res.setEncoding('utf8').toArray();
    if (res.statusCode !== (isJsonp ? 200 : 204)) {
      throw new Error(`sending was answered ${res.statusCode} ${body.join('')}`);
    }
  }

  leave(): void {
    this.#leave();
  }

  /** Requests frames. The queue gets them as they arrive, and fails when the response has ended. */
  protected receive(): AsyncQueue<string> {
    const frames = new AsyncQueue<string>();
    this.#receive(frames).catch((error: Error) => frames.fail(error));
    return frames;
  }

  async #receive(frames: AsyncQueue<string>): Promise<void> {
    const { method, endpoint, pattern, unwrap } = this.#http;
    const res = await this.#ask(method, endpoint);
    if (res.statusCode !== 200) {
      throw new Error(`answered ${res.statusCode}`);
    }
    let rest = '';
    for await (const text of res.setEncoding('utf8')) {
      rest += text;
      for (let match = pattern.exec(rest); match !== null; match = pattern.exec(rest)) {
        rest = rest.slice(match.index + match[0].length);
        frames.push(unwrap(match[1] ?? ''));
      }
    }
    throw new Error('the response has ended');
  }

  async #ask(method: string, endpoint: string, type?: string, body = ''): Promise<IncomingMessage> {
    const { headers, jar, localAddress } = this.#options;
    const req = request(`${this.#origin}/echo/000/${this.id}/${endpoint}`, {
      method,
      agent: false,
      headers: {
        ...headers,
        ...jar?.headers,
        ...(type === undefined ? {} : { 'Content-Type': type }),
        ...(method === 'POST' ? { 'Content-Length': Buffer.byteLength(body) } : {}),
      },
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    const leave = () => {
      req.destroy();
    };
    if (type === undefined) {
      this.#leave = leave;
    }
    afterTest(leave);
    req.end(body);
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    jar?.take(res);
    // The reader of the body gets the error, if there is a reader.
    res.on('error', () => {});
    return res;
  }
}

class StreamClient extends HttpClient {
  readonly #frames: AsyncQueue<string> = this.receive();

  frame(): Promise<string> {
    return this.#frames.next();
  }
}

class PollingClient extends HttpClient {
  frame(): Promise<string> {
    return this.receive().next();
  }
}

function connectWebSocket(origin: string, isRaw: boolean, options: ClientOptions): Client {
  const { id = newId(), headers = {}, jar, localAddress } = options;
  const client = new WebSocketClient(origin, isRaw ? '/echo/websocket' : `/echo/000/${id}/websocket`, {
    headers: { ...headers, ...jar?.headers },
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  client.socket.on('upgrade', (res) => jar?.take(res));
  const frames = new AsyncQueue<string>();
  const fail = (error: Error) => frames.fail(error);
  client.socket.on('error', fail);
  client.socket.on('close', (code) => fail(new Error(`closed with ${code}`)));
  if (isRaw) {
    client.socket.on('open', () => frames.push('o'));
    client.socket.on('ping', () => frames.push('h'));
  }
  client.socket.on('message', (data) => frames.push(isRaw ? `a${JSON.stringify([String(data)])}` : String(data)));
  return {
    id,
    frame: () => frames.next(),
    send: async (message) => client.send(isRaw ? message : JSON.stringify([message])),
    leave: () => client.socket.terminate(),
  };
}
