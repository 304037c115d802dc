/**
 * Idle sessions of the floors that hold their responses: WebSockets of `ws`, streams, and polls. Nothing is kept of an
 * open session beside its socket, since no message will come.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import { XHR_POLLING, XHR_STREAMING } from '../load/http-formats.ts';
import { answer, SCRIPT } from './floor.ts';
import { run } from './program.ts';

const PRELUDE = Buffer.from(XHR_STREAMING.prelude(''));
const OPEN = XHR_POLLING.wrap('o', '');

/** Begins a response as xhr-streaming does, and leaves it open. */
export function holdStream(req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  res.writeHead(200, { 'Content-Type': SCRIPT });
  res.write(PRELUDE);
  res.write(OPEN);
}

/** Polling sessions that have been opened, and have no poll yet. */
const openedByPoll = new Set<string>();

/** Responds with the open frame to the first request of a session, and leaves the second without an answer. */
export function holdPoll(session: string, req: IncomingMessage, res: ServerResponse): void {
  req.resume();
  if (!openedByPoll.delete(session)) {
    openedByPoll.add(session);
    answer(res, SCRIPT, OPEN);
  }
}

/** Has `ws` take the upgrades of a server, and runs it. */
export function runHeld(server: Server): void {
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => socket.send('o'));
  run(server);
}
