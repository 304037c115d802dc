/** `engine.io`, the transport layer of Socket.IO, with WebSocket only. */
import { attach, type Socket } from 'engine.io';
import { maxMessageSize } from './flags.ts';
import { LONG, runWithConnections } from './program.ts';
import { createWebServer } from './web-server.ts';

const sockets = new Set<Socket>();
const server = createWebServer();
const engine = attach(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  pingInterval: LONG,
  pingTimeout: LONG,
  ...(maxMessageSize === undefined ? {} : { maxHttpBufferSize: maxMessageSize }),
});
engine.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('message', (message) => socket.send(message));
  socket.on('close', () => sockets.delete(socket));
});
runWithConnections(server, sockets, (socket, message) => socket.send(message));
