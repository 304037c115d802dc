/** What the HTTP floors have in common: `/info`, answers of one piece, and bodies. */
import { randomInt } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

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
  res.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body);
}
