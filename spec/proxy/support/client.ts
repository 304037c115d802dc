/** One client for all transports: frames come in, messages go out, whichever way the transport has it. */
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

/** The cookies of a browser, as far as one server needs them. */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** Keeps what an answer sets. */
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

  /** The header for the next request; none while there is no cookie. */
  get headers(): Record<string, string> {
    const pairs = Array.from(this.#cookies, ([name, value]) => `${name}=${value}`);
    return pairs.length === 0 ? {} : { Cookie: pairs.join('; ') };
  }
}

export interface ClientOptions {
  /** Of the session. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly jar?: CookieJar;
  /** The address to connect from. */
  readonly localAddress?: string;
}

export interface Client {
  readonly id: string;
  /**
   * The next frame. On a raw WebSocket, which has none: `o` once it is open, `h` for a ping, messages as `a[…]`.
   * Polling asks for it now. Rejects once the connection has ended.
   */
  frame(): Promise<string>;
  /** Sends one message; settles when the server has taken it, on WebSockets at once. Rejects when it refuses. */
  send(message: string): Promise<void>;
  /** Breaks off whatever connection there is. */
  leave(): void;
}

interface HttpWay {
  readonly method: 'GET' | 'POST';
  readonly endpoint: string;
  /** A frame as it travels. */
  readonly pattern: RegExp;
  unwrap(data: string): string;
}

const same = (data: string) => data;
const LINE = /(?<=^|\n)(?!h{2048})(.*)\n/;

const HTTP_WAYS: Readonly<Partial<Record<TransportName, HttpWay>>> = {
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

/** A client of the endpoint at `/echo`; nothing is awaited. */
export function connect(origin: string, transport: TransportName, options: ClientOptions = {}): Client {
  const way = HTTP_WAYS[transport];
  if (way === undefined) {
    return connectWebSocket(origin, transport === 'websocket-raw', options);
  }
  return transport.endsWith('polling')
    ? new PollingClient(origin, way, options)
    : new StreamClient(origin, way, options);
}

/** An id as browsers make them up, but for each its own. */
function newId(): string {
  ids += 1;
  return `${Math.random().toString(36).slice(2, 8)}${ids}`;
}

/** What both have that receive over HTTP. */
abstract class HttpClient implements Client {
  readonly id: string;
  readonly #origin: string;
  readonly #way: HttpWay;
  readonly #options: ClientOptions;
  #leave = () => {};

  constructor(origin: string, way: HttpWay, options: ClientOptions) {
    this.id = options.id ?? newId();
    this.#origin = origin;
    this.#way = way;
    this.#options = options;
  }

  abstract frame(): Promise<string>;

  async send(message: string): Promise<void> {
    const isJsonp = this.#way.endpoint.startsWith('jsonp');
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

  /** Asks for frames, which go into the queue as they come; it fails when the response has ended, however. */
  protected receive(): AsyncQueue<string> {
    const frames = new AsyncQueue<string>();
    this.#receive(frames).catch((error: Error) => frames.fail(error));
    return frames;
  }

  async #receive(frames: AsyncQueue<string>): Promise<void> {
    const { method, endpoint, pattern, unwrap } = this.#way;
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
    // Is thrown to whoever reads; nobody has to.
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
