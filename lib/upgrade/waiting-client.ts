/**
 * A client that waits for the response to its upgrade.
 *
 * Bypass: `socket.readableFlowing` is set, which is read-only in the types of Node.
 */
import type { Duplex } from 'node:stream';

/**
 * Reads the bytes that a client sends while its upgrade waits, since Node emits the end of a socket only when it is
 * read. Destroys the socket when the client ends its side: a WebSocket client that does so wants no response any more.
 *
 * Keeps as many bytes as the socket would, then stops reading. Then only the time limit of the upgrade ends the wait.
 */
export class WaitingClient {
  readonly #socket: Duplex;
  readonly #reads: boolean;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  /**
   * @param reads false where the bytes are not those of the WebSocket. Then an end is noticed only where no byte
   * precedes it.
   */
  constructor(socket: Duplex, reads: boolean) {
    this.#socket = socket;
    this.#reads = reads;
    socket.on('end', this.#onEnd);
    if (reads) {
      socket.on('data', this.#onData);
    }
  }

  /** Stops reading, and leaves the socket as Node emitted it: with all bytes, neither flowing nor paused. */
  release(): void {
    const socket = this.#socket;
    socket.off('end', this.#onEnd);
    if (!this.#reads) {
      return;
    }
    socket.off('data', this.#onData);
    // As Node does before it emits `upgrade`. Its types call the property readonly.
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    if (this.#size > 0) {
      socket.unshift(Buffer.concat(this.#chunks));
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= this.#socket.readableHighWaterMark) {
      this.#socket.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };
}
