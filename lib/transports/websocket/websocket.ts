/** The WebSocket transport: each SockJS frame is one text message (docs/protocol.md, section 9). */
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Handler } from '../../context.ts';
import { CloseCode } from '../../protocol/close-code.ts';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../../protocol/frame.ts';
import { PayloadError, parseWebSocketPayload, TooManyMessagesError } from '../../protocol/payload.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import { TRANSPORTS } from '../../protocol/transports.ts';
import type { LocalSessionPort, Outgoing } from '../../session/ports.ts';
import { acceptWebSocket } from './accept.ts';
import { type UpgradedSocket, WebSocketConnection, type WebSocketReceiver } from './connection.ts';
import type { WebSocketLimits } from './keepalive.ts';

/** A session on a WebSocket with SockJS frames. */
export class WebSocketTransport implements WebSocketReceiver {
  readonly #connection: WebSocketConnection;
  readonly #session: LocalSessionPort;
  readonly #maxMessages: number;

  /** Answers a GET of `/<server>/<session>/websocket`. */
  static readonly handle: Handler = (context) => {
    acceptWebSocket(context, 'websocket', (session, webSocket, upgraded) => {
      session.attach(new WebSocketTransport(webSocket, upgraded, session, context.endpoint.options));
    });
  };

  private constructor(
    webSocket: WebSocket,
    upgraded: UpgradedSocket,
    session: LocalSessionPort,
    limits: WebSocketLimits & { readonly maxMessagesPerRequest: number },
  ) {
    this.#session = session;
    this.#maxMessages = limits.maxMessagesPerRequest;
    this.#connection = new WebSocketConnection(webSocket, upgraded, this, session, limits);
  }

  onText(text: string, bytes: number): void {
    // Clients may send an empty message to keep the connection alive.
    if (text === '') {
      return;
    }
    try {
      this.#session.receive(parseWebSocketPayload(text, this.#maxMessages), bytes);
    } catch (error) {
      if (!(error instanceof PayloadError)) {
        throw error;
      }
      const code = error instanceof TooManyMessagesError ? CloseCode.MessageTooBig : CloseCode.InvalidPayload;
      this.#connection.refuse(code, error.message);
    }
  }

  // The next two are getters, since fields would cost each session 32 bytes.

  get name() {
    return TRANSPORTS.websocket.name;
  }

  get maxHeartbeatInterval(): number {
    return TRANSPORTS.websocket.maxHeartbeatInterval;
  }

  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  get request(): IncomingMessage {
    return this.#session.request;
  }

  open(): void {
    this.#connection.send(OPEN_FRAME, false);
    this.#connection.opened();
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    const first = batch[0];
    if (batch.length === 1 && first !== undefined && typeof first !== 'string') {
      this.#connection.sendShared(first, this.name, frameOf, notifyOnFlush);
    } else {
      this.#connection.send(messagesFrame(batch), notifyOnFlush);
    }
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.#connection.send(HEARTBEAT_FRAME, notifyOnFlush);
  }

  close(code: number, reason: string): void {
    this.gather(() => {
      this.#connection.send(closeFrame(code, reason), false);
      this.#connection.close(code, reason);
    });
  }

  /** Never called: a WebSocket is the only receiver of its session. */
  refuse(code: number, reason: string): void {
    this.close(code, reason);
  }

  gather(write: () => void): void {
    this.#connection.gather(write);
  }

  abort(): void {
    this.#connection.abort();
  }
}

function frameOf({ frame }: SharedMessage): string {
  return frame;
}
