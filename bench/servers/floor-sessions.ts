/** The sessions of the HTTP floors, reduced to a response that waits, or is a stream, and frames that wait for one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CLOSE_FRAME, type HttpFormat, XHR_POLLING } from '../load/http-formats.ts';
import { CLOSE_PREFIX } from './close-prefix.ts';
import { ADDED, ADDED_TO_STREAMS, answer, PLAIN_TEXT, readBody, SCRIPT } from './floor.ts';

interface Session {
  /** Takes the next frame. Undefined between two polls. */
  take: ((frame: string) => void) | undefined;
  readonly waiting: string[];
}

const sessions = new Map<string, Session>();

/** Responds with the open frame to the first request of a session, and parks later requests until there is a frame. */
export function poll(id: string, res: ServerResponse, { wrap }: HttpFormat = XHR_POLLING, callback = ''): void {
  const session = sessions.get(id);
  if (session === undefined) {
    sessions.set(id, { take: undefined, waiting: [] });
    answer(res, SCRIPT, wrap('o', callback));
    return;
  }
  session.take = (frame) => {
    session.take = undefined;
    answer(res, SCRIPT, wrap(frame, callback));
    if (frame === CLOSE_FRAME) {
      sessions.delete(id);
    }
  };
  const frame = session.waiting.shift();
  if (frame !== undefined) {
    session.take(frame);
  }
}

/** Responds with prelude and open frame, and goes on with all frames of the session. */
export function stream(
  id: string,
  res: ServerResponse,
  type: string,
  { prelude, wrap }: HttpFormat,
  callback = '',
): void {
  const take = (frame: string) => {
    if (frame === CLOSE_FRAME) {
      res.end(wrap(frame, callback));
    } else {
      res.write(wrap(frame, callback));
    }
  };
  sessions.set(id, { take, waiting: [] });
  res.on('close', () => sessions.delete(id));
  res.writeHead(200, { ...ADDED_TO_STREAMS, 'Content-Type': type });
  res.write(prelude(callback));
  take('o');
}

/** Makes the frame of messages from a JSON array of them. */
export type FrameOf = (messages: string) => string;

/** Neither parses nor quotes. */
const asTheyAre: FrameOf = (messages) => `a${messages}`;

/** Responds 204, then sends the messages back. */
export function send(id: string, req: IncomingMessage, res: ServerResponse, frameOf: FrameOf = asTheyAre): void {
  readBody(req, (body) => {
    res.writeHead(204, { ...ADDED, 'Content-Type': PLAIN_TEXT }).end();
    echo(id, body, frameOf);
  });
}

/** As `send`, for a form whose field `d` has the messages. */
export function sendForm(id: string, req: IncomingMessage, res: ServerResponse, frameOf: FrameOf = asTheyAre): void {
  readBody(req, (body) => {
    answer(res, PLAIN_TEXT, 'ok');
    echo(id, decodeURIComponent(body.slice('d='.length)), frameOf);
  });
}

const CLOSING = `["${CLOSE_PREFIX}`;

/** @param messages a JSON array */
function echo(id: string, messages: string, frameOf: FrameOf): void {
  const session = sessions.get(id);
  if (session === undefined) {
    throw new Error(`no session ${id}`);
  }
  push(session, frameOf(messages));
  if (messages.startsWith(CLOSING)) {
    push(session, CLOSE_FRAME);
  }
}

function push({ take, waiting }: Session, frame: string): void {
  if (take === undefined) {
    waiting.push(frame);
  } else {
    take(frame);
  }
}
