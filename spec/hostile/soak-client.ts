/** Clients for the soak: one a transport, each numbering what it sends and checking the numbers of what it gets. */
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { WebSocket } from 'ws';

export const SOAK_TRANSPORTS = ['websocket', 'xhr', 'xhr_streaming', 'eventsource', 'htmlfile', 'jsonp'] as const;

export type SoakTransport = (typeof SOAK_TRANSPORTS)[number];

/** How a frame is found in the text of each HTTP transport; the one group is JSON, or the frame itself. */
const FRAMES: Record<Exclude<SoakTransport, 'websocket'>, { pattern: RegExp; decode(text: string): string }> = {
  xhr: { pattern: /^([oac].*|h)\n/gm, decode: (text) => text },
  xhr_streaming: { pattern: /^([oac].*|h)\n/gm, decode: (text) => text },
  eventsource: { pattern: /^data: (.*)\r\n\r\n/gm, decode: decodeURI },
  htmlfile: { pattern: /^p\((.*)\);\n<\/script>\r\n/gm, decode: (text) => JSON.parse(text) },
  jsonp: { pattern: /^\/\*\*\/cb\((.*)\);\r\n/gm, decode: (text) => JSON.parse(text) },
};

/** The part of a client that only its transport knows. */
interface Wire {
  send(messages: readonly string[]): Promise<void>;
  abort(): void;
}

/** One session, as its client sees it. */
export class SoakClient {
  readonly #wire: Wire;
  #isOpen: (() => void) | undefined;
  #sent = 0;
  #received = 0;
  #onFrame: (() => void) | undefined;
  #error: Error | undefined;
  #aborted = false;

  constructor(port: number, agent: Agent, transport: SoakTransport, id: string) {
    const onFrame = (frame: string) => this.#take(frame);
    const onEnd = (error: Error) => this.#fail(error);
    this.#wire =
      transport === 'websocket'
        ? webSocketWire(port, id, onFrame, onEnd)
        : httpWire(port, agent, transport, id, onFrame, onEnd);
  }

  /** Settles when the open frame is there. */
  opened(): Promise<void> {
    return this.#until(() => this.#isOpen !== undefined);
  }

  /** Sends some numbered messages and waits for the answers to all of them. */
  async round(count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => String(this.#sent + i));
    this.#sent += count;
    await this.#wire.send(messages);
    // The server answers each message with two.
    await this.#until(() => this.#received === 2 * this.#sent);
  }

  /** Breaks the connection off; what is under way rejects. */
  abort(): void {
    this.#aborted = true;
    this.#wire.abort();
    this.#fail(new Error('aborted'));
  }

  get wasAborted(): boolean {
    return this.#aborted;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#error !== undefined) {
        throw this.#error;
      }
      await new Promise<void>((resolve) => {
        this.#onFrame = resolve;
      });
    }
  }

  #take(frame: string): void {
    if (frame === 'o') {
      if (this.#isOpen !== undefined) {
        this.#fail(new Error('opened twice'));
      }
      this.#isOpen = () => {};
    } else if (frame.startsWith('a')) {
      for (const message of JSON.parse(frame.slice(1)) as string[]) {
        if (message !== String(this.#received)) {
          this.#fail(new Error(`got ${message} in place of ${this.#received}`));
        }
        this.#received += 1;
      }
    } else if (frame.startsWith('c')) {
      this.#fail(new Error(`closed by the server: ${frame}`));
    }
    this.#onFrame?.();
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#onFrame?.();
  }
}

function webSocketWire(
  port: number,
  id: string,
  onFrame: (frame: string) => void,
  onEnd: (error: Error) => void,
): Wire {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/soak/0/${id}/websocket`);
  socket.on('message', (data) => onFrame(String(data)));
  socket.on('error', onEnd);
  socket.on('close', (code) => onEnd(new Error(`WebSocket closed with ${code}`)));
  return {
    send: async (messages) => socket.send(JSON.stringify(messages)),
    abort: () => socket.terminate(),
  };
}

function httpWire(
  port: number,
  agent: Agent,
  transport: Exclude<SoakTransport, 'websocket'>,
  id: string,
  onFrame: (frame: string) => void,
  onEnd: (error: Error) => void,
): Wire {
  const base = `/soak/0/${id}`;
  const { pattern, decode } = FRAMES[transport];
  const method = transport.startsWith('xhr') ? 'POST' : 'GET';
  const needsCallback = transport === 'jsonp' || transport === 'htmlfile';
  let receiver: ClientRequest | undefined;
  let ended = false;

  const receive = () => {
    const path = `${base}/${transport}${needsCallback ? '?c=cb' : ''}`;
    receiver = request({ host: '127.0.0.1', port, agent, method, path }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('error', onEnd);
      res.on('data', (chunk: string) => {
        text += chunk;
        let taken = 0;
        for (const match of text.matchAll(pattern)) {
          taken = match.index + match[0].length;
          onFrame(decode(match[1] ?? ''));
        }
        text = text.slice(taken);
      });
      res.on('end', () => {
        if (res.statusCode !== 200) {
          onEnd(new Error(`${transport} got ${res.statusCode}`));
        } else if (!ended) {
          receive();
        }
      });
    });
    receiver.on('error', onEnd);
    receiver.end();
  };
  receive();

  return {
    send: (messages) =>
      new Promise((resolve, reject) => {
        const path = `${base}/${transport === 'jsonp' ? 'jsonp_send' : 'xhr_send'}`;
        const headers = { 'Content-Type': 'text/plain' };
        const req = request(
          { host: '127.0.0.1', port, agent, method: 'POST', path, headers },
          (res: IncomingMessage) => {
            res.resume();
            res.on('error', reject);
            res.on('end', () => {
              if (res.statusCode === 204 || res.statusCode === 200) {
                resolve();
              } else {
                reject(new Error(`send got ${res.statusCode}`));
              }
            });
          },
        );
        req.on('error', reject);
        req.end(JSON.stringify(messages));
      }),
    abort: () => {
      ended = true;
      receiver?.destroy();
    },
  };
}
