/**
 * One HTTP response as a receiver: its frames, its byte budget, its end, and a client that breaks off.
 *
 * Bypass: the listener for `finish` is prepended, so that it runs before others, which may destroy the connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { admit } from '../../admission/admit.ts';
import type { RequestContext } from '../../context.ts';
import { discardBody } from '../../http/body.ts';
import { setConnectionClose } from '../../http/respond.ts';
import { offSocketClose, onSocketClose } from '../../http/socket-close.ts';
import type { Metrics } from '../../metrics.ts';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../../protocol/frame.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { HttpTransportRow } from '../../protocol/transports.ts';
import { INTERRUPTED } from '../../session/events.ts';
import type { HttpReceiver, Outgoing, ReceivingPort } from '../../session/ports.ts';
import { DeadlineTimer, inContext, type TimerQueue, type TimerTarget } from '../../util/timer-queue.ts';
import { flushTime } from '../flush-time.ts';
import { cork, endResponse, startResponse, writeFrame, writePiece } from './response-writer.ts';

/** The part of a request context that a response keeps. */
interface ResponseContext {
  readonly res: ServerResponse;
  readonly endpoint: {
    readonly shutdown: { readonly isClosing: boolean };
    readonly metrics: Metrics;
    readonly options: { readonly responseLimit: number };
    readonly timers: TimerQueue;
  };
}

/**
 * The receiver of all transports but WebSocket. The format says how a frame looks. The byte budget tells a poll from a
 * stream.
 */
export class HttpTransport implements HttpReceiver, TimerTarget {
  readonly callback: string;
  readonly #transport: HttpTransportRow;
  readonly #res: ServerResponse;
  readonly #endpoint: ResponseContext['endpoint'];
  /** Bytes of frames that the response may still carry. A poll has none, and ends with its first frame. */
  #budget: number;
  #port: ReceivingPort | undefined;
  /** The connection while head, prelude and open frame are gathered, to leave in one write. */
  #corked: Socket | undefined;
  #hasStarted = false;
  #hasEnded = false;
  /** Whether all bytes of the response have left. */
  #hasLeft = false;
  #flushTimer: DeadlineTimer | undefined;

  /**
   * @param callback the function that the client named; empty where the transport has none
   */
  constructor({ res, endpoint }: ResponseContext, transport: HttpTransportRow, callback = '') {
    this.#res = res;
    this.#endpoint = endpoint;
    this.#transport = transport;
    this.callback = callback;
    this.#budget = transport.isStreaming ? endpoint.options.responseLimit : 0;
  }

  get name(): HttpTransportRow['name'] {
    return this.#transport.name;
  }

  get maxHeartbeatInterval(): number {
    return this.#transport.maxHeartbeatInterval;
  }

  get bufferedAmount(): number {
    return this.#res.writableLength;
  }

  get request(): IncomingMessage {
    return this.#res.req;
  }

  /** Attaches this response to the session that the request names. A new id opens a session, if the client may. */
  receive<Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>): void {
    const { req, res } = context;
    if (res.destroyed || res.writableEnded || req.socket.destroyed) {
      // Earlier middleware has answered, or the client left while it was busy. A session would have no client.
      return;
    }
    admit(context, this.#transport.family, this, (port) => {
      this.#port = port;
      discardBody(req);
      if (this.#transport.isStreaming) {
        this.#corked = cork(res);
      }
      try {
        this.#start();
        port.attach(this);
      } finally {
        this.#uncork();
      }
    });
  }

  open(): void {
    this.#send(OPEN_FRAME, false);
    // Before the application sees how many bytes wait.
    this.#uncork();
  }

  #uncork(): void {
    this.#corked?.uncork();
    this.#corked = undefined;
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    const first = batch[0];
    if (batch.length !== 1 || first === undefined || typeof first === 'string') {
      this.#send(messagesFrame(batch), notifyOnFlush);
    } else if (this.#transport.format.isShared) {
      const bytes = first.encoded(this.name, () =>
        Buffer.from(this.#transport.format.wrap(first.frame, this.callback)),
      );
      this.#write(bytes, notifyOnFlush, first);
    } else {
      this.#send(first.frame, notifyOnFlush);
    }
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.#send(HEARTBEAT_FRAME, notifyOnFlush);
  }

  close(code: number, reason: string): void {
    if (!this.#hasEnded) {
      this.#start();
      this.#end(this.#transport.format.wrap(closeFrame(code, reason), this.callback));
    }
    // The session is over. A client that reads a little now and then does not prolong that.
    this.#flushTimer?.limit(flushTime(0));
  }

  refuse(code: number, reason: string): void {
    this.#endpoint.metrics.rejected(this.#res.req, 'busy', code);
    this.close(code, reason);
  }

  gather(write: () => void): void {
    const corked = cork(this.#res);
    try {
      write();
    } finally {
      corked?.uncork();
    }
  }

  relay(bytes: Buffer, isLast: boolean, onFlushed: () => void): void {
    if (this.#hasEnded) {
      return;
    }
    this.#start();
    if (isLast) {
      this.#end(bytes);
    } else {
      writePiece(this.#res, this.name, bytes, onFlushed);
    }
  }

  abort(): void {
    if (this.#res.socket === null) {
      // Pipelined: it has no socket yet, so `res.destroy()` would do nothing.
      this.#res.req.socket.destroy();
    } else {
      this.#res.destroy();
    }
  }

  #send(frame: string, notifyOnFlush: boolean): void {
    this.#write(this.#transport.format.wrap(frame, this.callback), notifyOnFlush);
  }

  /** Sends a frame with its framing. The one that uses the budget up ends the response. */
  #write(wrapped: string | Buffer, notifyOnFlush: boolean, shared?: SharedMessage): void {
    if (this.#hasEnded) {
      return;
    }
    this.#start();
    this.#budget -= typeof wrapped === 'string' ? Buffer.byteLength(wrapped) : wrapped.length;
    if (this.#budget > 0) {
      const onFlushed = notifyOnFlush ? () => this.#port?.receiverDrained() : undefined;
      writeFrame(this.#res, this.name, wrapped, onFlushed, shared);
    } else {
      this.#end(wrapped);
    }
  }

  /**
   * Sets the head, and sends it with the prelude on a stream. Happens once, when it is certain that a frame follows.
   * Until then the request may be answered with an error.
   */
  #start(): void {
    if (this.#hasStarted) {
      return;
    }
    this.#hasStarted = true;
    this.#watchEnd();
    // Not kept on this object: an idle session would hold it in memory.
    const prelude = this.#transport.format.prelude(this.callback);
    startResponse(this.#res, this.name, this.#transport.format.contentType, prelude);
  }

  #watchEnd(): void {
    const res = this.#res;
    const { socket } = res.req;
    // Node emits `finish` even where a reset kept bytes from leaving. At that moment the socket is destroyed already.
    res.prependListener('finish', () => {
      // HTTP/2 emits it when the stream is over. The code of the stream says how.
      const { stream } = res as ServerResponse & { readonly stream?: { readonly rstCode?: number } };
      this.#hasLeft = stream === undefined ? !socket.destroyed : res.writableEnded && stream.rstCode === 0;
    });
    if (res.socket === null) {
      // Pipelined: until it is the turn of this response, Node does not tell it of the end of its connection.
      const onClose = () => {
        res.off('close', onClose);
        offSocketClose(socket, onClose);
        this.#onClose();
      };
      res.on('close', onClose);
      onSocketClose(socket, onClose);
    } else {
      res.on('close', () => this.#onClose());
    }
    // Node reports a write after the client has gone as an error. The event `close` says the same.
    res.on('error', ignoreError);
  }

  /** Ends the response, with one more frame if there is one. From now on another receiver may come. */
  #end(wrapped?: string | Buffer): void {
    this.#hasEnded = true;
    if (this.#endpoint.shutdown.isClosing) {
      // The server shuts down: no connection is to be kept alive.
      this.#closeConnection();
    }
    endResponse(this.#res, wrapped);
    this.#port?.receiverReleased(this);
    this.#startFlushTimeout();
  }

  /**
   * Cuts a client that does not read in time, since the session waits until the last bytes have left. Node counts one
   * large write as unwritten until all of it has left, so progress cannot be seen. The time is by the size instead.
   */
  #startFlushTimeout(): void {
    const { socket, writableEnded, req } = this.#res;
    if (req.httpVersionMajor === 1 && writableEnded && socket?.writableLength === 0) {
      // The kernel has taken all bytes.
      return;
    }
    this.#flushTimer = new DeadlineTimer(this.#endpoint.timers, inContext(this));
    this.#flushTimer.limit(flushTime(this.bufferedAmount));
  }

  /** Called by the timer: the client has not taken the end of the response in time. */
  onTimer(): void {
    this.abort();
  }

  /** Ends the connection with this response. The head of a stream has left already, and may have promised otherwise. */
  #closeConnection(): void {
    const res = this.#res;
    if (!res.headersSent) {
      setConnectionClose(res);
    } else if (res.req.httpVersionMajor === 1) {
      const { socket } = res;
      res.once('finish', () => socket?.end());
    }
  }

  /** The response is over. If some of it has not left by then, messages may have been lost with it. */
  #onClose(): void {
    this.#hasEnded = true;
    this.#flushTimer?.clear();
    this.#flushTimer = undefined;
    if (this.#hasLeft) {
      this.#port?.receiverFlushed(this);
    } else {
      this.#port?.receiverAborted(this, INTERRUPTED);
    }
  }
}

function ignoreError(): void {}
