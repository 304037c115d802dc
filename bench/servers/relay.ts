/**
 * Floor: two processes of bare `node:http` and a link of `ws` between them, with no SockJS logic. A request for a session
 * that is not here goes to the other process with a number, its kind, session and body; the answer comes back with that
 * number. All that is sent in a turn of the event loop leaves as one message.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { answer, readBody, SCRIPT } from './floor.ts';
import type { MemberSettings } from './group-settings.ts';
import { control, cpu, LONG, release } from './program.ts';

const POLL = 1;
const SEND = 2;
const FRAME = 3;
const DONE = 4;

/** A session: its poll that waits, or messages that wait for one. */
interface Parked {
  answer: ((body: Buffer) => void) | undefined;
  readonly waiting: Buffer[];
}

/** Kind and number of a message, the lengths of session and body. */
const HEAD = 13;

type Receive = (kind: number, number: number, session: string, body: Buffer) => void;

class Link {
  readonly #socket: WebSocket;
  #queue: Buffer[] = [];

  constructor(socket: WebSocket, receive: Receive) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      for (let at = 0; at < data.length; ) {
        const session = at + HEAD;
        const body = session + data.readUInt32BE(at + 5);
        const end = body + data.readUInt32BE(at + 9);
        receive(
          data[at] ?? 0,
          data.readUInt32BE(at + 1),
          data.toString('latin1', session, body),
          data.subarray(body, end),
        );
        at = end;
      }
    });
  }

  send(kind: number, number: number, session = '', body: Buffer = EMPTY): void {
    const bytes = Buffer.allocUnsafe(HEAD + session.length + body.length);
    bytes[0] = kind;
    bytes.writeUInt32BE(number, 1);
    bytes.writeUInt32BE(session.length, 5);
    bytes.writeUInt32BE(body.length, 9);
    bytes.write(session, HEAD, 'latin1');
    body.copy(bytes, HEAD + session.length);
    if (this.#queue.push(bytes) === 1) {
      setImmediate(() => {
        this.#socket.send(Buffer.concat(this.#queue));
        this.#queue = [];
      });
    }
  }

  /** ms to the other process and back. */
  async roundTrip(): Promise<number> {
    const start = performance.now();
    this.#socket.ping();
    await once(this.#socket, 'pong');
    return performance.now() - start;
  }
}

const EMPTY = Buffer.alloc(0);
const sessions = new Map<string, Parked>();
const responses = new Map<number, ServerResponse>();
let numbers = 0;
let dialled: Link | undefined;

/** Opens a session whose id ends with a number of this process, and relays all other requests. */
function onRequest(req: IncomingMessage, res: ServerResponse, index: number): void {
  const [, , , session = '', endpoint] = (req.url ?? '').split('/');
  if (Number(session.at(-1)) % 2 === index) {
    sessions.set(session, { answer: undefined, waiting: [] });
    answer(res, SCRIPT, 'o\n');
  } else if (endpoint === 'xhr') {
    ask(POLL, session, res);
  } else {
    readBody(req, (body) => ask(SEND, session, res, Buffer.from(body)));
  }
}

function ask(kind: number, session: string, res: ServerResponse, body?: Buffer): void {
  numbers += 1;
  responses.set(numbers, res);
  dialled?.send(kind, numbers, session, body);
}

/** An answer of the other process. */
function onAnswer(kind: number, number: number, _session: string, body: Buffer): void {
  const res = responses.get(number);
  responses.delete(number);
  if (res === undefined) {
    throw new Error(`no request ${number}`);
  }
  if (kind === DONE) {
    res.writeHead(204, { 'Content-Type': 'text/plain; charset=UTF-8' }).end();
  } else {
    res.writeHead(200, { 'Content-Type': SCRIPT, 'Content-Length': body.length }).end(body);
  }
}

/** A request of the other process. */
function onAsked(link: Link, kind: number, number: number, session: string, body: Buffer): void {
  const parked = sessions.get(session);
  if (parked === undefined) {
    throw new Error(`no session ${session}`);
  }
  if (kind === POLL) {
    const waiting = parked.waiting.shift();
    if (waiting === undefined) {
      parked.answer = (message) => link.send(FRAME, number, '', message);
    } else {
      link.send(FRAME, number, '', waiting);
    }
    return;
  }
  link.send(DONE, number);
  const message = Buffer.from(`a${body.toString()}\n`);
  if (parked.answer === undefined) {
    parked.waiting.push(message);
  } else {
    parked.answer(message);
    parked.answer = undefined;
  }
}

async function listen(server: Server, at: string | { port: number; host: string }): Promise<number> {
  server.listen(at);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

async function main({ links, folder, index }: MemberSettings): Promise<void> {
  const linkServer = createServer();
  new WebSocketServer({ server: linkServer, perMessageDeflate: false }).on('connection', (socket) => {
    const link: Link = new Link(socket, (...message) => onAsked(link, ...message));
  });
  const path = join(folder, `relay${index}.sock`);
  const port = await listen(linkServer, links === 'unix' ? path : { port: 0, host: '127.0.0.1' });
  const server = createServer((req, res) => onRequest(req, res, index));
  server.keepAliveTimeout = LONG;
  const listening = {
    port: await listen(server, { port: 0, host: '127.0.0.1' }),
    link: links === 'unix' ? `ws+unix://${path}:/` : `ws://127.0.0.1:${port}/`,
  };
  console.log(JSON.stringify(listening));
  control({
    cpu,
    release,
    peers: async (addresses) => {
      const other: string = JSON.parse(addresses)[1 - index];
      const socket = new WebSocket(other, { perMessageDeflate: false });
      await once(socket, 'open');
      dialled = new Link(socket, onAnswer);
      return 'linked';
    },
    roundTrips: async (count) => {
      const times: (number | undefined)[] = [];
      while (times.length < Number(count)) {
        times.push(await dialled?.roundTrip());
      }
      return JSON.stringify(times);
    },
  });
}

void main(JSON.parse(process.argv[2] ?? ''));
