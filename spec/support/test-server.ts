/** Servers on a free port of the loopback interface, closed after the test. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import {
  type AttachUpgradeOptions,
  attachUpgrade,
  type Session,
  type SessionHandler,
  type SockjsOptions,
  sockjs,
} from '../../lib/index.ts';
import { afterTest } from './cleanup.ts';

export interface TestServer {
  readonly server: Server;
  readonly port: number;
  /** As in `http://127.0.0.1:1234`. */
  readonly origin: string;
}

/** Listens with an app, a router, another request listener, or a server. All connections are closed after the test. */
export async function listen(listener: RequestListener | Server): Promise<TestServer> {
  const server = typeof listener === 'function' ? createServer(listener) : listener;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  afterTest(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    const closed = new Promise((resolve) => server.close(resolve));
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, origin: `http://127.0.0.1:${port}` };
}

/** The session handler that most tests need. */
export const echo: SessionHandler = (session) => {
  session.on('message', (message) => session.send(message));
};

/** Serves an Express 5 app with one SockJS endpoint at `/echo` and upgrades attached. */
export function serve(
  options: SockjsOptions = {},
  onSession: SessionHandler = echo,
  { before, ...upgrade }: { before?: (app: Express) => void } & AttachUpgradeOptions = {},
): Promise<TestServer> {
  const app = express();
  before?.(app);
  app.use('/echo', sockjs(options, onSession));
  const server = createServer(app);
  attachUpgrade(server, upgrade);
  return listen(server);
}

/** Returns an `onSession` that passes its sessions to the test. */
export function sessionCatcher(): { onSession: SessionHandler; next(): Promise<Session>; count(): number } {
  const seen: Session[] = [];
  const waiting: ((session: Session) => void)[] = [];
  let count = 0;
  return {
    onSession: (session) => {
      count += 1;
      const resolve = waiting.shift();
      if (resolve === undefined) {
        seen.push(session);
      } else {
        resolve(session);
      }
    },
    next: () => {
      const session = seen.shift();
      return session === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(session);
    },
    count: () => count,
  };
}
