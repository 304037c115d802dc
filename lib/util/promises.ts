/** Functions of the application's may be async or not. */

/** Whether a function of the application's answered with a promise, of whatever make. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Keeps a promise where none belongs, and for which nobody waits, from ending the process when it is rejected. */
export function ignoreRejection(value: unknown): void {
  if (isThenable(value)) {
    value.then(undefined, () => {});
  }
}
