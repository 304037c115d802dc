/** The API of npm `sockjs` 0.3.24 on express-sockjs. */
import './receiver-end.ts';
import { SockJSConnection } from './connection.ts';
import type { CompatOptions } from './options.ts';
import { ReadyState } from './ready-state.ts';
import { type HttpServer, Server } from './server.ts';
import { Session } from './session.ts';

/** Makes a server, which emits `connection` with each client. */
export function createServer(options?: Partial<CompatOptions>): Server {
  return new Server(options);
}

/** Makes a server, and has an HTTP server pass on its requests. */
export function listen(httpServer?: HttpServer | null, options?: Partial<CompatOptions>): Server {
  const server = createServer(options);
  if (httpServer) {
    server.installHandlers(httpServer);
  }
  return server;
}

/** What `require('sockjs/lib/transport')` gives. The build hides it among the members. */
export const transport = { Session, SockJSConnection, Transport: ReadyState };
