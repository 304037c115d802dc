/** When a WebSocket pings, when it gives up a silent client, and how long its closing may take. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { debugWebSocket } from '../../util/debug.ts';
import { RUNTIME } from '../../util/runtime.ts';
import { DeadlineTimer, type TimerQueue, type TimerTarget } from '../../util/timer-queue.ts';
import { flushTime } from '../flush-time.ts';

/** What bounds one WebSocket; see the options of the same names. */
export interface WebSocketLimits {
  readonly websocketWriteTimeout: number;
  readonly heartbeatDelay: number;
  readonly maxMessageSize: number;
}

/**
 * The timer of one WebSocket. Two things are timed, one after the other:
 *
 * ```
 * open     a round lasts heartbeatDelay ms. At its end:
 *            bytes were read, or reading was paused   the next round starts
 *            no byte was read                         ping; the next round starts when the kernel has taken the ping
 *            no byte was read since that ping         cut the connection
 *
 * closing  the limit is 30 s, and 1 s for each 32 kB that the client has still to read (flush-time.ts). At its end:
 *            fewer bytes are left than before         a new limit, by the bytes that are left
 *            as many are left                         cut the connection
 * ```
 *
 * A base class, since an object of its own would cost each idle session some 100 bytes.
 */
export abstract class KeepAlive implements TimerTarget {
  protected readonly webSocket: WebSocket;
  /** The connection below the WebSocket. */
  protected readonly socket: Socket;
  protected readonly limits: WebSocketLimits;
  readonly #timer: DeadlineTimer;
  #isClosing = false;
  /** Bytes that the client had still to read when the limit on closing was set last. */
  #bytesToFlush = 0;
  /** Bytes read until the last round ended. A message that takes many rounds on a slow connection counts in each. */
  #bytesReadBefore: number;
  #isPaused = false;
  /** Whether this round says nothing against the client: reading was paused, or in Bun the client was heard. */
  #skipRound = false;
  /** Where the ping of a silent round is: `queued` until the kernel has taken it. */
  #ping: 'none' | 'queued' | 'sent' = 'none';

  protected constructor(webSocket: WebSocket, socket: Socket, timers: TimerQueue, limits: WebSocketLimits) {
    this.webSocket = webSocket;
    this.socket = socket;
    this.limits = limits;
    this.#bytesReadBefore = socket.bytesRead;
    this.#timer = new DeadlineTimer(timers, this);
    if (limits.heartbeatDelay > 0) {
      this.#timer.limit(limits.heartbeatDelay);
      this.hearWhereBytesAreNotCounted();
    }
  }

  // Not `#`, as `endRound`.
  /** Bun does not count the bytes of a WebSocket. There whole messages, pings and pongs are the signs of life. */
  private hearWhereBytesAreNotCounted(): void {
    if (RUNTIME === 'bun') {
      const onSign = () => {
        this.#skipRound = true;
      };
      this.webSocket.on('message', onSign).on('ping', onSign).on('pong', onSign);
    }
  }

  /** Bytes that were written and that the kernel has not taken. */
  abstract readonly bufferedAmount: number;

  /** Cuts the connection. */
  abort(): void {
    this.webSocket.terminate();
  }

  protected get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Stops reading, so that TCP slows the client down. */
  protected pauseReading(): void {
    this.#isPaused = true;
    this.webSocket.pause();
  }

  protected resumeReading(): void {
    if (this.#isPaused) {
      this.#isPaused = false;
      // Bytes that came during the pause are read only now, so this round does not count either.
      this.#skipRound = true;
      this.webSocket.resume();
    }
  }

  /** Whether the closing handshake has begun. */
  protected get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Ends the pings, which ws does not send any more, and sets the limit on closing; does nothing when called again.
   *
   * @param isTooSlow the session ends because the client reads too slowly: the limit is then 30 s, however much is left
   */
  protected startClosing(isTooSlow: boolean): void {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#bytesToFlush = this.bufferedAmount;
      this.#timer.limit(flushTime(isTooSlow ? 0 : this.#bytesToFlush));
    }
  }

  /**
   * Calls `write` at once. What it sends leaves in one write to the connection. Where `write` begins to close, the limit on
   * that is by the bytes that the kernel has not taken then.
   */
  gather(write: () => void): void {
    this.socket.cork();
    try {
      write();
    } finally {
      this.socket.uncork();
      const bytesLeft = this.bufferedAmount;
      if (bytesLeft < this.#bytesToFlush) {
        this.#bytesToFlush = bytesLeft;
        this.#timer.limit(flushTime(bytesLeft));
      }
    }
  }

  /** Clears the timer for good: the connection is closed. */
  protected stopTimer(): void {
    this.#isClosing = true;
    this.#bytesToFlush = 0;
    this.#timer.clear();
  }

  /** Called by the timer: a round has ended, or the limit on closing has passed. */
  onTimer(): void {
    if (!this.#isClosing) {
      this.endRound();
      return;
    }
    const bytesLeft = this.bufferedAmount;
    if (bytesLeft < this.#bytesToFlush) {
      this.#bytesToFlush = bytesLeft;
      this.#timer.limit(flushTime(bytesLeft));
    } else {
      debugWebSocket('the peer does not close');
      this.abort();
    }
  }

  // Not `#endRound`: V8 adds 8 bytes to each object for every class of its hierarchy that has `#` methods.
  private endRound(): void {
    const { bytesRead } = this.socket;
    if (this.#skipRound || this.#isPaused || bytesRead !== this.#bytesReadBefore) {
      this.#skipRound = false;
      this.#bytesReadBefore = bytesRead;
      this.#ping = 'none';
    } else if (this.#ping === 'none') {
      this.#ping = 'queued';
      this.webSocket.ping(undefined, undefined, () => {
        this.#ping = 'sent';
        if (!this.#isClosing) {
          this.#timer.limit(this.limits.heartbeatDelay);
        }
      });
    } else if (this.#ping === 'sent') {
      debugWebSocket('the peer is silent');
      this.abort();
      return;
    }
    this.#timer.limit(this.limits.heartbeatDelay);
  }
}
