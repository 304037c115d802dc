/** The life of one WebSocket. */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { CloseCode, webSocketCloseCode } from '../../protocol/close-code.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { Receiver, TransportName } from '../../session/ports.ts';
import type { Session } from '../../session/session.ts';
import { debugWebSocket } from '../../util/debug.ts';
import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../../util/timer-queue.ts';
import { flushTime } from '../flush-time.ts';
import { type TextListener, WebSocketReader } from './direct-reader.ts';
import { textFrame } from './frame-codec.ts';
import { isReceivePristine, isSendPristine } from './pristine-websocket.ts';

export { webSocketServerOf } from './engine.ts';

/** The part of a session that a WebSocket needs, whatever the session holds. */
export type AnySession = Pick<
  Session,
  | 'attach'
  | 'flush'
  | 'receive'
  | 'receiverAborted'
  | 'canReceive'
  | 'whenReceivable'
  | 'receiverDrained'
  | 'countRejected'
>;

/** What a WebSocket stands on. */
export interface UpgradedSocket {
  /** The connection: what it has brought so far, and what it is given. */
  readonly socket: Socket;
  /**
   * Whether frames are ours to build and to read: not where an extension was agreed on, or something stands before the
   * connection, or an engine or monitoring sends in a way of its own.
   */
  readonly bypassesWs: boolean;
  /** Messages up to this size are read without ws. */
  readonly maxBypassBytes: number;
  readonly timers: TimerQueue;
  /** Lets the handshake leave, with what was written since. */
  uncork(): void;
}

/** What bounds one WebSocket; see the options of the same names. */
export interface WebSocketLimits {
  readonly websocketWriteTimeout: number;
  readonly heartbeatDelay: number;
  readonly maxMessageSize: number;
}

/** A receiver on a WebSocket, which takes texts from it, too. */
export interface WebSocketReceiver extends Receiver {
  /** A message came in; `bytes` is its size in UTF-8. */
  onText(text: string, bytes: number): void;
}

const CONNECTION = Symbol('express-sockjs.connection');

/** A WebSocket that belongs to a connection. */
interface Connected extends WebSocket {
  [CONNECTION]?: WebSocketConnection;
}

/** The connection below it. */
interface Wire extends Socket {
  [CONNECTION]?: WebSocketConnection;
}

/** One WebSocket: what it writes, what it takes in, whether it lives, and how it ends. */
export class WebSocketConnection implements TextListener, TimerTarget {
  readonly #socket: Connected;
  readonly #receiver: WebSocketReceiver;
  readonly #session: AnySession;
  /** Of the line, what each message asks for. */
  readonly #wire: Wire;
  readonly #bypassesWs: boolean;
  #uncork: (() => void) | undefined;
  readonly #limits: WebSocketLimits;
  #unwritten = 0;
  #writeTimer: DeadlineTimer | undefined;

  /**
   * While the WebSocket is open, follows incoming silence, one round of `heartbeatDelay` after the other. Once it is
   * closing, set to the time that the client has for what is on its way to it and for the closing handshake.
   */
  readonly #pingTimer: DeadlineTimer;
  #isClosing = false;
  /** What was on its way to the client when the time for that was set last. */
  #bytesToFlush = 0;
  /** Bytes of the connection, those of a message that has not ended yet included: on a slow line one takes many rounds. */
  #bytesReadBefore: number;
  /** Whether this round does not count, since we have not listened throughout. */
  #skipRound = false;
  /** Where the ping that asked for a sign of life is: `queued` until the kernel has it. */
  #ping: 'none' | 'queued' | 'sent' = 'none';
  /** While we do not read, silence says nothing about the peer. */
  #paused = false;
  /** What ws has found wrong. */
  #fault: 'none' | 'size' | 'other' = 'none';

  /** From now on texts go to `receiver.onText`, and to the session how the WebSocket ended. */
  constructor(
    socket: WebSocket,
    upgraded: UpgradedSocket,
    receiver: WebSocketReceiver,
    session: AnySession,
    limits: WebSocketLimits,
  ) {
    this.#socket = socket;
    this.#receiver = receiver;
    this.#session = session;
    this.#wire = upgraded.socket;
    this.#bypassesWs = upgraded.bypassesWs;
    this.#uncork = upgraded.uncork;
    this.#limits = limits;
    this.#bytesReadBefore = upgraded.socket.bytesRead;
    if (upgraded.maxBypassBytes > 0) {
      WebSocketReader.attach(upgraded.socket, this, upgraded.maxBypassBytes);
    }
    this.#socket[CONNECTION] = this;
    // A class of the application's own may not call listeners as methods.
    const own = <F extends (...args: never[]) => void>(listener: F): F =>
      upgraded.maxBypassBytes > 0 ? listener : (listener.bind(socket) as F);
    socket.on('message', own(onMessage)).on('close', own(onClose)).on('error', own(onError));
    this.#pingTimer = new DeadlineTimer(upgraded.timers, this);
    if (limits.heartbeatDelay > 0) {
      this.#pingTimer.limit(limits.heartbeatDelay);
    }
    if (limits.websocketWriteTimeout > 0) {
      this.#writeTimer = new DeadlineTimer(upgraded.timers, { onTimer: () => this.abort() });
    }
    // Where an application has put one in its place on this very WebSocket, that is called.
    socket.close = Object.hasOwn(socket, 'close') ? closeOfOwn(socket.close) : onWsClose;
    this.#wire[CONNECTION] = this;
    this.#wire.prependListener('end', onEnd);
  }

  /** Whether messages are still taken. */
  isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  takesTexts(): boolean {
    // Monitoring may have been loaded since the WebSocket opened, or may listen beside us.
    return this.isOpen() && isReceivePristine(this.#socket) && this.#socket.listenerCount('message') === 1;
  }

  onText(text: string, bytes: number): void {
    this.#receiver.onText(text, bytes);
    this.#pauseWhileFull();
  }

  /** A message that came by way of ws. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen()) {
      return;
    }
    if (isBinary) {
      this.refuse(CloseCode.UnsupportedData, 'Text messages only.');
    } else if (data.length > this.#limits.maxMessageSize) {
      // Only an engine of the application's own, with a limit of its own, lets one through.
      this.refuse(CloseCode.MessageTooBig, TOO_BIG);
    } else {
      this.onText(data.toString(), data.length);
    }
  }

  /** The WebSocket is closed. */
  onClose(code: number, reason: Buffer): void {
    this.#isClosing = true;
    this.#writeTimer?.clear();
    this.#pingTimer.clear();
    this.#endSession(code, reason.toString());
  }

  /** ws closes the WebSocket itself after an error, so there is nothing to do but remember why. */
  onError(error: Error & { code?: string }): void {
    if (this.#fault === 'none') {
      this.#fault = error.code !== undefined && TOO_BIG_ERRORS.has(error.code) ? 'size' : 'other';
      if (this.#fault === 'size') {
        this.#session.countRejected('size', CloseCode.MessageTooBig);
      }
    }
    debugWebSocket('%O', error);
  }

  /** Ends a WebSocket whose client does what the protocol forbids, and its session at once. */
  refuse(code: number, reason: string): void {
    this.#session.countRejected(code === CloseCode.MessageTooBig ? 'size' : 'payload', code);
    this.#session.flush(performance.now());
    // The session first, so that nothing more goes out before the closing handshake.
    this.#session.receiverAborted(this.#receiver, { code, reason, wasClean: false });
    this.close(code, reason);
  }

  get bufferedAmount(): number {
    // All that a plain WebSocket holds is in its connection; asked for each message, so not by way of ws.
    return this.#bypassesWs ? this.#wire.writableLength : this.#socket.bufferedAmount;
  }

  /** The session is open, and has said so if it does. */
  opened(): void {
    this.#uncork?.();
    this.#uncork = undefined;
  }

  /** Sends one text message; nothing once the WebSocket is closing. `notifyOnFlush` as for `Receiver.messages`. */
  send(text: string, notifyOnFlush: boolean): void {
    if (this.#sendsFrames()) {
      // One piece and one write; ws would write header and payload each for itself.
      this.#write(textFrame(text), notifyOnFlush);
    } else if (this.isOpen()) {
      this.#socket.send(text, this.#callback(notifyOnFlush));
    }
  }

  /** Sends one text message of many receivers. `name` tells apart what is made of it: a SockJS frame, or just the text. */
  sendShared(
    message: SharedMessage,
    name: TransportName,
    textOf: (message: SharedMessage) => string,
    notifyOnFlush: boolean,
  ) {
    if (this.#sendsFrames()) {
      this.#write(
        message.encoded(name, () => textFrame(textOf(message))),
        notifyOnFlush,
      );
    } else {
      this.send(textOf(message), notifyOnFlush);
    }
  }

  /** Whether this frame is ours to build: monitoring may have been loaded since the WebSocket opened. */
  #sendsFrames(): boolean {
    return this.#bypassesWs && isSendPristine(this.#socket);
  }

  #write(frame: Buffer, notifyOnFlush: boolean): void {
    if (this.isOpen()) {
      this.#wire.write(frame, this.#callback(notifyOnFlush));
    }
  }

  /** What is to be called when the kernel has taken a write, if anybody wants to know. */
  #callback(notifyOnFlush: boolean): (() => void) | undefined {
    const { websocketWriteTimeout } = this.#limits;
    if (websocketWriteTimeout > 0) {
      this.#unwritten += 1;
      if (this.#unwritten === 1) {
        this.#writeTimer?.limit(websocketWriteTimeout);
      }
      return () => this.#onWritten();
    }
    return notifyOnFlush ? () => this.#session.receiverDrained() : undefined;
  }

  /** Asks the peer for a sign of life; `notifyOnFlush` as for `send`. */
  ping(notifyOnFlush: boolean): void {
    if (this.isOpen()) {
      this.#socket.ping(undefined, undefined, notifyOnFlush ? () => this.#session.receiverDrained() : undefined);
    }
  }

  /** Begins the closing handshake; nothing happens when it has begun already. */
  close(code: number, reason: string): void {
    this.#resume();
    this.#startClosing(code);
    this.#socket.close(webSocketCloseCode(code), reason);
  }

  /**
   * ws is about to begin or to answer the closing handshake by itself: the client has sent a close frame or what ws takes
   * for no frame. What the application has sent before goes out first; the session ends when ws has said what was wrong.
   */
  onWsClose(code: number | undefined, reason: string | Buffer | undefined): void {
    this.#endByClient(code ?? CloseCode.NoStatus, String(reason ?? ''));
  }

  /** The client has ended its side without a close frame, and ws is about to end the other. */
  onEnd(): void {
    this.#endByClient(CloseCode.Abnormal, '');
  }

  #endByClient(code: number, reason: string): void {
    if (!this.#isClosing) {
      this.#session.flush(performance.now());
      this.#startClosing();
      process.nextTick(() => this.#endSession(code, reason));
    }
  }

  /** The client will take no more: tells the session how the WebSocket ended, as ws is going to report it. */
  #endSession(code: number, reason: string): void {
    let event = { code, reason, wasClean: code !== CloseCode.Abnormal };
    if (this.#fault === 'size') {
      event = { code: CloseCode.MessageTooBig, reason: TOO_BIG, wasClean: false };
    } else if (this.#fault === 'other') {
      event = { code: CloseCode.Abnormal, reason: '', wasClean: false };
    }
    this.#session.receiverAborted(this.#receiver, event);
  }

  /** From now on ws sends no pings, and only the time for the client's last bytes counts. */
  #startClosing(code?: number): void {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#bytesToFlush = this.bufferedAmount;
      // A client that was too slow already gets time for what it takes, not for what it has left.
      this.#pingTimer.limit(flushTime(code === CloseCode.TryAgainLater ? 0 : this.#bytesToFlush));
    }
  }

  /** Cuts the connection. */
  abort(): void {
    this.#socket.terminate();
  }

  #onWritten(): void {
    this.#unwritten -= 1;
    if (this.#unwritten === 0) {
      this.#writeTimer?.clear();
    } else {
      this.#writeTimer?.limit(this.#limits.websocketWriteTimeout);
    }
    this.#session.receiverDrained();
  }

  /** Lets the client send on only when the application has read. */
  #pauseWhileFull(): void {
    if (!this.#session.canReceive && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
      this.#session.whenReceivable(() => this.#resume());
    }
  }

  #resume(): void {
    if (this.#paused) {
      this.#paused = false;
      // What came while we did not look is only now about to be heard.
      this.#skipRound = true;
      this.#socket.resume();
    }
  }

  /** Called by the alarm: a round of silence is over, or the time for closing. */
  onTimer(): void {
    if (!this.#isClosing) {
      this.#endRound();
      return;
    }
    const left = this.bufferedAmount;
    if (left < this.#bytesToFlush) {
      // Slow, but alive.
      this.#bytesToFlush = left;
      this.#pingTimer.limit(flushTime(left));
    } else {
      debugWebSocket('the peer does not close');
      this.abort();
    }
  }

  /** Asks a silent peer for a sign of life, and cuts one that has not answered for a whole round. */
  #endRound(): void {
    const { bytesRead } = this.#wire;
    if (this.#skipRound || this.#paused || bytesRead !== this.#bytesReadBefore) {
      this.#skipRound = false;
      this.#bytesReadBefore = bytesRead;
      this.#ping = 'none';
    } else if (this.#ping === 'none') {
      this.#ping = 'queued';
      this.#socket.ping(undefined, undefined, () => {
        // The wait for the answer begins when the question has left.
        this.#ping = 'sent';
        if (!this.#isClosing) {
          this.#pingTimer.limit(this.#limits.heartbeatDelay);
        }
      });
    } else if (this.#ping === 'sent') {
      debugWebSocket('the peer is silent');
      this.abort();
      return;
    }
    this.#pingTimer.limit(this.#limits.heartbeatDelay);
  }
}

// Listeners of all WebSockets: closures for each would be kept as long as it lives.

function onMessage(this: Connected, data: Buffer, isBinary: boolean): void {
  this[CONNECTION]?.onMessage(data, isBinary);
}

function onClose(this: Connected, code: number, reason: Buffer): void {
  this[CONNECTION]?.onClose(code, reason);
}

function onWsClose(this: Connected, code?: number, reason?: string | Buffer): void {
  this[CONNECTION]?.onWsClose(code, reason);
  // Looked up each time: monitoring may replace the method of all WebSockets at any time.
  const { close }: WebSocket = Object.getPrototypeOf(this);
  close.call(this, code, reason);
}

function closeOfOwn(close: WebSocket['close']): WebSocket['close'] {
  return function (this: Connected, code?: number, reason?: string | Buffer) {
    this[CONNECTION]?.onWsClose(code, reason);
    close.call(this, code, reason);
  };
}

function onEnd(this: Wire): void {
  this[CONNECTION]?.onEnd();
}

function onError(this: Connected, error: Error): void {
  this[CONNECTION]?.onError(error);
}

const TOO_BIG = 'Message too big.';

/** What ws says of a message over `maxPayload`, and of a length that no number of JavaScript's can hold. */
const TOO_BIG_ERRORS = new Set(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH']);
