/** Servers with upgrades attached, applications that delay a decision, and requests to them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import express, { type Express, type RequestHandler } from 'express';
import {
  type AttachUpgradeOptions,
  attachUpgrade,
  type SessionHandler,
  type SockjsRouter,
  sockjs,
  type UpgradeServer,
  upgradeHandler,
} from '../../lib/index.ts';
import { AsyncQueue } from './async-queue.ts';
import { handshake, RawSocket } from './http.ts';
import { echo, listen } from './test-server.ts';
import { ServerSockets } from './upgrade-client.ts';

export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What Node 22.21 and 24.9 added to servers. */
export interface Upgrading {
  shouldUpgradeCallback?: (req: IncomingMessage) => boolean;
}

/** All ways in which an application may have upgrades handled. Each is given what the server was made with. */
export const WAYS: readonly {
  readonly title: string;
  handle(server: UpgradeServer, listener: RequestListener, router: SockjsRouter): void;
}[] = [
  {
    title: 'attachUpgrade(server)',
    handle: (server) => {
      attachUpgrade(server);
    },
  },
  {
    title: 'upgradeHandler(server)',
    handle: (server) => server.on('upgrade', upgradeHandler(server)),
  },
  {
    title: 'upgradeHandler(listener)',
    handle: (server, listener) => server.on('upgrade', upgradeHandler(listener)),
  },
  {
    title: 'router.handleUpgrade()',
    handle: (server, _listener, { handleUpgrade }) => {
      server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
        assert.equal(handleUpgrade(req, socket, head), true);
      });
    },
  },
];

export const hasShouldUpgradeCallback = 'shouldUpgradeCallback' in createServer();

/**
 * Serves a listener, with upgrades attached.
 *
 * @param options `prepare` is called before `attachUpgrade`
 */
export async function attached(
  listener: RequestListener,
  { prepare, ...options }: { prepare?: (server: Server) => void } & AttachUpgradeOptions = {},
) {
  const server = createServer(listener);
  prepare?.(server);
  const detach = attachUpgrade(server, options);
  return { detach, sockets: new ServerSockets(server), ...(await listen(server)) };
}

/** Returns an app with an echo endpoint at `/echo`, and middleware before it. */
export function appWith(before: RequestHandler, onSession: SessionHandler = echo): Express {
  const app = express().disable('x-powered-by').set('env', 'test');
  app.use(before);
  return app.use('/echo', sockjs(onSession));
}

/** Middleware that waits until the test decides. */
export function pausingMiddleware() {
  const parked = new AsyncQueue<{ req: IncomingMessage; res: ServerResponse; next: () => void }>();
  const middleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => parked.push({ req, res, next });
  return { middleware, next: () => parked.next() };
}

/** An upgrade listener that responds 101 to every upgrade, and records it. */
export function otherListener() {
  const seen = new AsyncQueue<{ url: string | undefined; head: string }>();
  const listener: UpgradeListener = (req, socket, head) => {
    seen.push({ url: req.url, head: head.toString('latin1') });
    socket.on('error', () => {});
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-By: other\r\n\r\n');
  };
  return { seen, listener };
}

/** Sends bytes, and waits until the server has read them from the kernel. The application need not read them. */
export async function untilReceived(socket: Socket, send: () => void): Promise<void> {
  const before = socket.bytesRead;
  send();
  while (socket.bytesRead === before) {
    assert.equal(socket.destroyed, false);
    await turn();
  }
}

/**
 * Whether Node parses the body of an upgrade request. Then it gives the body to the request, not to the connection, and
 * serves no further request on that connection.
 */
export async function parsesBodies(): Promise<boolean> {
  const server = createServer();
  const upgraded = once(server, 'upgrade');
  const { port } = await listen(server);
  new RawSocket(port).send(...handshake('/', 'Content-Length: 5'));
  const [req, socket] = (await upgraded) as [IncomingMessage, Duplex];
  return socket !== req.socket;
}

/** Headers of a request to upgrade to HTTP/2, as Java's HTTP client sends them. */
export const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'];

/** Returns a request as text. */
export function request(method: string, path: string, headers: readonly string[] = [], body = ''): string {
  return [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', body].join('\r\n');
}
