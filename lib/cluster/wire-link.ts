/** A link on a WebSocket between two nodes that have proved who they are. */
import type { Duplex } from 'node:stream';
import { debugWebSocket } from '../util/debug.ts';
import { flushAfterTurn } from '../util/flush-queue.ts';
import { RUNTIME } from '../util/runtime.ts';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { WebSocket } from '../util/ws.ts';
import type { ClusterMetrics, MeasuredLink } from './cluster-metrics.ts';
import { type FieldReader, FieldWriter } from './fields.ts';
import type { Link, LinkHandler } from './link.ts';
import type { LinkEnd } from './link-cause.ts';
import { encode, LinkError, MAX_MESSAGE_BYTES } from './link-codec.ts';
import { LinkDecoder } from './link-decoder.ts';
import type { LinkMessage, RequestId } from './messages.ts';
import { RoundTrip } from './round-trip.ts';

/** What bounds each link of a node. */
export interface LinkLimits {
  /** The timers of the endpoint. */
  readonly timers: TimerQueue;
  /** ms without a sign of life after which a link ends. */
  readonly nodeTimeout: number;
  /** Bytes that wait on a link, from which on it takes no frames. */
  readonly maxQueuedBytes: number;
  /** What the links of the node count on. */
  readonly metrics: ClusterMetrics;
}

/** An open WebSocket whose two ends have proved who they are. */
export interface ProvenSocket {
  readonly webSocket: WebSocket;
  /** The connection below the WebSocket. */
  readonly socket: Duplex;
  /** The id of the node at the other end. */
  readonly peer: string;
  /** The version of the link protocol that both speak. */
  readonly version: number;
}

/** Makes the handler of a new link. Nothing happens on the link before it returns. */
export type ServeLink<Sent extends LinkMessage, Received extends LinkMessage> = (
  link: WireLink<Sent, Received>,
) => LinkHandler<Received>;

/**
 * Bytes of a WebSocket message. What is queued in a turn of the event loop leaves as one, unless it is more: so ws at
 * the other end, which waits for a whole message, never holds more than this.
 */
export const MAX_WEBSOCKET_MESSAGE = 1024 * 1024;

/** Pings while a peer may stay silent. */
const PINGS = 4;

/** What the ping of `delivered()` holds. */
const BEHIND_ALL = Buffer.from('delivered');

/** Settings of ws for both ends of a link. */
export const WEBSOCKET_SETTINGS = {
  perMessageDeflate: false,
  maxPayload: MAX_WEBSOCKET_MESSAGE,
  // Links do not fragment their messages. Tiny chunks would cost ws far more memory than their bytes.
  maxFragments: 1,
  maxBufferedChunks: 16_384,
} as const;

/** A link. Everything that the peer can do ends it at worst. */
export class WireLink<Sent extends LinkMessage, Received extends LinkMessage> implements Link<Sent>, MeasuredLink {
  readonly peer: string;
  readonly #webSocket: WebSocket;
  readonly #version: number;
  readonly #decoder: LinkDecoder<Received>;
  readonly #limits: LinkLimits;
  readonly #isRequester: boolean;
  readonly #pingTimer: DeadlineTimer;
  readonly #silenceTimer: DeadlineTimer;
  readonly #roundTrip = new RoundTrip();
  readonly #onEnded: () => void;
  #handler: LinkHandler<Received> | undefined;
  #endCause: LinkEnd | undefined;
  /** Has the messages that ws has not got. */
  readonly #writer = new FieldWriter(MAX_MESSAGE_BYTES);
  #isFlushQueued = false;
  /** Whether messages wait for the kernel to take what ws has. */
  #isHeld = false;
  /** Whether the handler waits for `onWritable()`. */
  #wasFull = false;
  /** Bytes that were queued since the link became full. */
  #overrun = 0;
  /** Whether the kernel has not taken the last ping. */
  #isPingQueued = false;
  /** Those who wait for the answers to pings, in the order of these. */
  readonly #deliveries: (() => void)[] = [];
  /** The highest request id so far. */
  #highestRid: RequestId = 0;

  /**
   * @param side which side this node is: a requester has dialled, an owner was dialled
   * @param readMessage reads what the other side may send
   * @param onEnded called when the link has ended, before its handler hears of it
   */
  constructor(
    { webSocket, socket, peer, version }: ProvenSocket,
    limits: LinkLimits,
    side: 'requester' | 'owner',
    readMessage: (reader: FieldReader) => Received,
    onEnded: () => void = () => {},
  ) {
    this.peer = peer;
    this.#webSocket = webSocket;
    this.#version = version;
    this.#limits = limits;
    this.#isRequester = side === 'requester';
    this.#decoder = new LinkDecoder(version, readMessage);
    this.#onEnded = onEnded;
    this.#pingTimer = new DeadlineTimer(limits.timers, { onTimer: () => this.#ping() });
    this.#silenceTimer = new DeadlineTimer(limits.timers, { onTimer: () => this.endBy('silent') });
    this.#pingTimer.set(limits.nodeTimeout / PINGS);
    this.#silenceTimer.limit(limits.nodeTimeout);
    webSocket.on('message', (data: unknown, isBinary: boolean) => this.#receive(isBinary ? data : undefined));
    webSocket.on('error', () => this.endBy('malformed'));
    webSocket.on('close', () => this.endBy('peer'));
    webSocket.on('pong', (data: Buffer) => this.#onPong(data));
    socket.on('end', () => this.endBy('peer'));
    const onSign = () => this.#onSignOfLife();
    if (RUNTIME === 'bun') {
      // Bun's ws reads past the socket, which emits no data. Pongs alone come four times in `nodeTimeout`.
      webSocket.on('message', onSign).on('ping', onSign).on('pong', onSign);
    } else {
      // Behind the listener of ws, which has then seen a close frame in the chunk. No node sends one on a link.
      socket.on('data', onSign);
    }
  }

  /** Why the link has ended; undefined while it has not. Set before `onEnd()` is called. */
  get endCause(): LinkEnd | undefined {
    return this.#endCause;
  }

  get direction(): 'dialled' | 'accepted' {
    return this.#isRequester ? 'dialled' : 'accepted';
  }

  get queuedBytes(): number {
    return this.#writer.length + this.#webSocket.bufferedAmount;
  }

  get roundTrip(): number | undefined {
    return this.#roundTrip.ms;
  }

  get isFull(): boolean {
    const isFull = this.#endCause !== undefined || this.queuedBytes >= this.#limits.maxQueuedBytes;
    this.#wasFull ||= isFull;
    return isFull;
  }

  /** Has the link served. Called once, before the turn ends in which the link was made. */
  open(serve: ServeLink<Sent, Received>): void {
    let handler: LinkHandler<Received> | undefined;
    this.#limits.metrics.linkOpened(this);
    this.#guard(() => {
      handler = serve(this);
    });
    if (this.#endCause === undefined) {
      this.#handler = handler;
    } else {
      this.#tellEnd(handler);
    }
  }

  send(message: Sent): void {
    if (this.#endCause !== undefined) {
      return;
    }
    const isFull = this.isFull;
    const before = this.#writer.length;
    encode(this.#writer, message, this.#version);
    this.#overrun = isFull ? this.#overrun + this.#writer.length - before : 0;
    if (message.type === 'attach' || message.type === 'send') {
      this.#highestRid = Math.max(this.#highestRid, message.rid);
      this.#limits.metrics.relayed('relayedOut', message.type);
    }
    if (!this.#isFlushQueued) {
      this.#isFlushQueued = true;
      flushAfterTurn(this);
    }
  }

  delivered(): Promise<void> {
    if (this.#endCause !== undefined) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#deliveries.push(resolve);
      this.#write(this.#writer.take());
      // ws answers it when it has passed on all that came before.
      this.#webSocket.ping(BEHIND_ALL);
    });
  }

  end(): void {
    this.endBy('closed');
  }

  /** Ends the link at once, for the given cause. Does nothing once it has ended. */
  endBy(cause: LinkEnd): void {
    if (this.#endCause !== undefined) {
      return;
    }
    this.#endCause = cause;
    debugWebSocket('the link with node %s has ended: %s', this.peer, cause);
    this.#limits.metrics.linkEnded(this, cause);
    this.#writer.take();
    this.#pingTimer.clear();
    this.#silenceTimer.clear();
    this.#webSocket.terminate();
    for (const resolve of this.#deliveries.splice(0)) {
      resolve();
    }
    this.#onEnded();
    this.#tellEnd(this.#handler);
  }

  /** For the flush queue, at the end of a turn: sends what was queued in it. */
  flush(): void {
    this.#isFlushQueued = false;
    if (this.#endCause !== undefined) {
      return;
    }
    if (this.#overrun > this.#limits.maxQueuedBytes) {
      this.endBy('overrun');
      return;
    }
    // Each message of ws that waits costs some hundred bytes beyond its own. So ws gets no more of them.
    this.#isHeld = this.#webSocket.bufferedAmount >= this.#limits.maxQueuedBytes;
    if (!this.#isHeld) {
      this.#write(this.#writer.take());
    }
  }

  #write(bytes: Buffer): void {
    this.#limits.metrics.bytesOut += bytes.length;
    for (let start = 0; start < bytes.length; start += MAX_WEBSOCKET_MESSAGE) {
      this.#webSocket.send(bytes.subarray(start, start + MAX_WEBSOCKET_MESSAGE), this.#onSent);
    }
  }

  /** The kernel has taken some bytes. */
  readonly #onSent = (): void => {
    if (this.#isHeld) {
      this.flush();
    }
    if (this.#wasFull && !this.isFull) {
      this.#wasFull = false;
      this.#guard(() => this.#handler?.onWritable());
    }
  };

  #receive(data: unknown): void {
    if (this.#endCause !== undefined) {
      // ws still parses the rest of a chunk.
      return;
    }
    this.#guard(() => {
      if (!Buffer.isBuffer(data)) {
        throw new LinkError('a message is text');
      }
      this.#limits.metrics.bytesIn += data.length;
      this.#decoder.push(data);
      while (this.#endCause === undefined) {
        const message = this.#decoder.next();
        if (message === undefined) {
          return;
        }
        this.#checkRid(message);
        this.#handler?.onMessage(message);
      }
    });
  }

  /** Request ids rise by one. A higher one than any before would speak of a request that is still to come. */
  #checkRid(message: LinkMessage): void {
    if (!('rid' in message)) {
      return;
    }
    if (message.type === 'attach' || message.type === 'send') {
      this.#highestRid += 1;
      if (message.rid !== this.#highestRid) {
        throw new LinkError(`request ${message.rid} comes in the place of ${this.#highestRid}`);
      }
      this.#limits.metrics.relayed('relayedIn', message.type);
    } else if (message.rid > this.#highestRid) {
      throw new LinkError(`there is no request ${message.rid}`);
    }
  }

  #onSignOfLife(): void {
    this.#silenceTimer.postpone(performance.now());
    if (this.#webSocket.readyState !== WebSocket.OPEN) {
      this.endBy('peer');
    }
  }

  #ping(): void {
    if (!this.#isPingQueued) {
      this.#isPingQueued = true;
      this.#webSocket.ping(this.#roundTrip.onPing(), undefined, () => {
        this.#isPingQueued = false;
      });
    }
    this.#pingTimer.set(this.#limits.nodeTimeout / PINGS);
  }

  #onPong(data: Buffer): void {
    if (data.equals(BEHIND_ALL)) {
      this.#deliveries.shift()?.();
    } else {
      this.#roundTrip.onPong(data);
    }
  }

  /** Ends the link where the peer or the handler is at fault. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      debugWebSocket('on the link with node %s: %s', this.peer, error);
      this.endBy(error instanceof LinkError ? 'malformed' : 'failed');
    }
  }

  #tellEnd(handler: LinkHandler<Received> | undefined): void {
    try {
      handler?.onEnd();
    } catch (error) {
      debugWebSocket('at the end of the link with node %s: %s', this.peer, error);
    }
  }
}
