/** The handlers of the receiving endpoints: what each asks of a request, and what it sets on the answer. */
import type { Handler } from '../../context.ts';
import { readCallback } from '../../http/callback.ts';
import { allowEmbedding, protectPage } from '../../http/embedding.ts';
import { setHeader } from '../../http/head.ts';
import { TRANSPORTS } from '../../protocol/transports.ts';
import { HttpTransport } from './http-transport.ts';

/** `xhr`: each response carries one frame. */
export const xhrPolling: Handler = (context) => {
  new HttpTransport(context, TRANSPORTS.xhrPolling, 0).receive(context);
};

/** `xhr_streaming`: one response carries frames up to the response limit. */
export const xhrStreaming: Handler = (context) => {
  new HttpTransport(context, TRANSPORTS.xhrStreaming, context.endpoint.options.responseLimit).receive(context);
};

/** `eventsource`: as `xhrStreaming`. */
export const eventSource: Handler = (context) => {
  new HttpTransport(context, TRANSPORTS.eventSource, context.endpoint.options.responseLimit).receive(context);
};

/** `htmlfile`: as `xhrStreaming`. The response is a page, which must name a callback of its parent. */
export const htmlFile: Handler = (context) => {
  const callback = readCallback(context.req, context.res);
  if (callback !== undefined) {
    // Each frame is an inline script. No hash can allow it, since its text is not known yet.
    protectPage(context, { 'script-src': "'unsafe-inline'" });
    new HttpTransport(context, TRANSPORTS.htmlFile, context.endpoint.options.responseLimit, callback).receive(context);
  }
};

/** `jsonp`: each response is a script, which must name a callback of the page that loads it. */
export const jsonpPolling: Handler = (context) => {
  const callback = readCallback(context.req, context.res);
  if (callback !== undefined) {
    setHeader(context.res, 'X-Content-Type-Options', 'nosniff');
    allowEmbedding(context.res);
    new HttpTransport(context, TRANSPORTS.jsonp, 0, callback).receive(context);
  }
};
