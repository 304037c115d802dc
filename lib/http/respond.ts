/** Complete answers by plain `node:http`, so that they are the same in Express, in Connect and without either. */
import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { debugRequest } from '../util/debug.ts';
import { flushAfterTurn } from '../util/flush-queue.ts';
import { removeHeader, setHeader, writeHead } from './head.ts';

/** The type of a short text. */
export const PLAIN_TEXT = 'text/plain; charset=UTF-8';

/**
 * Answers a short text. It must not repeat anything of the request: browsers read some of these as scripts or pages.
 */
export function sendText(res: ServerResponse, status: number, text: string): void {
  send(res, status, PLAIN_TEXT, text);
}

/** Answers an error text, which `nosniff` keeps browsers from reading as anything else. */
export function sendError(res: ServerResponse, status: number, text: string): void {
  setHeader(res, 'X-Content-Type-Options', 'nosniff');
  sendText(res, status, text);
}

/** Answers a whole body, with its length, so that the connection can be kept alive. */
export function send(res: ServerResponse, status: number, contentType: string, body: string): void {
  setHeader(res, 'Content-Type', contentType);
  setHeader(res, 'Content-Length', Buffer.byteLength(body));
  writeHead(res, status);
  res.end(body);
}

/** Answers without a body. Removes Content-Type, except from a 204, for which the protocol has one. */
export function sendEmpty(res: ServerResponse, status: number): void {
  if (status !== 204) {
    removeHeader(res, 'Content-Type');
  }
  if (status !== 204 && status !== 304) {
    setHeader(res, 'Content-Length', 0);
  }
  writeHead(res, status);
  res.end();
}

/**
 * Answers as `send` does, once this turn of the event loop is over: all requests of the turn are read before any answer
 * is written. Does nothing if other code, such as a time limit of middleware, has answered by then.
 *
 * @param body left out for a status without a body, such as 204
 */
export function sendAfterTurn(context: Closable, status: number, contentType: string, body?: string): void {
  const { res } = context;
  // Set now, since other code may send the head before the turn is over.
  res.statusCode = status;
  setHeader(res, 'Content-Type', contentType);
  // The flush runs in the async context of the turn's first request; each answer has to run in its own.
  const asyncContext = new AsyncResource('sockjs.answer');
  flushAfterTurn({ flush: () => asyncContext.runInAsyncScope(endNow, undefined, context, status, body) });
}

function endNow(context: Closable, status: number, body: string | undefined): void {
  const { res } = context;
  if (res.writableEnded || res.destroyed) {
    return;
  }
  try {
    endConnectionIfClosing(context);
    if (body !== undefined && !res.headersSent) {
      // Not set earlier: if other code had answered, its body would have another length.
      setHeader(res, 'Content-Length', Buffer.byteLength(body));
    }
    writeHead(res, status);
    res.end(body);
  } catch (error) {
    // Thrown by a wrapper of `end`. `next` can answer no more, and the process must not end for it.
    debugRequest('an answer could not be ended: %O', error);
    res.destroy();
  }
}

/** Has Node close the connection after this answer. Does nothing on HTTP/2, which forbids the header. */
export function setConnectionClose(res: ServerResponse): void {
  if (res.req.httpVersionMajor === 1) {
    setHeader(res, 'Connection', 'close');
  }
}

/** The part of a request context that says whether the server shuts down. */
interface Closable {
  readonly endpoint: { readonly shutdown: { readonly isClosing: boolean } };
  readonly res: ServerResponse;
}

/** Has the connection closed after this answer while the server shuts down. To be called again after each wait. */
export function endConnectionIfClosing({ endpoint, res }: Closable): void {
  if (endpoint.shutdown.isClosing && !res.headersSent) {
    setConnectionClose(res);
  }
}
