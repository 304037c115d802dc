/** `engine.io`, the transport layer of Socket.IO, with WebSocket only. */
import { createServer } from 'node:http';
import { attach, type Socket } from 'engine.io';
import { LONG, runWithConnections } from './program.ts';

const sockets = new Set<Socket>();
const server = createServer();
const engine = attach(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  pingInterval: LONG,
  pingTimeout: LONG,
});
engine.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('message', (message) => socket.send(message));
  socket.on('close', () => sockets.delete(socket));
});
runWithConnections(server, sockets, (socket, message) => socket.send(message));
