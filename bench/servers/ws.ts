/**
 * Floor: `ws` with no SockJS logic. It sends `o` when open, as the others send an open frame, and echoes plain text.
 */
import { WebSocketServer } from 'ws';
import { runWithConnections } from './program.ts';
import { createWebServer } from './web-server.ts';

const server = createWebServer();
const engine = new WebSocketServer({ server, perMessageDeflate: false });
engine.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data, { binary: false }));
  socket.send('o');
});
runWithConnections(server, engine.clients, (socket, message) => socket.send(message));
