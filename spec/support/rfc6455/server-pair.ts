/** Two echo servers: the raw WebSocket endpoint of the package, and a plain ws server with the same limits. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { type ServerOptions, WebSocketServer } from 'ws';
import { attachUpgrade, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import { TLS } from '../tls-certificate.ts';

/** The defaults that the package sets for its engine (`webSocketServerOf`). */
const ENGINE = { perMessageDeflate: false, maxFragments: 16_384, maxBufferedChunks: 16_384 };

export interface ServerPairOptions {
  /** @default 1_048_576 */
  readonly maxMessageSize?: number;
  /** Whether both servers use TLS. */
  readonly tls?: boolean;
  /** Options for the engines of both servers. */
  readonly engine?: ServerOptions;
}

/** The close that an application got. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
  /** For ws: whether the code is not 1006. */
  readonly wasClean: boolean;
}

/** One connection at the server, and what its application got. */
export class Connection {
  readonly socket: Socket;
  /** Messages of the application. A binary message is a Buffer. */
  readonly messages: (string | Buffer)[] = [];
  /** Settles once the application knows of the close. */
  readonly closed: Promise<Closed>;
  #close: ((closed: Closed) => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  close(closed: Closed): void {
    this.#close?.(closed);
  }
}

/** One of the two servers. */
export class EchoServer {
  readonly isTls: boolean;
  readonly server: Server;
  readonly #connections = new Map<number | undefined, Connection>();

  constructor(isTls: boolean, listener?: RequestListener) {
    this.isTls = isTls;
    this.server = isTls ? createSecureServer(TLS, listener) : createServer(listener);
    this.server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#connections.set(socket.remotePort, new Connection(socket));
    });
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop(): Promise<void> {
    for (const { socket } of this.#connections.values()) {
      socket.destroy();
    }
    this.server.close();
    await once(this.server, 'close');
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Settles with the connection of the client at that port. The server may not have accepted it yet. */
  async connectionOf(clientPort: number | undefined): Promise<Connection> {
    let connection = this.#connections.get(clientPort);
    while (connection === undefined) {
      await turn();
      connection = this.#connections.get(clientPort);
    }
    return connection;
  }

  /** Returns the connection of a new request. */
  of({ socket }: { socket: Socket }): Connection | undefined {
    return this.#connections.get(socket.remotePort);
  }

  forget(clientPort: number | undefined): void {
    this.#connections.delete(clientPort);
  }
}

export class ServerPair {
  readonly package: EchoServer;
  readonly ws: EchoServer;
  readonly #router: SockjsRouter;

  constructor({ maxMessageSize = 1_048_576, tls = false, engine = {} }: ServerPairOptions = {}) {
    const app = express().disable('x-powered-by');
    this.#router = sockjs({ rawWebsocket: true, maxMessageSize, websocketServer: engine }, (session) => {
      const connection = this.package.of(session.request);
      session.on('message', (message) => {
        connection?.messages.push(message);
        session.send(message);
      });
      session.on('close', ({ code, reason, wasClean }) => connection?.close({ code, reason, wasClean }));
    });
    app.use('/echo', this.#router);
    this.package = new EchoServer(tls, app);
    attachUpgrade(this.package.server);

    this.ws = new EchoServer(tls);
    const { server } = this.ws;
    const webSockets = new WebSocketServer({ ...ENGINE, maxPayload: maxMessageSize, ...engine, server });
    webSockets.on('connection', (webSocket, req) => {
      const connection = this.ws.of(req);
      webSocket.on('message', (data: Buffer, isBinary) => {
        connection?.messages.push(isBinary ? data : data.toString());
        webSocket.send(data, { binary: isBinary });
      });
      webSocket.on('error', () => {});
      webSocket.on('close', (code, reason) => {
        connection?.close({ code, reason: reason.toString(), wasClean: code !== 1006 });
      });
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.package.start(), this.ws.start()]);
  }

  async stop(): Promise<void> {
    await this.#router.close({ timeout: 0 }).catch(() => {});
    await Promise.all([this.package.stop(), this.ws.stop()]);
  }
}
