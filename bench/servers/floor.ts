/** What the HTTP floors have in common: `/info`, answers of one piece, and bodies. */
import { randomInt } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The argument of a floor that answers with the header lines that a SockJS server adds, of constant values. */
const HEADED = 'headed';

/** Those lines: for every answer, and for a stream. */
export const ADDED: Readonly<Record<string, string>> = process.argv.includes(HEADED)
  ? {
      'Cache-Control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
      Vary: 'Origin',
      'Access-Control-Allow-Origin': '*',
    }
  : {};
export const ADDED_TO_STREAMS = process.argv.includes(HEADED) ? { ...ADDED, 'X-Accel-Buffering': 'no' } : {};

export const SCRIPT = 'application/javascript; charset=UTF-8';
export const PLAIN_TEXT = 'text/plain; charset=UTF-8';

export function info(_req: IncomingMessage, res: ServerResponse): void {
  const entropy = randomInt(0x1_0000_0000);
  answer(
    res,
    'application/json; charset=UTF-8',
    JSON.stringify({ websocket: true, origins: ['*:*'], cookie_needed: false, entropy }),
  );
}

/** Reads the whole body of a request. */
export function readBody(req: IncomingMessage, done: (body: string) => void): void {
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (chunk: string) => {
    body += chunk;
  });
  req.on('end', () => done(body));
}

export function answer(res: ServerResponse, type: string, body: string): void {
  res.writeHead(200, { ...ADDED, 'Content-Type': type, 'Content-Length': body.length }).end(body);
}
