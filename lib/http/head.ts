/**
 * The head of an answer. Setting headers on a response one by one costs a tenth of a poll, so where nobody else has
 * touched the response they are gathered, and written at once. Elsewhere each goes on the response when it is set: whoever
 * wraps a response, listens to it or sets headers of his own finds them there.
 */
import { channel } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { MaybeExpressRequest } from './express.ts';
import { isFlushPristine, isHeadPristine, isWriteHeadPristine } from './pristine-response.ts';

type Headers = Record<string, string | number>;

const DEFERRED_HEADERS = Symbol('express-sockjs.headers');

/** A response on which headers may be gathered. */
interface DeferringResponse extends ServerResponse {
  [DEFERRED_HEADERS]?: Headers | undefined;
  readonly req: MaybeExpressRequest;
}

/** Begins to gather where that makes no difference to anybody; to be called before any header is set. */
export function deferHeaders(res: DeferringResponse): void {
  // In Express, functions of the application find the response on the request.
  const isDeferred =
    res.req.res === undefined && isWriteHeadPristine(res.writeHead) && isUntouched(res) && isUnobserved(res, 0);
  if (isDeferred) {
    res[DEFERRED_HEADERS] = {};
    res.writeHead = writeHeadWithDeferred as typeof res.writeHead;
  }
}

/** Whether monitoring has replaced no method that gathering skips, and no header has been set. */
function isUntouched(res: ServerResponse): boolean {
  return isHeadPristine(res) && !res.headersSent && res.getHeaderNames().length === 0;
}

/**
 * Whether nobody but `own` listeners of ours and one of Node's will hear of the end: whoever does may look at the headers
 * then, and Node keeps none of those that were given to `writeHead`.
 */
function isUnobserved(res: ServerResponse, own: number): boolean {
  return (
    res.listenerCount('finish') <= 1 + own &&
    res.listenerCount('close') <= own &&
    res.listenerCount('prefinish') === 0 &&
    !RESPONSE_FINISH.hasSubscribers
  );
}

/** By which Node tells monitoring of answers. */
const RESPONSE_FINISH = channel('http.server.response.finish');

/** The headers gathered so far, if they still are: no longer once somebody else has begun to set some. */
function deferredOn(res: DeferringResponse): Headers | undefined {
  if (res[DEFERRED_HEADERS] !== undefined && res.getHeaderNames().length > 0) {
    applyDeferredHeaders(res);
  }
  return res[DEFERRED_HEADERS];
}

/** Sets a header of the answer, always to be named in the same letters. Throws as `res.setHeader` does. */
export function setHeader(res: DeferringResponse, name: string, value: string | number): void {
  const deferred = deferredOn(res);
  if (deferred === undefined) {
    res.setHeader(name, value);
  } else {
    deferred[name] = value;
  }
}

/**
 * The same for what a request holds. A lenient parser lets through what no answer may hold, and that is to fail now, when
 * nothing has happened yet.
 */
export function setGivenHeader(res: DeferringResponse, name: string, value: string): void {
  if (!VISIBLE.test(value)) {
    // Node says what is wrong with it, if its options do not allow that as well.
    applyDeferredHeaders(res);
  }
  setHeader(res, name, value);
}

const VISIBLE = /^[\x20-\x7e]*$/;

/** What a header is set to, whoever has set it. */
export function getHeader(res: DeferringResponse, name: string): string | undefined {
  const value = deferredOn(res)?.[name] ?? res.getHeader(name);
  return value === undefined ? undefined : String(value);
}

/** Takes a header back, whoever has set it. */
export function removeHeader(res: DeferringResponse, name: string): void {
  const deferred = deferredOn(res);
  if (deferred !== undefined) {
    delete deferred[name];
  } else if (res.hasHeader(name)) {
    // To look costs much less than to remove what is not there.
    res.removeHeader(name);
  }
}

/**
 * Writes the head where headers were gathered; else it is written with what follows, which others may wrap.
 *
 * @param own how many listeners of ours there are for `finish`, and for `close`
 */
export function writeHead(res: DeferringResponse, status: number, own = 0): void {
  const deferred = res[DEFERRED_HEADERS];
  const inherited = inheritedWriteHead(res);
  const isDeferred =
    deferred !== undefined &&
    res.writeHead === writeHeadWithDeferred &&
    isWriteHeadPristine(inherited) &&
    isUntouched(res) &&
    isUnobserved(res, own);
  if (isDeferred) {
    res[DEFERRED_HEADERS] = undefined;
    inherited.call(res, status, deferred);
  } else {
    applyDeferredHeaders(res);
    res.statusCode = status;
  }
}

/**
 * Sends the head before what follows, where nobody wraps the writing of that and where it makes no difference on the wire:
 * Node would keep a head that leaves with something else as the hundred pieces that it was put together from.
 */
export function flushHead(res: ServerResponse): void {
  const { writeHead, statusMessage } = res;
  const isPlain = (isWriteHeadPristine(writeHead) || writeHead === writeHeadWithDeferred) && isFlushPristine(res);
  // A head that leaves by itself is written as UTF-8, while headers are latin1.
  if (isPlain && [statusMessage, ...Object.values(res.getHeaders())].every((text) => VISIBLE.test(String(text)))) {
    res.flushHeaders();
  }
}

/** Puts what was gathered on the response, which somebody else is going to see or to answer. */
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
    // What somebody else has set is later than ours; but an answer depends on what it depends on.
    if (!res.hasHeader(name)) {
      res.setHeader(name, value);
    } else if (name === 'Vary') {
      res.appendHeader(name, String(value));
    }
  }
}

/** In the place of `res.writeHead`: somebody else answers, such as a time limit. */
function writeHeadWithDeferred(this: DeferringResponse, ...args: unknown[]): unknown {
  applyDeferredHeaders(this);
  return Reflect.apply(inheritedWriteHead(this), this, args);
}

/** What stands behind {@link writeHeadWithDeferred}: monitoring may have replaced it since. */
function inheritedWriteHead(res: ServerResponse): ServerResponse['writeHead'] {
  const prototype: ServerResponse = Object.getPrototypeOf(res);
  return prototype.writeHead;
}
