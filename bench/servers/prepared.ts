/** Floor: one prepared WebSocket frame, or one prepared chunk, written to all raw sockets. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Socket } from 'node:net';
import { run } from './program.ts';

/** A close frame with code 1000. */
const CLOSE = Buffer.from([0x88, 0x02, 0x03, 0xe8]);

const sockets = new Set<Socket>();
const streams = new Set<Socket>();
const server = createServer((req, res) => {
  const { socket } = req;
  req.resume();
  res.writeHead(200, { 'Content-Type': 'application/javascript; charset=UTF-8' });
  res.write(`${'h'.repeat(2048)}\n`);
  res.write('o\n');
  socket.on('error', () => {});
  socket.on('close', () => streams.delete(socket));
  streams.add(socket);
});
server.on('upgrade', (req, socket) => {
  if (!(socket instanceof Socket)) {
    throw new Error('an upgrade without a socket');
  }
  const accept = createHash('sha1')
    .update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.setTimeout(0);
  socket.setNoDelay();
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  // A client sends nothing before its close frame.
  socket.once('data', () => socket.end(CLOSE));
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.write(frameOf('o'));
  sockets.add(socket);
});
run(server, (message) => {
  const frame = frameOf(message);
  for (const socket of sockets) {
    socket.write(frame);
  }
  const chunk = Buffer.from(`${(message.length + 1).toString(16)}\r\n${message}\n\r\n`);
  for (const socket of streams) {
    socket.write(chunk);
  }
});

/**
 * Returns a text frame.
 *
 * @throws RangeError for more than 125 bytes
 */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 125) {
    throw new RangeError(`${payload.length} bytes are too many`);
  }
  return Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
}
