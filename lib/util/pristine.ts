/**
 * Tells the methods of Node and ws from those that monitoring has put in their place. Monitoring is often loaded before
 * this package, so a method that is found at import may be a wrapper already.
 *
 * Bypass: methods are judged by their source text, which `Function.prototype.toString` returns.
 */
import { EventEmitter } from 'node:events';
import { RUNTIME } from './runtime.ts';

/** Stands for an original that is not known. It is equal to no method. */
export const REPLACED = Symbol('express-sockjs.replaced');

/**
 * Returns `method` if its source text contains `mark`, else {@link REPLACED}. A mark is text that only the original
 * has, such as a call of a function that its module does not export. A Proxy and a bound function have no source text.
 *
 * Where a later version has other text, the method counts as replaced. Then nothing bypasses it, which is slower but
 * never wrong. In a runtime that is not Node, every method counts as replaced: Deno has much of the text of Node, but
 * other sockets below it.
 */
export function pristine<Method>(method: Method, mark: string): Method | typeof REPLACED {
  if (RUNTIME !== 'node' || typeof method !== 'function') {
    return REPLACED;
  }
  // Not `method.toString()`: a wrapper may have its own.
  return Function.prototype.toString.call(method).includes(mark) ? method : REPLACED;
}

/** `EventEmitter.prototype.emit` of Node, else {@link REPLACED}. Node 20, 22, 24 and 26 have the mark. */
export const EMIT = pristine(EventEmitter.prototype.emit, 'events[kErrorMonitor]');

/** The same for `on`. */
export const ON = pristine(EventEmitter.prototype.on, '_addListener(this, type, listener, false)');
