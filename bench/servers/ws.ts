/**
 * Floor: `ws` with no SockJS logic. It sends `o` when open, as the others send an open frame, and echoes plain text.
 */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { runWithConnections } from './program.ts';

const server = createServer();
const engine = new WebSocketServer({ server, perMessageDeflate: false });
engine.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data, { binary: false }));
  socket.send('o');
});
runWithConnections(server, engine.clients, (socket, message) => socket.send(message));
