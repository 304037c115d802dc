/** Complete answers, as plain `node:http`: the same in Express, in Connect and without either. */
import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { debugRequest } from '../util/debug.ts';
import { flushAfterTurn } from '../util/flush-queue.ts';
import { removeHeader, setHeader, writeHead } from './head.ts';

/** A short text. Never carries anything of the request back, since some of these are read as scripts or pages. */
export function sendText(res: ServerResponse, status: number, text: string): void {
  send(res, status, 'text/plain; charset=UTF-8', text);
}

/** An error text, which no browser may take for anything else. */
export function sendError(res: ServerResponse, status: number, text: string): void {
  setHeader(res, 'X-Content-Type-Options', 'nosniff');
  sendText(res, status, text);
}

/** A whole body, with its length, so that the connection can be kept alive. */
export function send(res: ServerResponse, status: number, contentType: string, body: string): void {
  setHeader(res, 'Content-Type', contentType);
  setHeader(res, 'Content-Length', Buffer.byteLength(body));
  writeHead(res, status);
  res.end(body);
}

/** No body at all, and so no Content-Type, but for a 204 that has been given one. */
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
 * As `send`, when the present turn of the event loop is over: with what other requests of the turn get, and not before
 * they are read. Nothing where somebody else, such as a time limit of middleware, has answered by then. Without a body it
 * is that of a 204.
 */
export function sendAfterTurn(context: Closable, status: number, contentType: string, body?: string): void {
  const { res } = context;
  // At once, for whoever sends the head in the meantime.
  res.statusCode = status;
  setHeader(res, 'Content-Type', contentType);
  // Each answer in the context of its own request, not in that of the one which began the turn.
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
      // Not before: it would not be that of what somebody else answers.
      setHeader(res, 'Content-Length', Buffer.byteLength(body));
    }
    writeHead(res, status);
    res.end(body);
  } catch (error) {
    // From what middleware has put in the place of `end`: nobody to hand it to, and no reason to end the process.
    debugRequest('an answer could not be ended: %O', error);
    res.destroy();
  }
}

/** Has the connection closed after this answer. Not on HTTP/2, which has no such header. */
export function setConnectionClose(res: ServerResponse): void {
  if (res.req.httpVersionMajor === 1) {
    setHeader(res, 'Connection', 'close');
  }
}

/** What a shutdown needs to know of an exchange. */
interface Closable {
  readonly endpoint: { readonly shutdown: { readonly isClosing: boolean } };
  readonly res: ServerResponse;
}

/** While the server shuts down no connection is kept alive. Asked when a request comes, and again after any wait. */
export function endConnectionIfClosing({ endpoint, res }: Closable): void {
  if (endpoint.shutdown.isClosing && !res.headersSent) {
    setConnectionClose(res);
  }
}
