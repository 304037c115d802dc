/** Connections whose peers have not proved who they are. */
import type { Socket } from 'node:net';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';

/** ms in which a peer must prove who it is. */
export const HANDSHAKE_TIMEOUT = 5000;

/** More connections than this do not wait. */
export const MAX_WAITING = 100;

/**
 * Holds at most 100 connections for at most 5 s each. A further one takes the place of the oldest: a node needs some ms
 * for its handshake, so those that say nothing cannot keep nodes out.
 */
export class WaitingSockets {
  readonly #timers: TimerQueue;
  readonly #onGivenUp: (cause: 'late' | 'crowded') => void;
  readonly #sockets = new Map<Socket, DeadlineTimer>();

  /** @param onGivenUp called for each connection that is cut, apart from those of `destroyAll()` */
  constructor(timers: TimerQueue, onGivenUp: (cause: 'late' | 'crowded') => void) {
    this.#timers = timers;
    this.#onGivenUp = onGivenUp;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a new connection. */
  add(socket: Socket): void {
    const [oldest] = this.#sockets.keys();
    if (oldest !== undefined && this.#sockets.size >= MAX_WAITING) {
      this.#giveUp(oldest, 'crowded');
    }
    const timer = new DeadlineTimer(this.#timers, { onTimer: () => this.#giveUp(socket, 'late') });
    timer.limit(HANDSHAKE_TIMEOUT);
    this.#sockets.set(socket, timer);
    socket.on('error', () => {});
    socket.on('close', () => this.#remove(socket));
  }

  /**
   * The peer has proved who it is, or its connection does not matter any more.
   *
   * @param socket the connection, or the TLS socket upon it
   */
  release(socket: Socket): void {
    const waiting = this.#sockets.has(socket) ? socket : this.#below(socket);
    if (waiting !== undefined) {
      this.#remove(waiting);
    }
  }

  /** Cuts all of them. */
  destroyAll(): void {
    for (const socket of [...this.#sockets.keys()]) {
      this.#remove(socket);
      socket.destroy();
    }
  }

  /** The connection below a TLS socket. Node does not tell, but both have the same addresses. */
  #below({ remotePort, remoteAddress, localPort, localAddress }: Socket): Socket | undefined {
    return [...this.#sockets.keys()].find(
      (socket) =>
        socket.remotePort === remotePort &&
        socket.remoteAddress === remoteAddress &&
        socket.localPort === localPort &&
        socket.localAddress === localAddress,
    );
  }

  #giveUp(socket: Socket, cause: 'late' | 'crowded'): void {
    this.#remove(socket);
    socket.destroy();
    this.#onGivenUp(cause);
  }

  #remove(socket: Socket): void {
    this.#sockets.get(socket)?.clear();
    this.#sockets.delete(socket);
  }
}
