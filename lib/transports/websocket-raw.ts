/** The raw WebSocket endpoint: each text message is one message both ways, with no SockJS framing. */
import type { WebSocket } from 'ws';
import type { Handler } from '../mount.ts';
import type { Receiver } from '../session.ts';
import { type AnySession, acceptWebSocket, WebSocketConnection } from './websocket-base.ts';

export class RawWebSocketTransport implements Receiver {
  readonly name = 'websocket-raw';
  readonly maxSilence = Number.POSITIVE_INFINITY;
  readonly #connection: WebSocketConnection;

  static readonly handle: Handler = (exchange) => {
    const { mount, req } = exchange;
    acceptWebSocket(exchange, (socket) => {
      const session = mount.sessions.createUnlisted('', req, 'websocket-raw');
      session.attach(new RawWebSocketTransport(socket, session, mount.options.websocketWriteTimeout));
    });
  };

  private constructor(socket: WebSocket, session: AnySession, writeTimeout: number) {
    this.#connection = new WebSocketConnection(socket, writeTimeout);
    this.#connection.listen(this, session, (text) => session.receive([text]));
  }

  /** The handshake has told the client already. */
  open(): void {}

  messages(batch: readonly string[]): void {
    for (const message of batch) {
      this.#connection.send(message);
    }
  }

  heartbeat(): void {
    this.#connection.ping();
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }
}
