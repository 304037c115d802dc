/** The lines about requests: method, URL, time, and the status, where the answer has ended by then. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CompatOptions } from './options.ts';

type Log = CompatOptions['log'];

/** Streams and polls. They are logged once they are taken up, since they may last for long. */
const RECEIVING = /\/(xhr|xhr_streaming|eventsource|htmlfile|jsonp)\/?(\?|$)/;

/** Logs the answer to a request: after this turn where it may wait for messages, else when it has ended. */
export function logAnswer(log: Log, req: IncomingMessage, res: ServerResponse): void {
  const start = Date.now();
  const url = req.url ?? '';
  const print = () => {
    const status = res.writableEnded ? res.statusCode : '(unfinished)';
    log('info', `${req.method} ${url} ${Date.now() - start}ms ${status}`);
  };
  if (req.method !== 'OPTIONS' && RECEIVING.test(url)) {
    setImmediate(print);
  } else {
    res.once('close', print);
  }
}

/** Logs an upgrade. There is no status to tell. */
export function logUpgrade(log: Log, req: IncomingMessage): void {
  log('info', `${req.method} ${req.url} 0ms (unfinished)`);
}
