/**
 * At the owner of a session: stands for a response that another node holds.
 *
 *                  frames, in pieces                      frame                    relay()
 *     Lifecycle ────────────────────> RelayReceiver ─────────────> RemoteResponse ─────────> HttpTransport
 *               <────────────────────               <─────────────                <─────────
 *                  reports, as of any receiver            written, left, lost      reports
 */
import type { Format } from '../protocol/formats/format.ts';
import { closeFrame, HEARTBEAT_FRAME, messagesFrame, OPEN_FRAME } from '../protocol/frame.ts';
import type { HttpTransportRow } from '../protocol/transports.ts';
import { INTERRUPTED } from '../session/events.ts';
import type { Outgoing, Receiver, SessionPort } from '../session/ports.ts';
import type { Link } from './link.ts';
import type { OwnerMessage, RequestId } from './messages.ts';
import { cutIntoPieces, WINDOW } from './pieces.ts';

/** In the place of a piece that has left, whose memory is free. */
const NO_BYTES = Buffer.alloc(0);

/** The reports that a receiver makes to its session. */
type Reports = Pick<SessionPort, 'receiverReleased' | 'receiverFlushed' | 'receiverAborted' | 'receiverDrained'>;

/** What a relay receiver has to know of the response. */
export interface RelayedRequest {
  readonly rid: RequestId;
  readonly transport: HttpTransportRow;
  readonly callback: string;
  /** Bytes of frames that a streaming response may carry. */
  readonly responseLimit: number;
}

/** One response of another node, as a receiver. It wraps the frames and keeps the budget, so that the node only writes. */
export class RelayReceiver implements Receiver {
  readonly rid: RequestId;
  readonly holdsNext = true;
  readonly #row: HttpTransportRow;
  readonly #callback: string;
  readonly #link: Link<OwnerMessage>;
  readonly #session: Reports;
  /** Called when the link is full while bytes wait; `pump()` is to be called when it takes frames again. */
  readonly #onFull: (receiver: RelayReceiver) => void;
  /** Bytes of frames that the response may still carry. A poll has none, and ends with its first frame. */
  #budget: number;
  /** Pieces that wait for window or link, from `#head` on. */
  #queue: Buffer[] = [];
  #head = 0;
  #queuedBytes = 0;
  /** Bytes that are on the link, or that the other node has not reported as written. */
  #unwritten = 0;
  #notifies = false;
  #answer: 'none' | 'attached' | 'refused' = 'none';
  /** What ends the response after all pieces; undefined while it may carry more frames. */
  #end: 'last frame' | 'yielded' | undefined;
  #hasSentEnd = false;
  /** Whether the exchange is over: nothing is sent or reported any more. */
  #isOver = false;

  constructor(
    { rid, transport, callback, responseLimit }: RelayedRequest,
    session: Reports,
    link: Link<OwnerMessage>,
    onFull: (receiver: RelayReceiver) => void,
  ) {
    this.rid = rid;
    this.#row = transport;
    this.#callback = callback;
    this.#budget = transport.isStreaming ? responseLimit : 0;
    this.#session = session;
    this.#link = link;
    this.#onFull = onFull;
  }

  get name(): HttpTransportRow['name'] {
    return this.#row.name;
  }

  get maxHeartbeatInterval(): number {
    return this.#row.maxHeartbeatInterval;
  }

  get bufferedAmount(): number {
    return this.#queuedBytes + this.#unwritten;
  }

  /** Whether the session has refused this receiver. */
  get isRefused(): boolean {
    return this.#answer === 'refused';
  }

  // ---- From the session

  open(): void {
    this.#send(OPEN_FRAME, false);
  }

  messages(batch: readonly Outgoing[], notifyOnFlush: boolean): void {
    const first = batch[0];
    if (batch.length === 1 && first !== undefined && typeof first !== 'string' && this.#format.isShared) {
      const bytes = first.encoded(this.name, () => Buffer.from(this.#format.wrap(first.frame, this.#callback)));
      this.#write(bytes, true, notifyOnFlush);
    } else {
      this.#send(messagesFrame(batch), notifyOnFlush);
    }
  }

  heartbeat(notifyOnFlush: boolean): void {
    this.#send(HEARTBEAT_FRAME, notifyOnFlush);
  }

  close(code: number, reason: string): void {
    this.#budget = 0;
    this.#send(closeFrame(code, reason), false);
  }

  /** Of all receivers only one may be attached: the other node answers 2010. */
  refuse(): void {
    this.#answer = 'refused';
    this.#isOver = true;
    this.#link.send({ type: 'refused', rid: this.rid, refusal: { kind: 'busy' } });
  }

  /** Messages on a link that are sent in one turn leave together anyway. */
  gather(write: () => void): void {
    write();
  }

  abort(): void {
    if (!this.#isOver) {
      this.#dropQueue();
      this.#end ??= 'last frame';
      this.#link.send({ type: 'cut', rid: this.rid });
    }
  }

  // ---- From the other node

  /** Says that the receiver is attached, before its first frame. */
  confirm(): void {
    if (this.#answer === 'none') {
      this.#answer = 'attached';
      this.#link.send({ type: 'attached', rid: this.rid });
    }
  }

  /**
   * The kernel there has taken so many bytes more.
   *
   * @throws RangeError where so many were not sent
   */
  written(bytes: number): void {
    if (bytes > this.#unwritten) {
      throw new RangeError('sockjs: a node has written more than it was sent');
    }
    this.#unwritten -= bytes;
    this.pump();
    if (this.#notifies && !this.#isOver) {
      this.#notifies = this.bufferedAmount > 0;
      this.#session.receiverDrained();
    }
  }

  /** The response is over there, and all of its bytes have left. */
  left(): void {
    // Middleware there can end a response on its own. What was sent meanwhile has not been written.
    const isWhole = this.#hasSentEnd || this.bufferedAmount === 0;
    if (this.#finish()) {
      if (isWhole) {
        this.#session.receiverFlushed(this);
      } else {
        this.#session.receiverAborted(this, INTERRUPTED);
      }
    }
  }

  /** The client there has broken off, or the link has ended. */
  lost(): void {
    if (this.#finish()) {
      this.#session.receiverAborted(this, INTERRUPTED);
    }
  }

  /** The other node shuts down: the response gets no further frames. A last frame that is on its way serves as well. */
  yield(): void {
    if (this.#end === undefined && !this.#isOver) {
      this.#end = 'yielded';
      this.pump();
      this.#session.receiverReleased(this);
    }
  }

  /** Sends the pieces for which there is room. */
  pump(): void {
    for (let piece = this.#queue[this.#head]; piece !== undefined; piece = this.#queue[this.#head]) {
      if (this.#unwritten + piece.length > WINDOW) {
        return;
      }
      if (this.#link.isFull) {
        this.#onFull(this);
        return;
      }
      this.#shift();
      this.#queuedBytes -= piece.length;
      this.#unwritten += piece.length;
      this.#hasSentEnd = this.#end === 'last frame' && this.#queue.length === 0;
      this.#link.send({ type: 'frame', rid: this.rid, bytes: piece, isLast: this.#hasSentEnd });
    }
    if (this.#end === 'yielded' && !this.#hasSentEnd && !this.#isOver) {
      this.#hasSentEnd = true;
      this.#link.send({ type: 'yielded', rid: this.rid });
    }
  }

  // ---- Inside

  get #format(): Format {
    return this.#row.format;
  }

  #send(frame: string, notifyOnFlush: boolean): void {
    this.#write(Buffer.from(this.#format.wrap(frame, this.#callback)), false, notifyOnFlush);
  }

  /** Sends a frame with its framing. The one that uses the budget up ends the response. */
  #write(wrapped: Buffer, isShared: boolean, notifyOnFlush: boolean): void {
    if (this.#end !== undefined || this.#isOver) {
      return;
    }
    this.confirm();
    this.#notifies ||= notifyOnFlush;
    this.#budget -= wrapped.length;
    if (this.#budget <= 0) {
      this.#end = 'last frame';
    }
    this.#queuedBytes += wrapped.length;
    this.#queue.push(...cutIntoPieces(wrapped, isShared));
    this.pump();
    if (this.#end !== undefined) {
      this.#session.receiverReleased(this);
    }
  }

  /** Removes the first piece. `Array.shift` would move all others, of which there may be a hundred thousand. */
  #shift(): void {
    this.#queue[this.#head] = NO_BYTES;
    this.#head += 1;
    if (this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Returns whether the exchange was under way. */
  #finish(): boolean {
    const wasOver = this.#isOver;
    this.#isOver = true;
    this.#dropQueue();
    this.#unwritten = 0;
    return !wasOver;
  }

  #dropQueue(): void {
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
  }
}
