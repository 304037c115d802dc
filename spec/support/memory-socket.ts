/** A connection in memory, without the kernel. A test can use thousands of them, and none depends on time. */
import { Duplex } from 'node:stream';

/** The server's end. `server.emit('connection', socket)` passes it to a server of Node, which accepts any stream. */
export class MemorySocket extends Duplex {
  /** As in net.Socket. */
  bytesRead = 0;
  readonly remoteAddress = '127.0.0.1';
  readonly #sent: Buffer[] = [];

  constructor() {
    // As the sockets of an HTTP server.
    super({ allowHalfOpen: true });
    this.on('error', () => {});
  }

  /** All bytes that the server has written, as latin1. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString('latin1');
  }

  /** Delivers a chunk from the client. The server may change it in place. */
  bring(chunk: Buffer): void {
    if (!this.destroyed && !this.readableEnded) {
      this.bytesRead += chunk.length;
      this.push(chunk);
    }
  }

  /** Ends the client's side. */
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
