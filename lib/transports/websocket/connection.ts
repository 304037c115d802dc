/**
 * One WebSocket: what it writes, what it reads, how the application's pace slows the client down, and how it ends.
 * Pings and time limits are in keepalive.ts, direct writes and reads in direct-writer.ts and direct-reader.ts.
 *
 * Bypass: each WebSocket gets a `close` of its own, and its connection an `end` listener that runs before the one of ws.
 * ws emits no event before it answers the end of a client, and what the application has sent must leave before that. Our
 * listener takes the place of that of ws and then calls it: a third listener would have V8 make room for 19.
 */
import type { Socket } from 'node:net';
import { CloseCode, webSocketCloseCode } from '../../protocol/close-code.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { LocalSessionPort, Receiver, TransportName } from '../../session/ports.ts';
import { debugWebSocket } from '../../util/debug.ts';
import { pristine } from '../../util/pristine.ts';
import { DeadlineTimer, type TimerQueue } from '../../util/timer-queue.ts';
import { WebSocket } from '../../util/ws.ts';
import { type TextListener, WebSocketReader } from './direct-reader.ts';
import { writeShared, writeText } from './direct-writer.ts';
import { KeepAlive, type WebSocketLimits } from './keepalive.ts';
import { isReceivePristine, isSendPristine } from './pristine-websocket.ts';

/** What a WebSocket needs of its upgraded connection. */
export interface UpgradedSocket {
  /** The connection. */
  readonly socket: Socket;
  /** Whether messages may be written and read without ws; see direct-writer.ts. */
  readonly bypassesWs: boolean;
  /** Messages up to this many bytes are read without ws; 0 for none. */
  readonly maxBypassBytes: number;
  readonly timers: TimerQueue;
  /** Sends the handshake, and what has been written since. Called again it does nothing. */
  uncork(): void;
}

/** A receiver on a WebSocket, which gets the messages of the client as well. */
export interface WebSocketReceiver extends Receiver {
  /** The client has sent a message. `bytes` is its size in UTF-8. */
  onText(text: string, bytes: number): void;
}

const CONNECTION = Symbol('express-sockjs.connection');

interface WebSocketWithConnection extends WebSocket {
  [CONNECTION]?: WebSocketConnection;
}

interface SocketWithConnection extends Socket {
  [CONNECTION]?: WebSocketConnection;
}

/** One WebSocket. It gives messages of the client to `receiver.onText`, and tells the session how it ended. */
export class WebSocketConnection extends KeepAlive implements TextListener {
  readonly #receiver: WebSocketReceiver;
  readonly #session: LocalSessionPort;
  readonly #bypassesWs: boolean;
  #uncork: (() => void) | undefined;
  /** Messages that the kernel has not taken; counted for `websocketWriteTimeout` alone. */
  #unwritten = 0;
  #writeTimer: DeadlineTimer | undefined;
  /** What was wrong, where ws has emitted an error. */
  #fault: 'none' | 'size' | 'other' = 'none';

  constructor(
    webSocket: WebSocket,
    upgraded: UpgradedSocket,
    receiver: WebSocketReceiver,
    session: LocalSessionPort,
    limits: WebSocketLimits,
  ) {
    super(webSocket, upgraded.socket, upgraded.timers, limits);
    this.#receiver = receiver;
    this.#session = session;
    this.#bypassesWs = upgraded.bypassesWs;
    this.#uncork = upgraded.uncork;
    if (limits.websocketWriteTimeout > 0) {
      this.#writeTimer = new DeadlineTimer(upgraded.timers, { onTimer: () => this.abort() });
    }
    this.#listen(upgraded.maxBypassBytes);
  }

  #listen(maxBypassBytes: number): void {
    const webSocket: WebSocketWithConnection = this.webSocket;
    const socket: SocketWithConnection = this.socket;
    webSocket[CONNECTION] = this;
    socket[CONNECTION] = this;
    if (maxBypassBytes > 0) {
      WebSocketReader.attach(socket, this, maxBypassBytes);
    }
    // A class of the application may call listeners without `this`.
    const bound = <F extends (...args: never[]) => void>(listener: F): F =>
      maxBypassBytes > 0 ? listener : (listener.bind(webSocket) as F);
    webSocket.on('message', bound(onMessage)).on('close', bound(onClose)).on('error', bound(onError));
    webSocket.close = Object.hasOwn(webSocket, 'close') ? notifyAndCloseBy(webSocket.close) : notifyAndClose;
    beforeWsEnd(socket);
  }

  /** Whether messages of the client are still delivered. */
  isOpen(): boolean {
    return this.webSocket.readyState === WebSocket.OPEN;
  }

  /** Whether the next message may be read without ws. Monitoring may be loaded, or begin to listen, at any time. */
  allowsDirectReads(): boolean {
    return this.isOpen() && isReceivePristine(this.webSocket) && this.webSocket.listenerCount('message') === 1;
  }

  onText(text: string, bytes: number): void {
    this.#receiver.onText(text, bytes);
    if (!this.#session.canReceive && !this.isPaused) {
      this.pauseReading();
      this.#session.whenReceivable(() => this.resumeReading());
    }
  }

  /** ws has read a message. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen()) {
      return;
    }
    if (isBinary) {
      this.refuse(CloseCode.UnsupportedData, 'Text messages only.');
    } else if (data.length > this.limits.maxMessageSize) {
      // An engine of the application may have a higher limit.
      this.refuse(CloseCode.MessageTooBig, TOO_BIG);
    } else {
      this.onText(data.toString(), data.length);
    }
  }

  get bufferedAmount(): number {
    return this.#bypassesWs ? this.socket.writableLength : this.webSocket.bufferedAmount;
  }

  /** Sends the handshake with the bytes of `open()`, before the application sees how many bytes wait. */
  opened(): void {
    this.#uncork?.();
    this.#uncork = undefined;
  }

  /** Sends one message; nothing once the WebSocket is closing. `notifyOnFlush` as for `Receiver.messages`. */
  send(text: string, notifyOnFlush: boolean): void {
    if (!this.isOpen()) {
      return;
    }
    const callback = this.#callback(notifyOnFlush);
    if (this.#writesDirectly()) {
      writeText(this.socket, text, callback);
    } else {
      this.webSocket.send(text, callback);
    }
  }

  /** As `send`, for a message of a broadcast. `textOf` returns what all transports called `name` send. */
  sendShared(
    message: SharedMessage,
    name: TransportName,
    textOf: (message: SharedMessage) => string,
    notifyOnFlush: boolean,
  ): void {
    if (!this.isOpen()) {
      return;
    }
    const callback = this.#callback(notifyOnFlush);
    if (this.#writesDirectly()) {
      writeShared(this.socket, message, name, textOf, callback);
    } else {
      this.webSocket.send(textOf(message), callback);
    }
  }

  #writesDirectly(): boolean {
    return this.#bypassesWs && isSendPristine(this.webSocket);
  }

  /** Called when the kernel has taken a message; undefined where neither a limit nor the session needs the call. */
  #callback(notifyOnFlush: boolean): (() => void) | undefined {
    const { websocketWriteTimeout } = this.limits;
    if (websocketWriteTimeout > 0) {
      this.#unwritten += 1;
      if (this.#unwritten === 1) {
        this.#writeTimer?.limit(websocketWriteTimeout);
      }
      return () => this.#onWritten();
    }
    return notifyOnFlush ? () => this.#session.receiverDrained() : undefined;
  }

  #onWritten(): void {
    this.#unwritten -= 1;
    if (this.#unwritten === 0) {
      this.#writeTimer?.clear();
    } else {
      this.#writeTimer?.limit(this.limits.websocketWriteTimeout);
    }
    this.#session.receiverDrained();
  }

  /** Pings the client, which shows that the connection lives. `notifyOnFlush` as for `send`. */
  ping(notifyOnFlush: boolean): void {
    if (this.isOpen()) {
      this.webSocket.ping(undefined, undefined, notifyOnFlush ? () => this.#session.receiverDrained() : undefined);
    }
  }

  /**
   * Begins the closing handshake; does nothing when it has begun.
   *
   * How a WebSocket ends, step by step:
   *
   * ```
   * server first   close() > ws sends a close frame > the client answers > ws ends the connection > onClose()
   * client first   ws calls webSocket.close() > onWsClose(): flush > ws answers > next tick: the session ends
   *                > ws ends the connection > onClose()
   * both at once   as server first: ws takes the close frame of the client for the answer
   * bad frame      as client first: ws calls webSocket.close() with its code, and emits an error before the next tick
   * client ends    'end' without a close frame > onEnd(): flush > next tick: the session ends with 1006
   *                > ws ends the connection > onClose()
   * cut            onClose() with 1006
   * ```
   *
   * The session ends with the first of these reports. The limit on closing lasts from the first step to `onClose()`. It
   * cuts the connection where the client does not answer, or does not end its side.
   */
  close(code: number, reason: string): void {
    this.resumeReading();
    this.startClosing(code === CloseCode.TryAgainLater);
    this.webSocket.close(webSocketCloseCode(code), reason);
  }

  /** Closes a WebSocket whose client breaks the protocol. The session ends at once. */
  refuse(code: number, reason: string): void {
    this.#session.countRejected(code === CloseCode.MessageTooBig ? 'size' : 'payload', code);
    this.#session.flush(performance.now());
    // The session must end first, or it could write behind the close frame.
    this.#session.receiverAborted(this.#receiver, { code, reason, wasClean: false });
    this.close(code, reason);
  }

  /** ws is about to send a close frame, as the answer to that of the client or to a bad frame. */
  onWsClose(code: number | undefined, reason: string | Buffer | undefined): void {
    this.#endByClient(code ?? CloseCode.NoStatus, String(reason ?? ''));
  }

  /** The client has ended its side without a close frame, and ws is about to end the other side. */
  onEnd(): void {
    this.#endByClient(CloseCode.Abnormal, '');
  }

  /** Sends what the application has sent so far. Then the session ends, once ws may have emitted what was wrong. */
  #endByClient(code: number, reason: string): void {
    if (!this.isClosing) {
      this.#session.flush(performance.now());
      this.startClosing(false);
      process.nextTick(() => this.#endSession(code, reason));
    }
  }

  /** ws has emitted an error, and closes the WebSocket by itself. */
  onError(error: Error & { code?: string }): void {
    if (this.#fault === 'none') {
      this.#fault = error.code !== undefined && TOO_BIG_ERRORS.has(error.code) ? 'size' : 'other';
      if (this.#fault === 'size') {
        this.#session.countRejected('size', CloseCode.MessageTooBig);
      }
    }
    debugWebSocket('%O', error);
  }

  /** The WebSocket is closed. */
  onClose(code: number, reason: Buffer): void {
    this.stopTimer();
    this.#writeTimer?.clear();
    this.#endSession(code, reason.toString());
  }

  /** Tells the session, which cannot reach the client any more, how the WebSocket ended. */
  #endSession(code: number, reason: string): void {
    let event = { code, reason, wasClean: code !== CloseCode.Abnormal };
    if (this.#fault === 'size') {
      event = { code: CloseCode.MessageTooBig, reason: TOO_BIG, wasClean: false };
    } else if (this.#fault === 'other') {
      event = { code: CloseCode.Abnormal, reason: '', wasClean: false };
    }
    this.#session.receiverAborted(this.#receiver, event);
  }
}

// All WebSockets share these functions. Closures would cost memory for as long as a WebSocket lives.

function onMessage(this: WebSocketWithConnection, data: Buffer, isBinary: boolean): void {
  this[CONNECTION]?.onMessage(data, isBinary);
}

function onError(this: WebSocketWithConnection, error: Error): void {
  this[CONNECTION]?.onError(error);
}

function onClose(this: WebSocketWithConnection, code: number, reason: Buffer): void {
  this[CONNECTION]?.onClose(code, reason);
}

/** Has `onEnd` called before ws hears of the client's end. It calls ws only while the connection is not ended. */
function beforeWsEnd(socket: SocketWithConnection): void {
  const last = socket.listeners('end').at(-1) as EndListener | undefined;
  if (last !== undefined && (last === socketOnEnd || pristine(last, '._receiver.end()') === last)) {
    socketOnEnd = last;
    socket.off('end', last).on('end', onEndForWs);
  } else {
    socket.prependListener('end', onEnd);
  }
}

type EndListener = (this: SocketWithConnection) => void;

/** The listener of ws, which is the same for all sockets. */
let socketOnEnd: EndListener | undefined;

function onEnd(this: SocketWithConnection): void {
  this[CONNECTION]?.onEnd();
}

function onEndForWs(this: SocketWithConnection): void {
  this[CONNECTION]?.onEnd();
  // After a close handshake ws has ended its reader and the connection. It would end both again, and each time Node makes
  // an error with a stack. The error costs 3 to 7 µs. A session that opens and closes costs some 85.
  if (!this.writableFinished) {
    socketOnEnd?.call(this);
  }
}

/** Replaces `webSocket.close`. ws calls it, too, when it closes by itself, and emits no event before that call. */
function notifyAndClose(this: WebSocketWithConnection, code?: number, reason?: string | Buffer): void {
  this[CONNECTION]?.onWsClose(code, reason);
  // Looked up for each call: monitoring may replace the method of all WebSockets at any time.
  const { close }: WebSocket = Object.getPrototypeOf(this);
  close.call(this, code, reason);
}

/** The same for a WebSocket that the application has given a `close` of its own. */
function notifyAndCloseBy(close: WebSocket['close']): WebSocket['close'] {
  return function (this: WebSocketWithConnection, code?: number, reason?: string | Buffer) {
    this[CONNECTION]?.onWsClose(code, reason);
    close.call(this, code, reason);
  };
}

const TOO_BIG = 'Message too big.';

/** Codes of the errors that ws emits for a message above `maxPayload`, and for a length above 2^53. */
const TOO_BIG_ERRORS = new Set(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH']);
