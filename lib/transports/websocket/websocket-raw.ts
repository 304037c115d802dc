/** The raw WebSocket endpoint: each text message is one message both ways, with no SockJS framing. */
import type { WebSocket } from 'ws';
import type { Handler } from '../../context.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { Outgoing } from '../../session/ports.ts';
import { acceptWebSocket } from './accept.ts';
import {
  type AnySession,
  type UpgradedSocket,
  WebSocketConnection,
  type WebSocketLimits,
  type WebSocketReceiver,
} from './connection.ts';

export class RawWebSocketTransport implements WebSocketReceiver {
  readonly name = 'websocket-raw';
  readonly maxHeartbeatInterval = Number.POSITIVE_INFINITY;
  readonly #connection: WebSocketConnection;
  readonly #session: AnySession;

  static readonly handle: Handler = (context) => {
    acceptWebSocket(context, 'websocket-raw', (session, socket, upgraded) => {
      session.attach(new RawWebSocketTransport(socket, upgraded, session, context.endpoint.options));
    });
  };

  private constructor(socket: WebSocket, upgraded: UpgradedSocket, session: AnySession, limits: WebSocketLimits) {
    this.#session = session;
    this.#connection = new WebSocketConnection(socket, upgraded, this, session, limits);
  }

  onText(text: string, bytes: number): void {
    this.#session.receive([text], bytes);
  }

  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  abort(): void {
    this.#connection.abort();
  }

  /** The handshake has told the client already. */
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

  heartbeat(notifyOnFlush: boolean): void {
    this.#connection.ping(notifyOnFlush);
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }
}

function textOf({ text }: SharedMessage): string {
  return text;
}
