/** A client of one WebSocket session, for what `NumberedClient` does over HTTP. */
import { randomUUID } from 'node:crypto';
import { WebSocketClient } from '../websocket-client.ts';
import { SERVED_BY } from './numbered-client.ts';
import { NumberedSession } from './numbered-session.ts';

/** Its `end` is what the close frame has said, or how the WebSocket was closed without one. */
export class NumberedSocket extends NumberedSession {
  /** The code with which the WebSocket itself was closed. */
  readonly closeCode: Promise<number>;
  readonly #client: WebSocketClient;

  constructor(origin: string) {
    super(`websocket-${randomUUID()}`);
    this.#client = new WebSocketClient(origin, `/echo/000/${this.id}/websocket`);
    const { socket, closed } = this.#client;
    socket.on('upgrade', ({ headers }) => {
      this.servedBy = String(headers[SERVED_BY]);
    });
    socket.on('message', (data) => this.takeFrame(String(data)));
    this.closeCode = closed.then(({ code, reason }) => {
      this.end ??= { kind: 'closed', code, reason };
      this.changes.notify();
      return code;
    });
  }

  /** Settles when the session is open. */
  async open(): Promise<this> {
    await this.#client.opened;
    await this.opened();
    return this;
  }

  /** Sends messages in one frame. */
  async send(...texts: readonly string[]): Promise<{ status: number }> {
    this.#client.send(JSON.stringify(texts));
    return { status: 204 };
  }

  /** Sends a message, and settles when it has come back. */
  echoes(text: string): Promise<void> {
    return this.comesBack(text, async () => {
      await this.send(text);
    });
  }

  /** Closes it, as a client does that leaves. */
  abort(): void {
    this.#client.socket.close();
  }
}
