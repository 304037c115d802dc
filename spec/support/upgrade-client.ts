/** The client's view of upgrades: heads of responses, frames as bytes. And the sockets that a server has open. */
import type { Socket } from 'node:net';
import type { UpgradeServer } from '../../lib/index.ts';
import { AsyncQueue } from './async-queue.ts';

/** Parses the first response in received bytes: status line, header lines in order, and the rest. */
export function parseAnswer(received: string): { status: string; headers: string[]; rest: string } {
  const end = received.indexOf('\r\n\r\n');
  const [status = '', ...headers] = received.slice(0, end).split('\r\n');
  return { status, headers, rest: received.slice(end + 4) };
}

/** Returns a frame of a client, as latin1. Its mask is zero, so the payload stays readable. */
export function clientFrame(opcode: number, payload: string): string {
  return `${String.fromCharCode(0x80 | opcode, 0x80 | payload.length)}\0\0\0\0${payload}`;
}

/** Returns a frame of a server with up to 125 bytes, as latin1. */
export function serverFrame(opcode: number, payload: string): string {
  return `${String.fromCharCode(0x80 | opcode, payload.length)}${payload}`;
}

/** Returns the payload of a close frame: code and reason. */
export function closePayload(code: number, reason = ''): string {
  return String.fromCharCode(code >> 8, code & 0xff) + reason;
}

/** The raw connections of a server, at the server's end. */
export class ServerSockets {
  readonly #open = new Set<Socket>();
  readonly #new = new AsyncQueue<Socket>();

  /** @param event `secureConnection` for the sockets within TLS */
  constructor(server: UpgradeServer, event: 'connection' | 'secureConnection' = 'connection') {
    server.on(event, (socket: Socket) => {
      this.#open.add(socket);
      this.#new.push(socket);
      socket.on('close', () => this.#open.delete(socket));
    });
  }

  /** Open connections. */
  get count(): number {
    return this.#open.size;
  }

  /** Settles with the next new connection. */
  next(): Promise<Socket> {
    return this.#new.next();
  }

  /** Settles when all connections are closed. */
  async gone(): Promise<void> {
    for (const socket of this.#open) {
      await new Promise((resolve) => socket.on('close', resolve));
    }
  }
}
