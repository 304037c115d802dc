/** One HTTP response as a receiver: its head, its byte budget, its end, and what happens when the client breaks off. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { admit } from '../../admission/admit.ts';
import type { RequestContext } from '../../context.ts';
import { discardBody } from '../../http/body.ts';
import { dropNext } from '../../http/express.ts';
import { flushHead, setHeader, writeHead } from '../../http/head.ts';
import { isWritePristine } from '../../http/pristine-response.ts';
import { setConnectionClose } from '../../http/respond.ts';
import { offSocketClose, onSocketClose } from '../../http/socket-close.ts';
import type { Metrics } from '../../metrics.ts';
import { CloseCode } from '../../protocol/close-code.ts';
import type { SharedMessage } from '../../protocol/shared-message.ts';
import type { SessionCloseEvent } from '../../session/events.ts';
import type { SessionPort, TransportName } from '../../session/ports.ts';
import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../../util/timer-queue.ts';
import { flushTime } from '../flush-time.ts';
import { FrameTransport } from '../frame-transport.ts';

const INTERRUPTED: SessionCloseEvent = Object.freeze({
  code: CloseCode.Interrupted,
  reason: 'Connection interrupted',
  wasClean: false,
});

/** The part of a session that an HTTP response needs, whatever the session holds. */
type AnySession = Pick<SessionPort, 'receiverReleased' | 'receiverFlushed' | 'receiverAborted' | 'receiverDrained'>;

/** The part of an exchange that a transport keeps. */
export interface ResponseContext {
  readonly res: ServerResponse;
  readonly endpoint: {
    readonly shutdown: { readonly isClosing: boolean };
    readonly metrics: Metrics;
    readonly timers: TimerQueue;
  };
}

/** A response of compression middleware, which can be told not to wait for more. */
interface MaybeCompressed {
  readonly flush?: unknown;
}

/** The base of all transports that receive over HTTP. A polling one ends with its first frame: its budget is nothing. */
export abstract class HttpTransport extends FrameTransport implements TimerTarget {
  /** The Content-Type of the response, to the letter. */
  protected abstract readonly contentType: string;

  /** Transports that can take turns on one session. */
  protected readonly family: 'xhr' | 'jsonp' = 'xhr';

  readonly #res: ServerResponse;
  readonly #endpoint: ResponseContext['endpoint'];
  #budget: number;
  #session: AnySession | undefined;
  #begun = false;
  #ended = false;
  #hasLeft = false;
  #flushTimer: DeadlineTimer | undefined;

  /** @param limit bytes of frames after which the response ends; 0 for polling */
  constructor({ res, endpoint }: ResponseContext, limit: number) {
    super();
    this.#res = res;
    this.#endpoint = endpoint;
    this.#budget = limit;
  }

  /** Attaches this response to the session that the request names, which is made if it is new and may be. */
  receive<Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>): void {
    const { req, res } = context;
    if (res.destroyed || res.writableEnded || req.socket.destroyed) {
      // The client left while earlier middleware was busy, or somebody has answered: nobody to open a session for.
      return;
    }
    admit(context, this.family, this, (session) => {
      this.#session = session;
      discardBody(req);
      this.#begin();
      session.attach(this);
    });
  }

  override refuse(code: number, reason: string): void {
    this.#endpoint.metrics.rejected(this.#res.req, 'busy', code);
    super.refuse(code, reason);
  }

  get bufferedAmount(): number {
    return this.#res.writableLength;
  }

  abort(): void {
    if (this.#res.socket === null) {
      // Waits behind another response: destroyed by itself, it would go on waiting for its socket.
      this.#res.req.socket.destroy();
    } else {
      this.#res.destroy();
    }
  }

  /**
   * Written before the first frame, as a write of its own; none on polling. Not counted against the budget. A method, so
   * that no session keeps it in memory.
   */
  protected prelude(): string {
    return '';
  }

  /** A frame as this transport sends it. */
  protected abstract wrap(frame: string): string;

  protected override send(frame: string, notifyOnFlush: boolean): void {
    this.#put(this.wrap(frame), notifyOnFlush);
  }

  protected override sendShared(message: SharedMessage, notifyOnFlush: boolean): void {
    const chunk = message.encoded(this.name, () => Buffer.from(this.wrap(message.frame)));
    this.#put(chunk, notifyOnFlush, message);
  }

  #put(chunk: string | Buffer, notifyOnFlush: boolean, shared?: SharedMessage): void {
    this.#budget -= typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    if (this.#ended) {
      return;
    }
    this.#begin();
    if (this.#budget > 0) {
      this.#write(chunk, notifyOnFlush, shared);
    } else {
      this.#finish(chunk);
    }
  }

  protected override end(): void {
    if (!this.#ended) {
      this.#finish();
    }
    // The session is over: reading a little now and then does not prolong that.
    this.#flushTimer?.limit(flushTime(0));
  }

  /** Head and prelude, once. Not before it is known that there is a frame to follow: until then an error may. */
  #begin(): void {
    if (this.#begun) {
      return;
    }
    this.#begun = true;
    const res = this.#res;
    const { socket } = res.req;
    // Node reports bytes that a reset kept from leaving as finished; the socket knows better, at that moment.
    res.prependListener('finish', () => {
      // HTTP/2 reports it when the stream is over, which has a code that says how.
      const { stream } = res as ServerResponse & { readonly stream?: { readonly rstCode?: number } };
      this.#hasLeft = stream === undefined ? !socket.destroyed : res.writableEnded && stream.rstCode === 0;
    });
    if (res.socket === null) {
      // Pipelined: until its turn comes, the response does not hear of the end of its connection.
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
    // A write that comes after the client has gone is reported here; 'close' says all there is to say.
    res.on('error', ignoreError);
    setHeader(res, 'Content-Type', this.contentType);
    const prelude = this.prelude();
    if (prelude !== '') {
      setHeader(res, 'X-Accel-Buffering', 'no');
      this.#writeFirst(prelude);
      dropNext(res.req, res);
    }
  }

  /** The head and the prelude, in one write to the connection. */
  #writeFirst(prelude: string): void {
    const res = this.#res;
    const socket = res.req.httpVersionMajor === 1 ? res.socket : null;
    socket?.cork();
    try {
      writeHead(res, 200, 1);
      flushHead(res);
      const bareSocket = this.#bareSocket;
      if (bareSocket === undefined) {
        this.#write(prelude, false);
      } else {
        bareSocket.write(preludeChunk(this.name, prelude));
      }
    } finally {
      socket?.uncork();
    }
  }

  #write(chunk: string | Buffer, notifyOnFlush: boolean, shared?: SharedMessage): void {
    const callback = notifyOnFlush ? () => this.#session?.receiverDrained() : undefined;
    const socket = this.#bareSocket;
    if (socket !== undefined) {
      const coded = shared?.chunkCoded(this.name, () => chunkCoded(chunk)) ?? chunkCoded(chunk);
      socket.write(coded, callback);
      return;
    }
    this.#res.write(chunk, callback);
    if (this.#res.writableCorked > 0) {
      // Newer Node (26.10) would join all that is written within a tick into one chunk (PROTOCOL.md section 10).
      this.#res.uncork();
    }
    const { flush } = this.#res as ServerResponse & MaybeCompressed;
    if (typeof flush === 'function') {
      flush.call(this.#res);
    }
  }

  /**
   * The connection, where a frame can be written to it as one piece: the response would write the size of the chunk, the
   * chunk and the end of the chunk, each by itself, which is most of the cost of a frame. Only once the head is out, in
   * chunks, on a connection whose turn it is and that Node has not begun to end, as it does when a client half-closes;
   * and where monitoring has replaced no method that would have been called.
   */
  get #bareSocket(): Socket | undefined {
    const { socket, headersSent, chunkedEncoding, writableCorked } = this.#res;
    // What is corked, the head among it, has not reached the connection.
    const isUnderWay = headersSent && chunkedEncoding && writableCorked === 0;
    return isUnderWay && socket?.writable === true && isWritePristine(this.#res) ? socket : undefined;
  }

  #finish(chunk?: string | Buffer): void {
    this.#ended = true;
    if (this.#endpoint.shutdown.isClosing) {
      // No connection is to be kept alive.
      this.#closeConnection();
    }
    if (!this.#res.headersSent) {
      setHeader(this.#res, 'Content-Length', chunk === undefined ? 0 : Buffer.byteLength(chunk));
      writeHead(this.#res, 200, 1);
    }
    this.#res.end(chunk);
    this.#session?.receiverReleased(this);
    this.#startFlushTimeout();
  }

  /**
   * Cuts a client that does not read: the session waits for the last bytes to leave, but not for ever. Progress cannot
   * be seen, since one large write counts as unwritten until all of it has left, so there is time for its size.
   */
  #startFlushTimeout(): void {
    const { socket, writableEnded, req } = this.#res;
    if (req.httpVersionMajor === 1 && writableEnded && socket?.writableLength === 0) {
      // The kernel has it all.
      return;
    }
    this.#flushTimer = new DeadlineTimer(this.#endpoint.timers, this);
    this.#flushTimer.limit(flushTime(this.bufferedAmount));
  }

  /** Called by the alarm: the client has not taken the end of the response in time. */
  onTimer(): void {
    this.abort();
  }

  /** Has the connection end with this response, which may have begun when it was still to be kept alive. */
  #closeConnection(): void {
    const res = this.#res;
    if (!res.headersSent) {
      setConnectionClose(res);
    } else if (res.req.httpVersionMajor === 1) {
      const { socket } = res;
      res.once('finish', () => socket?.end());
    }
  }

  /** The response is over. Unless all of it had left by then, messages may have been lost with it. */
  #onClose(): void {
    this.#ended = true;
    this.#flushTimer?.clear();
    this.#flushTimer = undefined;
    if (this.#hasLeft) {
      this.#session?.receiverFlushed(this);
    } else {
      this.#session?.receiverAborted(this, INTERRUPTED);
    }
  }
}

function ignoreError(): void {}

/** The prelude that each transport has written last, and its chunk. */
const preludes = new Map<TransportName, { readonly text: string; readonly chunk: Buffer }>();

/** A prelude as a chunk; that of the last response where it is the same, or each would leave a hole in memory. */
function preludeChunk(name: TransportName, text: string): Buffer {
  const last = preludes.get(name);
  if (last?.text === text) {
    return last.chunk;
  }
  const chunk = chunkCoded(text);
  preludes.set(name, { text, chunk });
  return chunk;
}

const CRLF = Buffer.from('\r\n');

/** One chunk of the chunked transfer coding (RFC 9112, section 7.1). */
function chunkCoded(chunk: string | Buffer): Buffer {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, CRLF]);
}
