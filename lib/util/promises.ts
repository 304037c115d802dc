/** Results of functions of the application, which may be asynchronous. */

/** Whether a value is a promise, of any library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Handles the rejection of a promise that is not awaited. Otherwise it would end the process. */
export function ignoreRejection(value: unknown): void {
  if (isThenable(value)) {
    value.then(undefined, () => {});
  }
}

/** A promise with the two functions that settle it. */
interface Resolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** `Promise.withResolvers()`, which Node 20 lacks. */
export function promiseWithResolvers<T>(): Resolvers<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
