/** The connection below an upgrade: when it is free, and how it is closed. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { debugUpgrade } from '../util/debug.ts';
import { Alarm, type AlarmClock } from '../util/timer-queue.ts';
import { WaitingClient } from './waiting-client.ts';

/** ms that a socket is given to take the last bytes and to close from the other side. */
const LINGER = 2_000;

/** How long an upgrade may take, and by which clock. */
export interface UpgradeTime {
  /** Keeps the time of all upgrades of a server. */
  readonly clock: AlarmClock;
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
  { clock, timeout }: UpgradeTime,
  callback: () => void,
): void {
  const connection: Connection = req.socket;
  if (!connection._httpMessage) {
    callback();
    return;
  }
  const client = new WaitingClient(connection, socket === connection);
  const alarm = new Alarm(clock, {
    onAlarm: () => {
      debugUpgrade('%s: an earlier answer has not ended in time', req.url);
      connection.destroy();
    },
  });
  alarm.limit(timeout);
  const onClose = () => alarm.clear();
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
    alarm.clear();
    client.giveBack();
    // The last answer may have been one that closes the connection.
    if (connection.writable) {
      callback();
    }
  };
  wait();
}

/** Closes an upgrade that no other listener has taken in `timeout` ms: they may ignore it, and Node has no time limit. */
export function closeUnlessTaken(socket: Duplex & { bytesWritten?: number }, { clock, timeout }: UpgradeTime): void {
  const written = socket.bytesWritten;
  const alarm = new Alarm(clock, {
    onAlarm: () => {
      if (socket.readableFlowing === null && socket.bytesWritten === written) {
        answerAndClose(socket, 503, clock);
      }
    },
  });
  alarm.limit(timeout);
  socket.once('close', () => alarm.clear());
}

/** Answers with a status alone, where there is no response to do it, and closes the connection. */
export function answerAndClose(socket: Duplex, status: number, clock: AlarmClock): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  closeGently(socket, clock);
}

/** Closes a socket once what was written has left, and without a reset that could overtake it. */
export function closeGently(socket: Duplex, clock: AlarmClock): void {
  const alarm = new Alarm(clock, { onAlarm: () => socket.destroy() });
  alarm.limit(LINGER);
  socket.on('close', () => alarm.clear());
  socket.resume();
  socket.end();
}
