/**
 * The head of an answer.
 *
 * Bypass: headers are deferred, and `res.writeHead` is replaced meanwhile.
 *
 * - What: this package collects its headers in one object and gives that to `res.writeHead(status, headers)`. Node then
 *   writes them without storing each by `res.setHeader`.
 * - Gain: without it, `/info` costs 1.05 times as much on Node 26, and a poll 1.02 times.
 * - Guard: {@link deferHeaders} and {@link writeHead} ask whether other code may look at the response, as in every
 *   Express app. If so, each header is set on `res` when it is known.
 * - Not covered: the entries that a PerformanceObserver gets for `http` show no headers. Node does not tell whether one
 *   observes.
 * - Spec: spec/unit/http/head.spec.ts, spec/integration/monitoring.spec.ts, spec/unit/util/pristine.spec.ts.
 * - To switch it off: make `deferHeaders` do nothing.
 *
 * A simpler way was tried: to defer always, to pass everything to `res.writeHead` in the end, to replace nothing and to
 * ask for no listeners. It broke these promises, each of which a spec holds:
 *
 * - Middleware that wraps `end`, `write` or `setHeader` may still add a header there, as it may with `res.send()` of
 *   Express. With the head written first, Node throws ERR_HTTP_HEADERS_SENT.
 * - Listeners of `finish` and `close`, wrappers of `emit`, and subscribers of `http.server.response.finish` read
 *   headers by `res.getHeader()`. Node stores none of those that `writeHead` was given, unless others had been set
 *   before.
 * - A time limit may answer in the place of a poll that waits, by `res.end()` or `res.writeHead()`. Its answer needs
 *   the CORS headers, or the page cannot read it. Only the replaced `writeHead` hears of such an answer.
 */
import { channel } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { MaybeExpressRequest } from './express.ts';
import { isFlushPristine, isHeadPristine, isWriteHeadPristine } from './pristine-response.ts';
import { reportListeners } from './report.ts';

type Headers = Record<string, string | number>;

const DEFERRED_HEADERS = Symbol('express-sockjs.headers');

/** A response whose headers may be deferred. */
interface DeferringResponse extends ServerResponse {
  [DEFERRED_HEADERS]?: Headers | undefined;
  readonly req: MaybeExpressRequest;
}

/**
 * Whether other code may see or change the head of a response whose head is not written, by a method that it has replaced
 * or by a listener.
 *
 * @param own how many listeners of this package there are for `finish`, and for `close`
 */
export function isHeadObserved(res: ServerResponse, own: number): boolean {
  return !writesHead(res) || !isHeadPristine(res) || res.headersSent || !isUnobserved(res, own);
}

/** Begins to defer headers, if nothing can see the difference. Has to be called before any header is set. */
export function deferHeaders(res: DeferringResponse): void {
  // In Express, functions of the application find the response on the request.
  const isDeferred =
    res.req.res === undefined && isWriteHeadPristine(res.writeHead) && !isHeadObserved(res, 0) && !hasHeaders(res);
  if (isDeferred) {
    res[DEFERRED_HEADERS] = {};
    res.writeHead = writeHeadWithDeferred as typeof res.writeHead;
  }
}

function hasHeaders(res: ServerResponse): boolean {
  return res.getHeaderNames().length > 0;
}

/**
 * Whether only this package and Node listen for the end. Others may read headers then, and Node stores none of those
 * that `writeHead` was given.
 *
 * @param own how many listeners of this package there are for `finish`, and for `close`
 */
function isUnobserved(res: ServerResponse, own: number): boolean {
  return (
    // One is Node's own.
    res.listenerCount('finish') <= 1 + own &&
    res.listenerCount('close') <= own + reportListeners(res) &&
    res.listenerCount('prefinish') === 0 &&
    !RESPONSE_FINISH.hasSubscribers
  );
}

/** The channel by which Node tells monitoring of finished responses. */
const RESPONSE_FINISH = channel('http.server.response.finish');

/** The headers deferred so far. Undefined where none are, or where other code has begun to set headers. */
function deferredOn(res: DeferringResponse): Headers | undefined {
  if (res[DEFERRED_HEADERS] !== undefined && hasHeaders(res)) {
    applyDeferredHeaders(res);
  }
  return res[DEFERRED_HEADERS];
}

/** Sets a header of the answer. All callers must write its name in the same case. Throws as `res.setHeader` does. */
export function setHeader(res: DeferringResponse, name: string, value: string | number): void {
  const deferred = deferredOn(res);
  if (deferred === undefined) {
    res.setHeader(name, value);
  } else {
    deferred[name] = value;
  }
}

/**
 * Sets a header to text that the client sent. A lenient parser lets characters through that no answer may hold. Such a
 * value has to throw now, while the request has changed nothing yet.
 */
export function setGivenHeader(res: DeferringResponse, name: string, value: string): void {
  if (!VISIBLE.test(value)) {
    // Node checks what is set at once, and throws unless the options of the server allow such a value.
    applyDeferredHeaders(res);
  }
  setHeader(res, name, value);
}

const VISIBLE = /^[\x20-\x7e]*$/;

/** The value of a header, whether this package or other code has set it. */
export function getHeader(res: DeferringResponse, name: string): string | undefined {
  const value = deferredOn(res)?.[name] ?? res.getHeader(name);
  return value === undefined ? undefined : String(value);
}

/** Removes a header, whether this package or other code has set it. */
export function removeHeader(res: DeferringResponse, name: string): void {
  const deferred = deferredOn(res);
  if (deferred !== undefined) {
    delete deferred[name];
  } else if (res.hasHeader(name)) {
    // Looking costs much less than removing a header that is not there.
    res.removeHeader(name);
  }
}

/**
 * Writes the head, if headers are deferred and still nothing else looks at the response. Otherwise only sets the
 * status: Node writes the head with the body, by methods that other code may have wrapped.
 *
 * @param own how many listeners of this package there are for `finish`, and for `close`
 */
export function writeHead(res: DeferringResponse, status: number, own = 0): void {
  const deferred = res[DEFERRED_HEADERS];
  if (deferred !== undefined && !isHeadObserved(res, own) && !hasHeaders(res)) {
    const inherited = inheritedWriteHead(res);
    res[DEFERRED_HEADERS] = undefined;
    inherited.call(res, status, deferred);
  } else {
    applyDeferredHeaders(res);
    res.statusCode = status;
  }
}

/**
 * Sends the head before the body, if no other code wraps the methods that write and the bytes stay the same. Node would
 * keep a head that leaves with the body in memory as the hundred pieces that it was put together from.
 */
export function flushHead(res: ServerResponse): void {
  if (writesHead(res) && isFlushPristine(res) && hasVisibleHead(res)) {
    res.flushHeaders();
  }
}

/** Whether no other code changes the head of an answer that is about to end, and its bytes are the same in any encoding. */
export function isHeadKnown(res: ServerResponse): boolean {
  // The version first: reading the status message of an HTTP/2 response has Node print a warning.
  return res.req.httpVersionMajor === 1 && writesHead(res) && isHeadPristine(res) && hasVisibleHead(res);
}

/** Whether Node's own `writeHead` writes the head, in the end. */
function writesHead(res: ServerResponse): boolean {
  return isWriteHeadPristine(res.writeHead === writeHeadWithDeferred ? inheritedWriteHead(res) : res.writeHead);
}

/** Whether the bytes of a head are the same in UTF-8, as which Node writes some heads, and in latin1, as others. */
function hasVisibleHead(res: ServerResponse): boolean {
  return [res.statusMessage, ...Object.values(res.getHeaders())].every((text) => VISIBLE.test(String(text)));
}

/** Returns the headers of an answer that are deferred, and that are not any more; undefined where none are. */
export function takeDeferred(res: DeferringResponse): Readonly<Headers> | undefined {
  const deferred = deferredOn(res);
  res[DEFERRED_HEADERS] = undefined;
  return deferred;
}

/** Sets the deferred headers on the response, for other code that is about to see it or to answer. */
export function applyDeferredHeaders(res: DeferringResponse): void {
  const deferred = res[DEFERRED_HEADERS];
  if (deferred === undefined) {
    return;
  }
  res[DEFERRED_HEADERS] = undefined;
  if (res.headersSent) {
    return;
  }
  for (const [name, value] of Object.entries(deferred)) {
    // A header that other code has set is newer than ours and stays. Vary adds up: the answer depends on both.
    if (!res.hasHeader(name)) {
      res.setHeader(name, value);
    } else if (name === 'Vary') {
      res.appendHeader(name, String(value));
    }
  }
}

/** Replaces `res.writeHead` while headers are deferred: if it is called, other code answers, such as a time limit. */
function writeHeadWithDeferred(this: DeferringResponse, ...args: unknown[]): unknown {
  applyDeferredHeaders(this);
  return Reflect.apply(inheritedWriteHead(this), this, args);
}

/** The method behind {@link writeHeadWithDeferred}. Monitoring may have replaced it on the prototype meanwhile. */
function inheritedWriteHead(res: ServerResponse): ServerResponse['writeHead'] {
  const prototype: ServerResponse = Object.getPrototypeOf(res);
  return prototype.writeHead;
}
