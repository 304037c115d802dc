/** `Session`, which stands between a session of express-sockjs and the connection that the application has. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Session as InnerSession } from 'express-sockjs';
import { SockJSConnection } from './connection.ts';
import { type CompatOptions, describe } from './options.ts';
import { ReadyState } from './ready-state.ts';
import { takeResponse, withLocation } from './receivers.ts';
import { closeFramed, rawCode, rawReason } from './websocket-close.ts';

/** What a session needs of the server. */
export interface SessionServer {
  readonly options: CompatOptions;
  emit(event: 'connection', connection: SockJSConnection): boolean;
}

/** The receiver of a session, as programs reach for it: they set the timeout of its connection. */
export interface Receiver {
  readonly connection: Socket;
  readonly protocol: string;
  /** Both are undefined for a WebSocket. */
  readonly request: IncomingMessage | undefined;
  readonly response: ServerResponse | undefined;
}

/** A request with the path that the handler has found in it. */
export type PathRequest = IncomingMessage & { pathname?: string };

/** Headers that tell nothing of who the user is. */
const HEADERS = [
  'referer',
  'x-client-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-cluster-client-ip',
  'via',
  'x-real-ip',
  'x-forwarded-proto',
  'x-ssl',
  'dnt',
  'host',
  'user-agent',
  'accept-language',
];

/** The session whose `decorateConnection` runs. It looks at `recv`, although the response to a poll may have ended. */
let registering: Session | undefined;

/** One session. Programs replace `decorateConnection` on its prototype. */
export class Session {
  /** Null once the session is over, and so is `connection`. */
  session_id: string | null;
  readonly prefix: string;
  readonly heartbeat_delay: number;
  readonly disconnect_delay: number;
  connection: SockJSConnection | null;
  readyState: number = ReadyState.OPEN;
  /** Whether `pause()` keeps messages, and whether those kept are emitted since the client has left. */
  #isPaused = false;
  #isEmptying = false;
  /** The latest receiver; null once the session is over. */
  #recv: Receiver | null = null;
  readonly #inner: InnerSession;
  readonly #server: SessionServer;
  /** Emits one message. The same function for `pause()` and `resume()`. */
  readonly #onMessage = (message: string) => this.didMessage(message);

  constructor(inner: InnerSession, server: SessionServer) {
    const { options } = server;
    this.#inner = inner;
    this.#server = server;
    this.session_id = inner.id;
    this.prefix = options.prefix;
    this.heartbeat_delay = options.heartbeat_delay;
    this.disconnect_delay = options.disconnect_delay;
    this.connection = new SockJSConnection(this);
  }

  /** What messages leave by; null between two polls, and once the session is over. */
  get recv(): Receiver | null {
    const response = this.#recv?.response;
    const isOver = response !== undefined && (response.writableEnded || response.destroyed);
    return isOver && registering !== this ? null : this.#recv;
  }

  /** Takes the receiver that the session was opened with, and tells the server of the connection. */
  open(): void {
    const { request } = this.#inner;
    try {
      withLocation(request, () => this.register(request));
    } catch (error) {
      this.#report(error, !isWebSocket(this.#inner.transport));
      this.#inner.close(1011, 'Internal error');
      return;
    }
    this.#inner.on('message', this.#onMessage);
    this.#inner.on('close', () => (this.#isPaused ? void this.#emitKept() : this.#end()));
    const { connection } = this;
    const announce = () => this.#call(() => connection && this.#server.emit('connection', connection));
    if (this.#inner.transport === 'websocket-raw') {
      announce();
    } else {
      process.nextTick(announce);
    }
  }

  /** A request has become the receiver. */
  register(req: PathRequest): void {
    const { transport: protocol } = this.#inner;
    const taken = takeResponse(req);
    const response = isWebSocket(protocol) ? undefined : taken;
    const recv = { connection: req.socket, protocol, request: response?.req, response };
    this.#recv = recv;
    // Between two polls a session keeps neither request nor response.
    response?.once('close', () => {
      if (this.#recv === recv) {
        this.#recv = null;
      }
    });
    registering = this;
    try {
      this.decorateConnection(req);
    } finally {
      registering = undefined;
    }
  }

  /** Another request has become the receiver. What a replaced `decorateConnection` throws is logged. */
  follow(req: PathRequest): void {
    this.#call(() => this.register(req), true);
  }

  /** Sets on the connection what is to be known of the latest receiving request. */
  decorateConnection(req: PathRequest): void {
    const { connection, recv } = this;
    if (connection === null) {
      return;
    }
    if (recv?.connection.remoteAddress) {
      connection.remoteAddress = recv.connection.remoteAddress;
      connection.remotePort = recv.connection.remotePort;
      connection.address = recv.connection.address();
    }
    connection.url = req.url;
    connection.pathname = req.pathname;
    connection.protocol = recv?.protocol;
    const headers: typeof connection.headers = {};
    for (const name of HEADERS) {
      const value = req.headers[name];
      if (value) {
        headers[name] = value;
      }
    }
    connection.headers = headers;
  }

  /** A message has come in. */
  didMessage(message: string): void {
    if (this.readyState === ReadyState.OPEN) {
      this.#call(() => this.connection?.emit('data', message), !isWebSocket(this.#inner.transport));
    }
  }

  /** The session is over. */
  didClose(): void {
    if (this.readyState !== ReadyState.CLOSED) {
      this.readyState = ReadyState.CLOSED;
      this.#recv = null;
      const { connection } = this;
      if (this.#server.options.safe) {
        // What a listener of `end` throws keeps no program from cleaning up at `close`.
        this.#call(() => connection?.emit('end'));
        this.#call(() => connection?.emit('close'));
      } else {
        this.#call(() => {
          connection?.emit('end');
          connection?.emit('close');
        });
      }
      this.connection = null;
      this.session_id = null;
    }
  }

  send(text: string): boolean {
    return this.readyState === ReadyState.OPEN && this.#inner.send(text);
  }

  close(code: unknown = 1000, reason: unknown = 'Normal closure'): boolean {
    if (this.readyState !== ReadyState.OPEN) {
      return false;
    }
    // Throws for what no close frame can carry, such as a bigint.
    JSON.stringify([code, reason]);
    const { transport } = this.#inner;
    // The bundle has no checks of code and reason, since npm sockjs has none.
    const close = () => this.#inner.close((code ?? 1000) as number, (reason ?? 'Normal closure') as string);
    if (transport === 'websocket') {
      this.readyState = ReadyState.CLOSING;
      closeFramed(close);
      // npm sockjs does not wait for the client either. Where the client has left, `didClose` is running already.
      if (this.recv !== null) {
        this.didClose();
      }
      return true;
    }
    if (transport === 'websocket-raw') {
      const args = [rawCode(code ?? 1000), rawReason(reason ?? 'Normal closure')] as const;
      this.readyState = ReadyState.CLOSING;
      return this.#inner.close(...args);
    }
    this.readyState = ReadyState.CLOSING;
    return close();
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.off('message', this.#onMessage);
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isEmptying && !this.#inner.listeners('message').includes(this.#onMessage)) {
      this.#inner.on('message', this.#onMessage);
    }
  }

  /** An asynchronous listener of the application has failed. */
  didReject(error: unknown): void {
    if (this.#server.options.safe) {
      this.#onError(error);
    } else {
      // As without `captureRejections`: it ends the process unless that listens for `unhandledRejection`.
      void Promise.reject(error);
    }
  }

  /** The client has left while messages were kept. They come before `end`, as if there had been no `pause()`. */
  async #emitKept(): Promise<void> {
    this.#isEmptying = true;
    for (;;) {
      // It rejects once there are no more.
      const message = await this.#inner.recv().catch(() => undefined);
      if (message === undefined) {
        break;
      }
      this.#call(() => this.didMessage(message));
    }
    this.#end();
  }

  /** Tells that the client has left. A replaced `didClose` may call `close()`, which must not call it once more. */
  #end(): void {
    this.#recv = null;
    this.#call(() => this.didClose());
  }

  /**
   * Calls listeners of the application. What they throw closes the session with the option `safe`. Without it, it is
   * thrown in the next tick, where it ends the process unless that listens for `uncaughtException`.
   *
   * @param isLogged whether it is only logged: npm sockjs does so where an HTTP request has brought the message
   */
  #call(emit: () => void, isLogged = false): void {
    try {
      emit();
    } catch (error) {
      this.#report(error, isLogged);
    }
  }

  #report(error: unknown, isLogged: boolean): void {
    if (isLogged || this.#server.options.safe) {
      this.#onError(error);
    } else {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #onError(error: unknown): void {
    const { safe, log } = this.#server.options;
    log('error', `Exception in a listener: ${describe(error)}`);
    if (safe && this.readyState === ReadyState.OPEN) {
      this.readyState = ReadyState.CLOSING;
      this.#inner.close(1011, 'Internal error');
    }
  }
}

function isWebSocket(transport: string): boolean {
  return transport.startsWith('websocket');
}
