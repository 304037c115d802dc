/** How long a peer takes to answer a ping. */

/** What a ping holds that goes out while the answer to a timed one is awaited. Timed ones are empty. */
const UNTIMED = Buffer.from('untimed');

/** Times the pings of a link, one at a time: an answer never counts for a later ping. */
export class RoundTrip {
  /** When the timed ping went out whose answer has not come. */
  #since: number | undefined;
  #last: number | undefined;

  /** ms of the last one; of the one that is under way, once that has taken longer. Undefined until a first one is over. */
  get ms(): number | undefined {
    const underWay = this.#since === undefined ? 0 : performance.now() - this.#since;
    return this.#last === undefined ? undefined : Math.max(this.#last, underWay);
  }

  /** Returns what the ping is to hold that goes out now. */
  onPing(): Buffer | undefined {
    if (this.#since !== undefined) {
      return UNTIMED;
    }
    this.#since = performance.now();
    return undefined;
  }

  /** An answer has come, with what its ping held. */
  onPong(data: Buffer): void {
    if (this.#since !== undefined && data.length === 0) {
      this.#last = performance.now() - this.#since;
      this.#since = undefined;
    }
  }
}
