/** How the connection of an upgrade is closed. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';

/** ms in which the client must take the last bytes and end its side of the connection. */
const LINGER = 2_000;

/** The time limit of an upgrade. */
export interface UpgradeTime {
  /** The timers of all upgrades of a server. */
  readonly timers: TimerQueue;
  /** ms; see the option `upgradeTimeout`. */
  readonly timeout: number;
}

/**
 * Answers 503 to an upgrade that no other listener has taken in `timeout` ms. Listeners may ignore an upgrade, and Node
 * has no time limit for upgraded connections. A listener takes an upgrade by reading the socket or writing to it.
 */
export function closeUnlessTaken(socket: Duplex & { bytesWritten?: number }, { timers, timeout }: UpgradeTime): void {
  const bytesBefore = socket.bytesWritten;
  const timer = new DeadlineTimer(timers, {
    onTimer: () => {
      if (socket.readableFlowing === null && socket.bytesWritten === bytesBefore) {
        answerAndClose(socket, 503, timers);
      }
    },
  });
  timer.limit(timeout);
  socket.once('close', () => timer.clear());
}

/** Answers a status without a body, where there is no `ServerResponse`, and closes the connection. */
export function answerAndClose(socket: Duplex, status: number, timers: TimerQueue): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  closeGently(socket, timers);
}

/**
 * Closes a socket when all bytes have left. Reads on until then, since a reset for unread bytes could overtake them.
 */
export function closeGently(socket: Duplex, timers: TimerQueue): void {
  const timer = new DeadlineTimer(timers, { onTimer: () => socket.destroy() });
  timer.limit(LINGER);
  socket.on('close', () => timer.clear());
  socket.resume();
  socket.end();
}
