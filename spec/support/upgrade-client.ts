/** What upgrades look like from outside: heads of answers, frames as bytes, and the sockets that a server holds. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { UpgradeServer } from '../../lib/index.ts';
import { AsyncQueue } from './async-queue.ts';

/** The first answer in what a connection received: status line, header lines in order, and all that follows. */
export function parseAnswer(received: string): { status: string; headers: string[]; rest: string } {
  const end = received.indexOf('\r\n\r\n');
  const [status = '', ...headers] = received.slice(0, end).split('\r\n');
  return { status, headers, rest: received.slice(end + 4) };
}

/** A frame as a client sends it, as latin1; masked with zeros, which leaves the payload readable. */
export function clientFrame(opcode: number, payload: string): string {
  return `${String.fromCharCode(0x80 | opcode, 0x80 | payload.length)}\0\0\0\0${payload}`;
}

/** A short frame as a server sends it, as latin1. */
export function serverFrame(opcode: number, payload: string): string {
  return `${String.fromCharCode(0x80 | opcode, payload.length)}${payload}`;
}

/** Close, in both directions: opcode 8, code, reason. */
export function closePayload(code: number, reason = ''): string {
  return String.fromCharCode(code >> 8, code & 0xff) + reason;
}

/** The raw connections of a server, from its own side. */
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

  /** How many are open. */
  get count(): number {
    return this.#open.size;
  }

  /** The next that comes. */
  next(): Promise<Socket> {
    return this.#new.next();
  }

  /** Settles when none is open. */
  async gone(): Promise<void> {
    for (const socket of this.#open) {
      await once(socket, 'close').catch(() => {});
    }
  }
}
