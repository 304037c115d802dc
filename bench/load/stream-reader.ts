/** Reads the response of a stream, and compares each byte with what is due. */
import type { HttpConnection } from './http.ts';

export class StreamReader {
  /** Settles when the response has ended. Its connection can be used again. */
  readonly ended: Promise<void>;
  #text = '';
  #due: readonly string[] = [];
  #whenComplete: () => void = () => {};

  /** Sends the request of a stream. */
  constructor(connection: HttpConnection, request: Buffer) {
    connection.onPiece = (piece) => this.#take(piece.toString('latin1'));
    this.ended = connection.ask(request).then(({ status }) => {
      connection.onPiece = undefined;
      if (status !== 200 || this.#due.length > 0) {
        throw new Error(`a stream ended with ${status}; still due: ${JSON.stringify(this.#due)}`);
      }
    });
  }

  /** Settles when one of the texts has come in. Any other byte is an error. */
  expect(...due: readonly string[]): Promise<void> {
    this.#due = due;
    return new Promise((resolve) => {
      this.#whenComplete = resolve;
    });
  }

  #take(piece: string): void {
    this.#text += piece;
    if (!this.#due.some((due) => due.startsWith(this.#text))) {
      throw new Error(`a stream brought ${JSON.stringify(this.#text.slice(-300))}`);
    }
    if (this.#due.includes(this.#text)) {
      this.#text = '';
      this.#due = [];
      this.#whenComplete();
    }
  }
}
