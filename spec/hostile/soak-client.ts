/**
 * Clients of the soak test, one for each transport. Each numbers the messages that it sends, and checks the numbers of
 * those that it gets.
 */
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

export const SOAK_TRANSPORTS = [
  'websocket',
  'websocket-raw',
  'xhr',
  'xhr_streaming',
  'eventsource',
  'htmlfile',
  'jsonp',
] as const;

export type SoakTransport = (typeof SOAK_TRANSPORTS)[number];

export type HttpSoakTransport = Exclude<SoakTransport, 'websocket' | 'websocket-raw'>;

/** How to find a frame in the text of each HTTP transport. The group of the pattern is JSON, or the frame itself. */
const FRAMES: Record<HttpSoakTransport, { pattern: RegExp; decode(text: string): string }> = {
  xhr: { pattern: /^([oac].*|h)\n/gm, decode: (text) => text },
  xhr_streaming: { pattern: /^([oac].*|h)\n/gm, decode: (text) => text },
  eventsource: { pattern: /^data: (.*)\r\n\r\n/gm, decode: decodeURI },
  htmlfile: { pattern: /^p\((.*)\);\n<\/script>\r\n/gm, decode: (text) => JSON.parse(text) },
  jsonp: { pattern: /^\/\*\*\/cb\((.*)\);\r\n/gm, decode: (text) => JSON.parse(text) },
};

/** The endpoint of a client, and the client's behaviour. */
export interface SoakClientOptions {
  readonly port: number;
  /** For the HTTP transports. `false` opens a new connection for each request. */
  readonly agent: Agent | false;
  readonly transport: SoakTransport;
  /** The session id. A raw WebSocket has none, so it sends this as the query parameter `id`. */
  readonly id: string;
  /**
   * Path of the endpoint.
   * @default '/soak'
   */
  readonly endpoint?: string;
  /**
   * ms between the end of a response and the next receiving request of an HTTP transport.
   * @default 0
   */
  readonly thinkTime?: number;
  /**
   * Called for each ping of the server, with a function that sends the pong; WebSocket only.
   * @default sends it at once
   */
  readonly onPing?: (pong: () => void) => void;
  /** Called once, with the first error of the client. */
  readonly onError?: (error: Error) => void;
}

/** How a client sends the messages of a round. */
export interface RoundOptions {
  /**
   * How many pieces the client sends: of the body over HTTP, of each WebSocket message as fragments.
   * @default 1
   */
  readonly pieces?: number;
  /**
   * ms between two pieces.
   * @default 0
   */
  readonly pause?: number;
  /** If set, the client stops reading when it sends, until this settles. */
  readonly readAfter?: Promise<void>;
  /** The header `X-Soak` of a sending request. */
  readonly tag?: string;
}

/** The part of a client that depends on its transport. */
interface Wire {
  send(messages: readonly string[], options: RoundOptions): Promise<void>;
  abort(): void;
}

/** The events that a wire passes to its client. */
interface WireEvents {
  onFrame(frame: string): void;
  onEnd(error: Error): void;
}

/** The client's side of one session. */
export class SoakClient {
  readonly #wire: Wire;
  readonly #onError: ((error: Error) => void) | undefined;
  #isOpen = false;
  #sent = 0;
  #received = 0;
  #broadcast: number | undefined;
  readonly #waiting = new Set<() => void>();
  #error: Error | undefined;
  #aborted = false;
  /** The close code that the client expects, and whether it has arrived. */
  #expectedClose: { readonly code: number; hasCome: boolean } | undefined;

  constructor(options: SoakClientOptions) {
    this.#onError = options.onError;
    const events: WireEvents = {
      onFrame: (frame) => this.#take(frame),
      onEnd: (error) => this.fail(error),
    };
    const { transport } = options;
    this.#wire =
      transport === 'websocket' || transport === 'websocket-raw'
        ? webSocketWire(options, transport === 'websocket-raw', events)
        : httpWire(options, transport, events);
  }

  /** Settles when the open frame has arrived. */
  opened(): Promise<void> {
    return this.#until(() => this.#isOpen);
  }

  /** Sends `count` numbered messages, and waits for all answers. A client can have one round at a time. */
  async round(count: number, options: RoundOptions = {}): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => String(this.#sent + i));
    this.#sent += count;
    try {
      await this.#wire.send(messages, options);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
    // The server answers each message with two messages.
    await this.#until(() => this.#received === 2 * this.#sent);
  }

  /** Settles when the broadcast with that number has arrived. */
  broadcast(number: number): Promise<void> {
    return this.#until(() => this.#broadcast !== undefined && this.#broadcast >= number);
  }

  /** From now on the server may close with that code. Settles when it has. */
  expectClose(code: number): Promise<void> {
    const expected = { code, hasCome: false };
    this.#expectedClose = expected;
    return this.#until(() => expected.hasCome);
  }

  /** Aborts the connection. Pending calls reject. */
  abort(): void {
    this.#aborted = true;
    this.#wire.abort();
    this.fail(new Error('aborted'));
  }

  get wasAborted(): boolean {
    return this.#aborted;
  }

  /** Ends the client with an error. Later errors do not count, nor does any after an expected close. */
  fail(error: Error): void {
    if (this.#error === undefined && this.#expectedClose?.hasCome !== true) {
      this.#error = error;
      if (!this.#aborted) {
        this.#onError?.(error);
      }
    }
    this.#wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#error !== undefined) {
        throw this.#error;
      }
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) {
      resolve();
    }
  }

  #take(frame: string): void {
    if (frame === 'o') {
      if (this.#isOpen) {
        this.fail(new Error('opened twice'));
      }
      this.#isOpen = true;
    } else if (frame.startsWith('a')) {
      for (const message of JSON.parse(frame.slice(1)) as string[]) {
        this.#takeMessage(message.trimEnd());
      }
    } else if (frame.startsWith('c')) {
      this.#takeClose(frame);
    }
    this.#wake();
  }

  /**
   * Checks the number of an answer, or of a broadcast, which begins with `b`. The first broadcast may have any number.
   */
  #takeMessage(message: string): void {
    if (!message.startsWith('b')) {
      if (message !== String(this.#received)) {
        this.fail(new Error(`got ${message} in place of ${this.#received}`));
      }
      this.#received += 1;
      return;
    }
    const number = Number(message.slice(1));
    if (this.#broadcast !== undefined && number !== this.#broadcast + 1) {
      this.fail(new Error(`got broadcast ${number} in place of ${this.#broadcast + 1}`));
    }
    this.#broadcast = number;
  }

  #takeClose(frame: string): void {
    const [code] = JSON.parse(frame.slice(1)) as [number, string];
    if (this.#expectedClose?.code === code) {
      this.#expectedClose.hasCome = true;
    } else {
      this.fail(new Error(`closed by the server: ${frame}`));
    }
  }
}

/** The code of a `ws` WebSocket that ends without a closing handshake. */
const ABNORMAL = 1006;

function webSocketWire(
  { port, endpoint = '/soak', id, onPing }: SoakClientOptions,
  isRaw: boolean,
  { onFrame, onEnd }: WireEvents,
): Wire {
  const path = isRaw ? `/websocket?id=${id}` : `/0/${id}/websocket`;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${endpoint}${path}`, { autoPong: onPing === undefined });
  if (isRaw) {
    socket.on('open', () => onFrame('o'));
  }
  socket.on('message', (data) => onFrame(isRaw ? `a${JSON.stringify([String(data)])}` : String(data)));
  socket.on('ping', (data) => onPing?.(() => socket.pong(data)));
  socket.on('error', onEnd);
  socket.on('close', (code, reason) => {
    if (isRaw && code !== ABNORMAL) {
      // A raw WebSocket has no SockJS close frame.
      onFrame(`c${JSON.stringify([code, reason.toString()])}`);
    }
    onEnd(new Error(`WebSocket closed with ${code}`));
  });
  const sendText = async (text: string, pieces: number, pause: number) => {
    const parts = split(text, pieces);
    for (const [i, part] of parts.entries()) {
      if (i > 0) {
        await delay(pause);
      }
      socket.send(part, { fin: i === parts.length - 1 });
    }
  };
  return {
    send: async (messages, { pieces = 1, pause = 0, readAfter }) => {
      for (const text of isRaw ? messages : [JSON.stringify(messages)]) {
        await sendText(text, pieces, pause);
      }
      if (readAfter !== undefined) {
        socket.pause();
        await readAfter;
        socket.resume();
      }
    },
    abort: () => socket.terminate(),
  };
}

function httpWire(
  { port, agent, endpoint = '/soak', id, thinkTime = 0 }: SoakClientOptions,
  transport: HttpSoakTransport,
  { onFrame, onEnd }: WireEvents,
): Wire {
  const base = `${endpoint}/0/${id}`;
  const { pattern, decode } = FRAMES[transport];
  const method = transport.startsWith('xhr') ? 'POST' : 'GET';
  const needsCallback = transport === 'jsonp' || transport === 'htmlfile';
  let receiver: ClientRequest | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const fail = (what: string) => (error: Error) => onEnd(new Error(`${what}: ${error.message}`, { cause: error }));

  const receive = (isRetry = false) => {
    const path = `${base}/${transport}${needsCallback ? '?c=cb' : ''}`;
    const req = request({ host: '127.0.0.1', port, agent, method, path }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('error', fail('in the middle of a response'));
      res.on('data', (chunk: string) => {
        text += chunk;
        if (!chunk.includes('\n')) {
          // No frame is complete. Searching a large one after each chunk would be slow.
          return;
        }
        let taken = 0;
        for (const match of text.matchAll(pattern)) {
          taken = match.index + match[0].length;
          const frame = decode(match[1] ?? '');
          ended ||= frame.startsWith('c');
          onFrame(frame);
        }
        text = text.slice(taken);
      });
      res.on('end', () => {
        if (res.statusCode !== 200) {
          onEnd(new Error(`receiving got ${res.statusCode}`));
        } else if (!ended && thinkTime > 0) {
          timer = setTimeout(() => receive(), thinkTime);
        } else if (!ended) {
          receive();
        }
      });
    });
    receiver = req;
    req.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' && req.reusedSocket && !isRetry && !ended) {
        // The server closed the keep-alive connection while the request was in transit. Browsers retry as well.
        receive(true);
      } else {
        fail('before a response')(error);
      }
    });
    req.end();
  };
  receive();

  const post = (messages: readonly string[], { pieces = 1, pause = 0, tag }: RoundOptions) =>
    new Promise<void>((resolve, reject) => {
      const path = `${base}/${transport === 'jsonp' ? 'jsonp_send' : 'xhr_send'}`;
      // JSON may end in spaces, which make all pieces the same length.
      const json = JSON.stringify(messages);
      const body = json.padEnd(Math.ceil(json.length / pieces) * pieces);
      const headers: Record<string, string | number> = { 'Content-Type': 'text/plain', 'Content-Length': body.length };
      if (tag !== undefined) {
        headers['X-Soak'] = tag;
      }
      const req = request({ host: '127.0.0.1', port, agent, method: 'POST', path, headers }, (res: IncomingMessage) => {
        res.resume();
        res.on('error', reject);
        res.on('end', () => {
          if (res.statusCode === 204 || res.statusCode === 200) {
            resolve();
          } else {
            reject(new Error(`sending got ${res.statusCode}`));
          }
        });
      });
      req.on('error', (cause) => reject(new Error(`sending: ${cause.message}`, { cause })));
      writePieces(req, split(body, pieces), pause).catch(reject);
    });

  return {
    send: async (messages, options) => {
      const { readAfter } = options;
      const socket = receiver?.socket;
      if (readAfter !== undefined) {
        socket?.pause();
        // Does not wait for the response to the send.
        readAfter.then(() => socket?.resume()).catch(() => {});
      }
      await post(messages, options);
    },
    abort: () => {
      ended = true;
      clearTimeout(timer);
      receiver?.destroy();
    },
  };
}

async function writePieces(req: ClientRequest, parts: readonly string[], pause: number): Promise<void> {
  for (const [i, part] of parts.entries()) {
    if (i > 0) {
      await delay(pause);
    }
    req.write(part);
  }
  req.end();
}

/** Splits a text into that many parts. The last one may be shorter. */
function split(text: string, pieces: number): string[] {
  const length = Math.ceil(text.length / pieces);
  return Array.from({ length: pieces }, (_, i) => text.slice(i * length, (i + 1) * length));
}
