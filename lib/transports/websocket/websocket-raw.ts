/** The raw WebSocket transport: each text message is one message, both ways, without SockJS frames. */
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Handler } from '../../context.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import { TRANSPORTS } from '../../protocol/transports.ts';
import type { LocalSessionPort, Outgoing } from '../../session/ports.ts';
import { acceptWebSocket } from './accept.ts';
import { type UpgradedSocket, WebSocketConnection, type WebSocketReceiver } from './connection.ts';
import type { WebSocketLimits } from './keepalive.ts';

/** A session on a WebSocket without SockJS frames. */
export class RawWebSocketTransport implements WebSocketReceiver {
  readonly #connection: WebSocketConnection;
  readonly #session: LocalSessionPort;

  /** Answers a GET of `/websocket`. */
  static readonly handle: Handler = (context) => {
    acceptWebSocket(context, 'websocket-raw', (session, webSocket, upgraded) => {
      session.attach(new RawWebSocketTransport(webSocket, upgraded, session, context.endpoint.options));
    });
  };

  private constructor(
    webSocket: WebSocket,
    upgraded: UpgradedSocket,
    session: LocalSessionPort,
    limits: WebSocketLimits,
  ) {
    this.#session = session;
    this.#connection = new WebSocketConnection(webSocket, upgraded, this, session, limits);
  }

  onText(text: string, bytes: number): void {
    this.#session.receive([text], bytes);
  }

  // The next two are getters, since fields would cost each session 32 bytes.

  get name() {
    return TRANSPORTS.rawWebsocket.name;
  }

  get maxHeartbeatInterval(): number {
    return TRANSPORTS.rawWebsocket.maxHeartbeatInterval;
  }

  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  get request(): IncomingMessage {
    return this.#session.request;
  }

  /** Sends no frame: the client knows by the handshake that its session is open. */
  open(): void {
    this.#connection.opened();
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    for (const message of batch) {
      if (typeof message === 'string') {
        this.#connection.send(message, notifyOnFlush);
      } else {
        this.#connection.sendShared(message, this.name, textOf, notifyOnFlush);
      }
    }
  }

  /** Sends a ping of the WebSocket protocol; a text would be a message. */
  heartbeat(notifyOnFlush: boolean): void {
    this.#connection.ping(notifyOnFlush);
  }

  refuse(code: number, reason: string): void {
    this.close(code, reason);
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  gather(write: () => void): void {
    this.#connection.gather(write);
  }

  abort(): void {
    this.#connection.abort();
  }
}

function textOf({ text }: SharedMessage): string {
  return text;
}
