/** The bytes of a connection that have arrived and are not read yet. */
export class Unread {
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 0;

  /**
   * Adds bytes.
   *
   * @returns all that is unread; undefined while the reader needs more, so that a large frame is joined once
   */
  add(chunk: Buffer): Buffer | undefined {
    if (this.#have === 0) {
      return chunk;
    }
    this.#pieces.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) {
      return undefined;
    }
    const bytes = Buffer.concat(this.#pieces, this.#have);
    this.#pieces = [];
    this.#have = 0;
    return bytes;
  }

  /** Keeps what is left of the bytes that `add` returned, until there are `need` of them. */
  keep(bytes: Buffer, need: number): void {
    this.#pieces = [bytes];
    this.#have = bytes.length;
    this.#need = need;
  }
}
