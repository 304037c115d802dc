/** Complete answers, as plain `node:http`: the same in Express, in Connect and without either. */
import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { debugRequest } from '../debug.ts';
import { flushAfterTurn } from '../flush-queue.ts';

/** A short text. Never carries anything of the request back, since some of these are read as scripts or pages. */
export function sendText(res: ServerResponse, status: number, text: string): void {
  send(res, status, 'text/plain; charset=UTF-8', text);
}

/** An error text, which no browser may take for anything else. */
export function sendError(res: ServerResponse, status: number, text: string): void {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  sendText(res, status, text);
}

/** A whole body, with its length, so that the connection can be kept alive. */
export function send(res: ServerResponse, status: number, contentType: string, body: string): void {
  setHead(res, status, contentType, body);
  res.end(body);
}

function setHead(res: ServerResponse, status: number, contentType: string, body: string | undefined): void {
  res.statusCode = status;
  res.setHeader('Content-Type', contentType);
  if (body !== undefined) {
    res.setHeader('Content-Length', Buffer.byteLength(body));
  }
}

/** No body at all, and so no Content-Type, but for a 204 that has been given one. */
export function sendEmpty(res: ServerResponse, status: number): void {
  res.statusCode = status;
  if (status !== 204) {
    res.removeHeader('Content-Type');
  }
  if (status !== 204 && status !== 304) {
    res.setHeader('Content-Length', 0);
  }
  res.end();
}

/**
 * As `send`, when the present turn of the event loop is over: with what other requests of the turn get, and not before
 * they are read. Nothing where somebody else, such as a time limit of middleware, has answered by then. The head is set at
 * once; without a body it is that of a 204.
 */
export function sendAfterTurn(exchange: Closable, status: number, contentType: string, body?: string): void {
  setHead(exchange.res, status, contentType, body);
  // Each answer in the context of its own request, not in that of the one which began the turn.
  const context = new AsyncResource('sockjs.answer');
  flushAfterTurn({ flush: () => context.runInAsyncScope(endNow, undefined, exchange, body) });
}

function endNow(exchange: Closable, body: string | undefined): void {
  const { res } = exchange;
  if (res.writableEnded || res.destroyed) {
    return;
  }
  try {
    endConnectionIfClosing(exchange);
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
    res.setHeader('Connection', 'close');
  }
}

/** What a shutdown needs to know of an exchange. */
interface Closable {
  readonly mount: { readonly sessions: { readonly isClosing: boolean } };
  readonly res: ServerResponse;
}

/** While the server shuts down no connection is kept alive. Asked when a request comes, and again after any wait. */
export function endConnectionIfClosing({ mount, res }: Closable): void {
  if (mount.sessions.isClosing && !res.headersSent) {
    setConnectionClose(res);
  }
}
