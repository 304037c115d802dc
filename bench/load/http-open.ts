/**
 * Whole sessions over HTTP, `concurrency` at a time: `/info`, the open frame, one message, its echo, and the close frame.
 *
 * Each client has two keep-alive connections, one for the responses that carry frames, one for all else. One session after
 * the other uses them, so that accepting connections, which costs all servers the same, is not measured.
 */
import { CLOSE_PREFIX } from '../servers/close-prefix.ts';
import { expectAnswer, HttpConnection, requestOf } from './http.ts';
import { CLOSE_FRAME } from './http-formats.ts';
import { HTTP_TRANSPORTS, type HttpTransport } from './http-transports.ts';
import { expectInfo } from './info.ts';
import { closeAll, type Load, portOf, ramp, textOf } from './load.ts';
import type { LoadOptions, Port, Target } from './protocol.ts';
import { StreamReader } from './stream-reader.ts';

type Options = Extract<LoadOptions, { kind: 'http-open' }>;

const INFO = requestOf('/echo/info');

export function httpOpen({ ports }: Target, { transport, concurrency, size }: Options): Load {
  let clients: Client[] = [];
  let number = 0;
  return {
    async open() {
      clients = await ramp(concurrency, (i) => Client.open(portOf(ports, i), HTTP_TRANSPORTS[transport]));
    },
    async round(units) {
      let left = units;
      const work = async (client: Client) => {
        while (left > 0) {
          left -= 1;
          number += 1;
          await client.session(`open${number}`, CLOSE_PREFIX + textOf(number, size - CLOSE_PREFIX.length));
        }
      };
      await Promise.all(clients.map(work));
      return units;
    },
    async close() {
      await closeAll(clients);
    },
  };
}

class Client {
  readonly #transport: HttpTransport;
  readonly #frames: HttpConnection;
  readonly #others: HttpConnection;

  private constructor(transport: HttpTransport, frames: HttpConnection, others: HttpConnection) {
    this.#transport = transport;
    this.#frames = frames;
    this.#others = others;
  }

  static async open(port: Port, transport: HttpTransport): Promise<Client> {
    return new Client(transport, await HttpConnection.open(port), await HttpConnection.open(port));
  }

  /** Settles when the session has opened and closed. */
  async session(id: string, message: string): Promise<void> {
    expectInfo(await this.#others.ask(INFO));
    await (this.#transport.isStreaming ? this.#stream(id, message) : this.#polls(id, message));
  }

  close(): void {
    this.#frames.close();
    this.#others.close();
  }

  async #stream(id: string, message: string): Promise<void> {
    const { openings, wrap } = this.#transport;
    const stream = new StreamReader(this.#frames, this.#transport.receive(id));
    await stream.expect(...openings);
    const frames = stream.expect(wrap(messageFrame(message)) + wrap(CLOSE_FRAME));
    await Promise.all([this.#send(id, message), frames, stream.ended]);
  }

  async #polls(id: string, message: string): Promise<void> {
    const { openings, wrap } = this.#transport;
    const request = this.#transport.receive(id);
    const poll = async (due: string) => expectAnswer(await this.#frames.ask(request), 200, due);
    await poll(openings.join());
    await Promise.all([poll(wrap(messageFrame(message))), this.#send(id, message)]);
    await poll(wrap(CLOSE_FRAME));
  }

  async #send(id: string, message: string): Promise<void> {
    const { send, sent } = this.#transport;
    expectAnswer(await this.#others.ask(send(id, message)), sent.status, sent.body);
  }
}

function messageFrame(message: string): string {
  return `a${JSON.stringify([message])}`;
}
