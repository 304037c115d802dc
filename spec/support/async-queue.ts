/** Keeps what arrives until a test asks for it, so that a test can ask late; no sleeping, no polling. */
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

  /** Nothing will come any more: whoever waits, now or later, gets this error once all items are taken. */
  fail(error: Error): void {
    this.#error ??= error;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#error);
    }
  }

  /** The next item, as soon as there is one. */
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

  /** How many items wait to be taken. */
  get size(): number {
    return this.#items.length;
  }
}
