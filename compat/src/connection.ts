/** `SockJSConnection`: what the application gets with the event `connection`. */
import { randomUUID } from 'node:crypto';
import { captureRejectionSymbol } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Stream } from 'node:stream';
import { ReadyState } from './ready-state.ts';

/** What a connection needs of its session. */
export interface SessionControl {
  readonly prefix: string;
  readonly readyState: number;
  send(text: string): boolean;
  close(code?: unknown, reason?: unknown): boolean;
  pause(): void;
  resume(): void;
  didReject(error: unknown): void;
}

/** An option of every event emitter. The types of Node have it for newer streams only. */
const CAPTURING: object = { captureRejections: true };

/**
 * One client, as a stream of the kind that Node had first. It emits `data` with each message, and `end` and `close`
 * when it is over.
 */
export class SockJSConnection extends Stream {
  readonly _session: SessionControl;
  /** A random UUID. */
  id: string = randomUUID();
  /** Some headers of the latest receiving request: none that tells who the user is. */
  headers: Record<string, string | string[] | undefined> = {};
  /** The option `prefix`. */
  prefix: string;
  /** Of the connection that the latest receiving request came by. */
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  /** The server's own end of it. */
  address: AddressInfo | object | undefined;
  /** Of the latest receiving request. */
  url: string | undefined;
  pathname: string | undefined;
  /** The transport: `websocket`, `websocket-raw`, `xhr-polling` and so on. */
  protocol: string | undefined;

  constructor(session: SessionControl) {
    super(CAPTURING);
    this._session = session;
    this.prefix = session.prefix;
  }

  /** Node calls it when an asynchronous listener has failed. */
  override [captureRejectionSymbol](error: unknown): void {
    this._session.didReject(error);
  }

  override toString(): string {
    return `<SockJSConnection ${this.id}>`;
  }

  /** Sends a message, made a string; returns whether the session is open. */
  write(message: unknown): boolean {
    return this._session.send(`${message}`);
  }

  /** Sends a message, unless it is left out or empty, and closes. */
  end(message?: unknown): null {
    if (message) {
      this.write(message);
    }
    this.close();
    return null;
  }

  /**
   * Closes the session. Any code and any reason reach the client in the close frame. 1000 and `Normal closure` stand for
   * those that are left out.
   *
   * @returns whether the session was open
   * @throws Error for a raw WebSocket and a code other than 1000 and 3000 to 4999
   */
  close(code?: unknown, reason?: unknown): boolean {
    return this._session.close(code, reason);
  }

  /** Closes the session and removes all listeners. */
  destroy(): this {
    this.end();
    return this.removeAllListeners();
  }

  /** The same as `destroy()`. */
  destroySoon(): this {
    return this.destroy();
  }

  /** Keeps messages until `resume()`. npm sockjs has no such method; `pipe()` uses it where the target is slow. */
  pause(): this {
    this._session.pause();
    return this;
  }

  /** Emits the messages that were kept, and those that come. */
  resume(): this {
    this._session.resume();
    return this;
  }

  get readable(): boolean {
    return this.readyState === ReadyState.OPEN;
  }

  get writable(): boolean {
    return this.readyState === ReadyState.OPEN;
  }

  get readyState(): number {
    return this._session.readyState;
  }
}
