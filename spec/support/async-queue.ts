/**
 * A queue with promises: a test may ask for an item before or after it arrives. It needs no sleeping and no polling.
 */
export class AsyncQueue<T> {
  readonly #items: T[] = [];
  readonly #waiting: { resolve(item: T): void; reject(error: Error): void }[] = [];
  #error: Error | undefined;

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#items.push(item);
    } else {
      waiting.resolve(item);
    }
  }

  /**
   * No more items will arrive. Once all items are taken, present and later calls of `next()` reject with this error.
   */
  fail(error: Error): void {
    this.#error ??= error;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#error);
    }
  }

  /** Settles with the next item. */
  next(): Promise<T> {
    if (this.#items.length > 0) {
      return Promise.resolve(this.#items.shift() as T);
    }
    if (this.#error !== undefined) {
      return Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Items that have arrived and are not taken. */
  get size(): number {
    return this.#items.length;
  }
}
