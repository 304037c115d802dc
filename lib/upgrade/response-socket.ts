/** The stand-in for a connection that the response to an upgrade writes to. */
import { Duplex } from 'node:stream';
import type { TimerQueue } from '../util/timer-queue.ts';
import { ignoreSocketError } from './pending-upgrade.ts';
import { closeGently } from './sockets.ts';

/**
 * What the response to an upgrade writes to in place of the connection: at the first byte it asks whether the answer is
 * for the client, then writes through or throws away.
 */
export class ResponseSocket extends Duplex {
  readonly #target: Duplex;
  readonly #timers: TimerQueue;
  readonly #shouldForward: () => boolean;
  #writesThrough: boolean | undefined;

  constructor(target: Duplex, timers: TimerQueue, shouldForward: () => boolean) {
    super();
    this.#target = target;
    this.#timers = timers;
    this.#shouldForward = shouldForward;
    this.on('error', ignoreSocketError);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#writesThrough === undefined) {
      this.#writesThrough = this.#shouldForward();
      if (this.#writesThrough) {
        this.#target.resume();
        this.#target.on('close', () => this.destroy());
        this.#target.on('end', () => this.destroy());
      }
    }
    if (this.#writesThrough) {
      this.#target.write(chunk, callback);
    } else {
      callback();
    }
  }

  override _read(): void {}

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#writesThrough) {
      closeGently(this.#target, this.#timers);
    }
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#writesThrough !== false && !this.writableFinished) {
      // The answer was cut short, by the client or by the application.
      this.#target.destroy();
    }
    callback(error);
  }

  /** Throws away all that may still come; the connection is no longer for this answer to close. */
  discard(): void {
    this.#writesThrough = false;
    this.destroy();
  }

  /** What middleware may ask of a socket, and a connection that is being upgraded keeps as it is. */
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
    return 'encrypted' in this.#target;
  }
}
