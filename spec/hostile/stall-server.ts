/** A program: SockJS endpoints with short limits, in a process whose event loop the harness blocks on command. */
// First, since it replaces the clock that the package uses.
import './fast-clock.ts';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import { attachUpgrade, type Session, type SessionHandler, type SockjsOptions, sockjs } from '../../lib/index.ts';
import { options, realTime } from './fast-clock.ts';
import { BIG_BYTES, type Command, type Report } from './stall-protocol.ts';

/** ms between two reports that the event loop runs, and ms of a gap that counts as a stall. */
const TICK = 20;
const STALLED_GAP = 100;

/** Also the response limit of `/echo`: each broadcast ends every response there. */
const BROADCAST_BYTES = 1024;

const { limit } = options;
const { setTimeout, setInterval, now } = realTime;

function sendReport(report: Report): void {
  process.send?.(report);
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the event loop. It sleeps, since the clients need the processor. */
function block(ms: number): void {
  sendReport({ kind: 'stalling' });
  if (ms > 0) {
    Atomics.wait(cell, 0, 0, ms);
  }
  sendReport({ kind: 'stalled' });
}

/** A stall that waits for its moment. */
let pendingStall:
  | { readonly moment: 'request' | 'message'; readonly ms: number; readonly timer: NodeJS.Timeout }
  | undefined;

function blockIfPending(moment: 'request' | 'message'): void {
  if (pendingStall?.moment === moment) {
    const { ms, timer } = pendingStall;
    pendingStall = undefined;
    clearTimeout(timer);
    block(ms);
  }
}

let queries = 0;
const answers = new Map<number, () => void>();

/**
 * Queries the harness, as an application queries a database. Node reads the answer from a socket, after timers have
 * run.
 */
function query(by: string): Promise<void> {
  queries += 1;
  const number = queries;
  sendReport({ kind: 'query', query: number, by });
  return new Promise((resolve) => answers.set(number, resolve));
}

let broadcasts = 0;

function broadcastText(): string {
  return `b${broadcasts}`;
}

function idOf(session: Session): string {
  const url = new URL(session.request.url ?? '', 'http://localhost');
  return session.id || (url.searchParams.get('id') ?? '');
}

/** Sends a new session the number of the last broadcast, and reports to the harness when the session ends. */
function announce(session: Session): void {
  session.send(broadcastText());
  session.on('close', ({ code, reason, wasClean }) => {
    sendReport({ kind: 'closed', id: idOf(session), code, reason, wasClean });
  });
}

/**
 * Returns a function that checks the number of a message and answers it with two messages, the first padded to `bytes`.
 */
function numbered(session: Session, bytes = 0): (message: string) => void {
  let expected = 0;
  let sent = 0;
  return (message) => {
    if (message !== String(expected)) {
      const id = idOf(session);
      sendReport({ kind: 'wrong', id, text: `${session.transport} ${id}: got ${message} in place of ${expected}` });
    }
    expected += 1;
    session.send(String(sent).padEnd(bytes));
    session.send(String(sent + 1));
    sent += 2;
  };
}

const onListening: SessionHandler = (session) => {
  announce(session);
  const take = numbered(session);
  session.on('message', (message) => {
    take(message);
    blockIfPending('message');
  });
};

const onBig: SessionHandler = (session) => {
  announce(session);
  const take = numbered(session, BIG_BYTES);
  session.on('message', (message) => {
    take(message);
    sendReport({ kind: 'seen', tag: idOf(session) });
  });
};

const onReading: SessionHandler = async (session) => {
  announce(session);
  const take = numbered(session);
  for await (const message of session) {
    await query(idOf(session));
    take(message);
  }
};

const onUnread: SessionHandler = (session) => {
  announce(session);
  return new Promise(() => {});
};

const common: SockjsOptions = {
  rawWebsocket: true,
  disconnectDelay: limit,
  heartbeatDelay: limit,
  receiveTimeout: limit,
  receiveStallTimeout: limit,
  websocketWriteTimeout: limit,
};
const authorize = async (req: IncomingMessage) => {
  await query(req.url ?? '');
  return true;
};
const endpoints = {
  '/echo': sockjs({ ...common, responseLimit: BROADCAST_BYTES }, onListening),
  '/big': sockjs(common, onBig),
  '/read': sockjs({ ...common, maxReceiveBuffer: 1 }, onReading),
  '/gate': sockjs({ ...common, authorize }, onListening),
  '/unread': sockjs({ ...common, maxReceiveBuffer: 1 }, onUnread),
};
const routers = Object.values(endpoints);

function broadcast(): void {
  broadcasts += 1;
  const text = broadcastText().padEnd(BROADCAST_BYTES);
  for (const router of routers) {
    router.broadcast(text);
  }
  sendReport({ kind: 'broadcast', number: broadcasts });
}

const app = express();
app.use((req, _res, next) => {
  blockIfPending('request');
  const tag = req.headers['x-soak'];
  if (typeof tag === 'string') {
    sendReport({ kind: 'seen', tag });
  }
  next();
});
// Queries as middleware may do that authorizes clients. The time counts towards `upgradeTimeout`.
const queryFirst: RequestHandler = (req, _res, next) => {
  query(req.originalUrl).then(() => next(), next);
};
app.get('/gate/websocket', queryFirst);
app.get('/gate/:server/:session/websocket', queryFirst);
app.use('/never', (req) => {
  sendReport({ kind: 'seen', tag: req.originalUrl });
});
for (const [path, router] of Object.entries(endpoints)) {
  app.use(path, router);
}

const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, app);
// Node's own limit would end idle connections.
server.keepAliveTimeout = 3_600_000;
attachUpgrade(server, { upgradeTimeout: limit });

function stall(moment: string, ms: number, fallback: number): void {
  if (moment === 'request' || moment === 'message') {
    pendingStall = { moment, ms, timer: setTimeout(() => blockIfPending(moment), fallback) };
  } else if (moment === 'broadcast') {
    broadcast();
    setImmediate(() => block(ms));
  } else {
    setTimeout(() => {
      block(ms);
      if (moment === 'twice') {
        setImmediate(() => block(ms));
      }
    }, 1);
  }
}

function close(timeout: number, ms: number): void {
  const closed = Promise.all(routers.map((router) => router.close({ timeout })));
  closed.then(
    (results) => sendReport({ kind: 'shut', dropped: results.reduce((sum, { dropped }) => sum + dropped, 0) }),
    (error: unknown) => sendReport({ kind: 'wrong', id: '', text: `router.close() rejected: ${String(error)}` }),
  );
  setImmediate(() => block(ms));
}

process.on('message', (command: Command) => {
  switch (command.do) {
    case 'stall':
      stall(command.moment, command.ms, command.fallback);
      break;
    case 'broadcast':
      broadcast();
      break;
    case 'answer':
      answers.get(command.query)?.();
      answers.delete(command.query);
      break;
    case 'close':
      close(command.timeout, command.ms);
      break;
  }
});
// The harness has ended.
process.on('disconnect', () => process.exit());

let last = now();
setInterval(() => {
  const gap = now() - last;
  last += gap;
  sendReport({ kind: 'free', ms: gap > STALLED_GAP ? null : Math.min(gap, 2 * TICK) });
}, TICK);

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
await once(server, 'listening');
sendReport({ kind: 'listening', port: (server.address() as AddressInfo).port });
