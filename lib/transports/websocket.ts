/** The WebSocket transport: SockJS frames as text messages (PROTOCOL.md section 9). */
import type { WebSocket } from 'ws';
import { CloseCode } from '../close-code.ts';
import type { Handler } from '../mount.ts';
import { PayloadError, parseWebSocketPayload } from '../payload.ts';
import { FrameTransport } from './transport.ts';
import { type AnySession, acceptWebSocket, WebSocketConnection } from './websocket-base.ts';

export class WebSocketTransport extends FrameTransport {
  readonly name = 'websocket';
  readonly #connection: WebSocketConnection;
  readonly #session: AnySession;

  static readonly handle: Handler = (exchange) => {
    const { mount, req, sessionId } = exchange;
    acceptWebSocket(exchange, (socket) => {
      const session = mount.sessions.createUnlisted(sessionId, req, 'websocket');
      session.attach(new WebSocketTransport(socket, session, mount.options.websocketWriteTimeout));
    });
  };

  private constructor(socket: WebSocket, session: AnySession, writeTimeout: number) {
    super();
    this.#session = session;
    this.#connection = new WebSocketConnection(socket, writeTimeout);
    this.#connection.listen(this, session, (text) => this.#onText(text));
  }

  protected override send(frame: string): void {
    this.#connection.send(frame);
  }

  protected override end(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  #onText(text: string): void {
    // Reserved by the protocol as a keep-alive of clients.
    if (text === '') {
      return;
    }
    try {
      this.#session.receive(parseWebSocketPayload(text));
    } catch (error) {
      if (!(error instanceof PayloadError)) {
        throw error;
      }
      this.#connection.refuse(this, this.#session, CloseCode.InvalidPayload, error.message);
    }
  }
}
