/** Promises that wait for an event in the order of their calls, until it comes or a signal is aborted. */

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A queue of promises that wait for one kind of event. */
export class Waiters<T> {
  /** Made by the first `wait()`: most sessions never have one. */
  #waiters: Waiter<T>[] | undefined;

  get size(): number {
    return this.#waiters?.length ?? 0;
  }

  /**
   * Waits at the end of the queue. Rejects with the reason of the signal when that is aborted, at once where it was.
   */
  wait(signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stopListening = () => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter<T> = {
        resolve: (value) => {
          stopListening();
          resolve(value);
        },
        reject: (error) => {
          stopListening();
          reject(error);
        },
      };
      const onAbort = () => {
        this.#waiters?.splice(this.#waiters.indexOf(waiter), 1);
        waiter.reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters ??= [];
      this.#waiters.push(waiter);
    });
  }

  /** Resolves the promise that has waited longest. Returns false where none waits. */
  resolveFirst(value: T): boolean {
    const waiter = this.#waiters?.shift();
    waiter?.resolve(value);
    return waiter !== undefined;
  }

  /** Resolves all promises with the value. */
  resolveAll(value: T): void {
    for (const waiter of this.#waiters?.splice(0) ?? []) {
      waiter.resolve(value);
    }
  }

  /** Rejects all promises: the event will not come. `error` makes an error for each. */
  rejectAll(error: () => Error): void {
    for (const waiter of this.#waiters?.splice(0) ?? []) {
      waiter.reject(error());
    }
  }
}
