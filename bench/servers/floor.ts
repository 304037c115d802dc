/** The responses of the HTTP floors: `/info`, and polling reduced to a parked response. */
import { randomInt } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Parked {
  res: ServerResponse | undefined;
  readonly waiting: string[];
}

const sessions = new Map<string, Parked>();

export function info(_req: IncomingMessage, res: ServerResponse): void {
  const entropy = randomInt(0x1_0000_0000);
  answer(
    res,
    'application/json; charset=UTF-8',
    JSON.stringify({ websocket: true, origins: ['*:*'], cookie_needed: false, entropy }),
  );
}

/** Responds `o` to the first request of a session, and parks later requests until there is a message. */
export function poll(session: string, res: ServerResponse): void {
  const parked = sessions.get(session);
  if (parked === undefined) {
    sessions.set(session, { res: undefined, waiting: [] });
    answer(res, SCRIPT, 'o\n');
    return;
  }
  const message = parked.waiting.shift();
  if (message === undefined) {
    parked.res = res;
  } else {
    answer(res, SCRIPT, message);
  }
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

/** Responds 204, then ends the parked response with the message. */
export function send(session: string, req: IncomingMessage, res: ServerResponse): void {
  readBody(req, (body) => {
    res.writeHead(204, { 'Content-Type': 'text/plain; charset=UTF-8' }).end();
    const parked = sessions.get(session);
    if (parked === undefined) {
      throw new Error(`no session ${session}`);
    }
    const message = `a${body}\n`;
    if (parked.res === undefined) {
      parked.waiting.push(message);
    } else {
      answer(parked.res, SCRIPT, message);
      parked.res = undefined;
    }
  });
}

export const SCRIPT = 'application/javascript; charset=UTF-8';

export function answer(res: ServerResponse, type: string, body: string): void {
  res.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body);
}
