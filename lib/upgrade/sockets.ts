/** The connection below an upgrade: when it is free, and how it is closed. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';
import { DeadlineTimer, type TimerQueue } from '../util/timer-queue.ts';
import { WaitingClient } from './waiting-client.ts';

/** ms that a socket is given to take the last bytes and to close from the other side. */
const LINGER = 2_000;

/** How long an upgrade may take, and by which clock. */
export interface UpgradeTime {
  /** Keeps the time of all upgrades of a server. */
  readonly timers: TimerQueue;
  /** ms; see the `upgradeTimeout` option. */
  readonly timeout: number;
}

/** A connection as Node keeps it, with the response that it is writing. */
type Connection = Duplex & { _httpMessage?: ServerResponse | null };

/**
 * Calls back when the connection of an upgrade is free: at once, or when the answers to earlier requests have left. A
 * client may have the whole of an answer, by its Content-Length, before the application ends it.
 *
 * Destroys the connection where that takes longer than `timeout` ms, or where the client leaves meanwhile. Node reads no
 * longer for the earlier answer, which may be a poll that waits for messages.
 */
export function whenIdle(
  req: IncomingMessage,
  socket: Duplex,
  { timers, timeout }: UpgradeTime,
  callback: () => void,
): void {
  const connection: Connection = req.socket;
  if (!connection._httpMessage) {
    callback();
    return;
  }
  const client = new WaitingClient(connection, socket === connection);
  const timer = new DeadlineTimer(timers, {
    onTimer: () => {
      debugUpgrade('%s: an earlier answer has not ended in time', req.url);
      connection.destroy();
    },
  });
  timer.limit(timeout);
  const onClose = () => timer.clear();
  connection.once('close', onClose);
  const wait = () => {
    if (connection.destroyed) {
      return;
    }
    if (connection._httpMessage) {
      connection._httpMessage.once('close', wait);
      return;
    }
    connection.off('close', onClose);
    timer.clear();
    client.release();
    // The last answer may have been one that closes the connection.
    if (connection.writable) {
      callback();
    }
  };
  wait();
}

/** Closes an upgrade that no other listener has taken in `timeout` ms: they may ignore it, and Node has no time limit. */
export function closeUnlessTaken(socket: Duplex & { bytesWritten?: number }, { timers, timeout }: UpgradeTime): void {
  const written = socket.bytesWritten;
  const timer = new DeadlineTimer(timers, {
    onTimer: () => {
      if (socket.readableFlowing === null && socket.bytesWritten === written) {
        answerAndClose(socket, 503, timers);
      }
    },
  });
  timer.limit(timeout);
  socket.once('close', () => timer.clear());
}

/** Answers with a status alone, where there is no response to do it, and closes the connection. */
export function answerAndClose(socket: Duplex, status: number, timers: TimerQueue): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  closeGently(socket, timers);
}

/** Closes a socket once what was written has left, and without a reset that could overtake it. */
export function closeGently(socket: Duplex, timers: TimerQueue): void {
  const timer = new DeadlineTimer(timers, { onTimer: () => socket.destroy() });
  timer.limit(LINGER);
  socket.on('close', () => timer.clear());
  socket.resume();
  socket.end();
}
