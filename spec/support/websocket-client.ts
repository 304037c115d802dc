/** A WebSocket client that queues messages until the test asks for them. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

export class WebSocketClient {
  readonly socket: WebSocket;
  readonly #texts = new AsyncQueue<string>();
  /** Settles with code and reason once the socket is closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Settles when the handshake is complete. Rejects with ws's error if the server refuses it. */
  readonly opened: Promise<void>;

  /** @param origin as in `http://127.0.0.1:1234` */
  constructor(origin: string, path: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(`${origin.replace(/^http/, 'ws')}${path}`, options);
    this.socket.on('message', (data) => this.#texts.push(String(data)));
    this.opened = once(this.socket, 'open').then(() => undefined);
    this.opened.catch(() => {});
    this.socket.on('error', (error) => this.#texts.fail(error));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#texts.fail(new Error(`closed with ${code} ${reason}`));
        resolve({ code, reason: reason.toString() });
      });
    });
    afterTest(() => this.socket.terminate());
  }

  /** Settles with the next text message. Rejects if the socket closes first. */
  next(): Promise<string> {
    return this.#texts.next();
  }

  send(text: string): void {
    this.socket.send(text);
  }
}

/** Settles once a socket is closed. */
export async function ended(socket: Socket): Promise<void> {
  if (!socket.closed) {
    await once(socket, 'close');
  }
}
