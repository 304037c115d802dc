/** The stream that the response to an upgrade writes to in place of the connection. */
import { Duplex } from 'node:stream';
import type { TimerQueue } from '../util/timer-queue.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import { closeGently } from './sockets.ts';

/**
 * At the first bytes, it asks whether the response goes to the client. Then it forwards all bytes, or discards them.
 */
export class ResponseSocket extends Duplex {
  readonly #target: Duplex;
  readonly #timers: TimerQueue;
  readonly #shouldForward: (first: Buffer) => boolean | undefined;
  #forwards: boolean | undefined;

  /**
   * @param shouldForward called with the first bytes: whether they and all others go to the client; undefined to discard
   *   these, and to be called with the next
   */
  constructor(target: Duplex, timers: TimerQueue, shouldForward: (first: Buffer) => boolean | undefined) {
    super();
    this.#target = target;
    this.#timers = timers;
    this.#shouldForward = shouldForward;
    this.on('error', ignoreSocketError);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#forwards === undefined) {
      this.#forwards = this.#shouldForward(chunk);
      if (this.#forwards) {
        this.#target.resume();
        this.#target.on('close', () => this.destroy());
        this.#target.on('end', () => this.destroy());
      }
    }
    if (this.#forwards) {
      this.#target.write(chunk, callback);
    } else {
      callback();
    }
  }

  override _read(): void {}

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#forwards) {
      closeGently(this.#target, this.#timers);
    }
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#forwards !== false && !this.writableFinished) {
      // The client or the application has cut the response short.
      this.#target.destroy();
    }
    callback(error);
  }

  /** Leaves the connection to others: all bytes are discarded from now on, and it is not closed with this stream. */
  letGo(): void {
    this.#forwards = false;
  }

  /** Lets the connection go, and ends. */
  discard(): void {
    this.letGo();
    this.destroy();
  }

  // Members of a socket that middleware may use. The settings have no effect on a connection that is being upgraded.

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  get remoteAddress(): string | undefined {
    return (this.#target as Duplex & { remoteAddress?: string }).remoteAddress;
  }

  get encrypted(): boolean {
    // In Bun, a connection without TLS has the property, too.
    return (this.#target as Duplex & { encrypted?: boolean }).encrypted === true;
  }
}
