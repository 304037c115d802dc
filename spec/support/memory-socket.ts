/** A connection to a server without a kernel in between: thousands of them cost little, and nothing depends on time. */
import { Duplex } from 'node:stream';

/** The server's end. `server.emit('connection', socket)` gives it to a server of Node's, which takes any stream. */
export class MemorySocket extends Duplex {
  /** As of a socket. */
  bytesRead = 0;
  readonly remoteAddress = '127.0.0.1';
  readonly #sent: Buffer[] = [];

  constructor() {
    // As the sockets of an HTTP server.
    super({ allowHalfOpen: true });
    this.on('error', () => {});
  }

  /** All that the server has written, as latin1. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString('latin1');
  }

  /** A chunk comes from the client; the server may change it in place. */
  bring(chunk: Buffer): void {
    if (!this.destroyed && !this.readableEnded) {
      this.bytesRead += chunk.length;
      this.push(chunk);
    }
  }

  /** The client ends its side. */
  endClient(): void {
    if (!this.destroyed && !this.readableEnded) {
      this.push(null);
    }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#sent.push(Buffer.from(chunk));
    callback();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
