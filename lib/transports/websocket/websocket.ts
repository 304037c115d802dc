/** The WebSocket transport: SockJS frames as text messages (PROTOCOL.md section 9). */
import type { WebSocket } from 'ws';
import type { Handler } from '../../context.ts';
import { CloseCode } from '../../protocol/close-code.ts';
import { PayloadError, parseWebSocketPayload, TooManyMessagesError } from '../../protocol/payload.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import { FrameTransport } from '../frame-transport.ts';
import { acceptWebSocket } from './accept.ts';
import {
  type AnySession,
  type UpgradedSocket,
  WebSocketConnection,
  type WebSocketLimits,
  type WebSocketReceiver,
} from './connection.ts';

export class WebSocketTransport extends FrameTransport implements WebSocketReceiver {
  readonly name = 'websocket';
  readonly #connection: WebSocketConnection;
  readonly #session: AnySession;
  readonly #maxMessages: number;

  static readonly handle: Handler = (context) => {
    acceptWebSocket(context, 'websocket', (session, socket, upgraded) => {
      session.attach(new WebSocketTransport(socket, upgraded, session, context.endpoint.options));
    });
  };

  private constructor(
    socket: WebSocket,
    upgraded: UpgradedSocket,
    session: AnySession,
    limits: WebSocketLimits & { readonly maxMessagesPerRequest: number },
  ) {
    super();
    this.#session = session;
    this.#maxMessages = limits.maxMessagesPerRequest;
    this.#connection = new WebSocketConnection(socket, upgraded, this, session, limits);
  }

  get bufferedAmount(): number {
    return this.#connection.bufferedAmount;
  }

  abort(): void {
    this.#connection.abort();
  }

  override open(): void {
    super.open();
    this.#connection.opened();
  }

  protected override send(frame: string, notifyOnFlush: boolean): void {
    this.#connection.send(frame, notifyOnFlush);
  }

  protected override sendShared(message: SharedMessage, notifyOnFlush: boolean): void {
    this.#connection.sendShared(message, this.name, frameOf, notifyOnFlush);
  }

  protected override end(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  onText(text: string, bytes: number): void {
    // Reserved by the protocol as a keep-alive of clients.
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
}

function frameOf({ frame }: SharedMessage): string {
  return frame;
}
