/** The connection below an upgrade: when it is free, and how it is closed. */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** ms that a socket is given to take the last bytes and to close from the other side. */
const LINGER = 2_000;

/** Calls back when the answers to earlier requests on a connection have been written. */
export function whenIdle(socket: Duplex & { _httpMessage?: ServerResponse | null }, callback: () => void): void {
  if (socket._httpMessage) {
    socket._httpMessage.once('close', () => whenIdle(socket, callback));
  } else if (socket.writable) {
    callback();
  }
}

/** Closes an upgrade that no other listener has taken in `timeout` ms: they may ignore it, and Node has no time limit. */
export function closeUnlessTaken(socket: Duplex & { bytesWritten?: number }, timeout: number): void {
  const written = socket.bytesWritten;
  const timer = setTimeout(() => {
    if (socket.readableFlowing === null && socket.bytesWritten === written) {
      answerAndClose(socket, 503);
    }
  }, timeout);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Answers with a status alone, where there is no response to do it, and closes the connection. */
export function answerAndClose(socket: Duplex, status: number): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  closeGently(socket);
}

/** Closes a socket once what was written has left, and without a reset that could overtake it. */
export function closeGently(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER);
  socket.on('close', () => clearTimeout(timer));
  socket.resume();
  socket.end();
}
