/** The handlers of receiving requests. Two transports ask for more than the others, and set headers on the answer. */
import type { Handler } from '../../context.ts';
import { readCallback } from '../../http/callback.ts';
import { allowEmbedding, protectPage } from '../../http/embedding.ts';
import { setHeader } from '../../http/head.ts';
import { type HttpTransportRow, TRANSPORTS } from '../../protocol/transports.ts';
import { HttpTransport } from './http-transport.ts';

/** The handler of a transport that needs nothing but its row of the table. */
export function receiving(transport: HttpTransportRow): Handler {
  return (context) => new HttpTransport(context, transport).receive(context);
}

/** `htmlfile`: the response is a page, which must name a callback of its parent. */
export const htmlFile: Handler = (context) => {
  const callback = readCallback(context.req, context.res);
  if (callback !== undefined) {
    // Each frame is an inline script. No hash can allow it, since its text is not known yet.
    protectPage(context, { 'script-src': "'unsafe-inline'" });
    new HttpTransport(context, TRANSPORTS.htmlFile, callback).receive(context);
  }
};

/** `jsonp`: each response is a script, which must name a callback of the page that loads it. */
export const jsonpPolling: Handler = (context) => {
  const callback = readCallback(context.req, context.res);
  if (callback !== undefined) {
    setHeader(context.res, 'X-Content-Type-Options', 'nosniff');
    allowEmbedding(context.res);
    new HttpTransport(context, TRANSPORTS.jsonp, callback).receive(context);
  }
};
