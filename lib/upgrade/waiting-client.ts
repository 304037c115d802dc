/** A client that waits for the answer to its upgrade. */
import type { Duplex } from 'node:stream';

/**
 * Reads what a client sends ahead while its upgrade waits, since only a socket that is read tells of its end. Destroys
 * the socket when the client has ended it: a client of WebSockets that does so wants no answer any more.
 *
 * Keeps as much as the socket itself would, then stops reading; the time limit of the upgrade bounds the rest.
 */
export class WaitingClient {
  readonly #socket: Duplex;
  readonly #readsAhead: boolean;
  readonly #sentAhead: Buffer[] = [];
  #size = 0;

  /** @param readsAhead false where reading would take from others; then only an end with nothing before it is noticed */
  constructor(socket: Duplex, readsAhead: boolean) {
    this.#socket = socket;
    this.#readsAhead = readsAhead;
    socket.on('end', this.#onEnd);
    if (readsAhead) {
      socket.on('data', this.#onData);
    }
  }

  /** Stops reading, and leaves the socket as Node gave it: all bytes in their order, neither flowing nor paused. */
  release(): void {
    const socket = this.#socket;
    socket.off('end', this.#onEnd);
    if (!this.#readsAhead) {
      return;
    }
    socket.off('data', this.#onData);
    // As Node itself does before it emits `upgrade`; its types call the property readonly.
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    if (this.#size > 0) {
      socket.unshift(Buffer.concat(this.#sentAhead));
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#sentAhead.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= this.#socket.readableHighWaterMark) {
      this.#socket.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };
}
