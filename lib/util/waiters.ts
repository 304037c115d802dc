/** Promises that wait for something to happen, first come first served, and may be given up. */

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Those who wait for one thing. */
export class Waiters<T> {
  /** Made when the first comes: most sessions never have one. */
  #waiting: Waiter<T>[] | undefined;

  get size(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Waits at the end of the line; rejects with the signal's reason when that is, or already was, aborted. */
  wait(signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const settled = () => signal?.removeEventListener('abort', abandon);
      const waiter: Waiter<T> = {
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      const abandon = () => {
        this.#waiting?.splice(this.#waiting.indexOf(waiter), 1);
        waiter.reject(signal?.reason);
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.#waiting ??= [];
      this.#waiting.push(waiter);
    });
  }

  /** Gives the value to whoever waits longest; returns whether there was anybody. */
  resolveFirst(value: T): boolean {
    const waiter = this.#waiting?.shift();
    waiter?.resolve(value);
    return waiter !== undefined;
  }

  /** Gives the value to all. */
  resolveAll(value: T): void {
    for (const waiter of this.#waiting?.splice(0) ?? []) {
      waiter.resolve(value);
    }
  }

  /** Nothing will come. */
  rejectAll(error: () => Error): void {
    for (const waiter of this.#waiting?.splice(0) ?? []) {
      waiter.reject(error());
    }
  }
}
