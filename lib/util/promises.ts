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
