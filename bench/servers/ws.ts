/**
 * Floor: `ws` with no SockJS logic. It sends `o` when open, as the others send an open frame, and echoes plain text.
 * Heartbeats are pings in one loop over all clients, which cuts those that are silent, as the README of `ws` has it.
 */
import { type WebSocket, WebSocketServer } from 'ws';
import { heartbeatDelay } from './flags.ts';
import { runWithConnections } from './program.ts';
import { createWebServer } from './web-server.ts';

const server = createWebServer();
const engine = new WebSocketServer({ server, perMessageDeflate: false });
engine.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data, { binary: false }));
  socket.send('o');
});
if (heartbeatDelay !== undefined) {
  const answered = new WeakSet<WebSocket>();
  engine.on('connection', (socket) => {
    answered.add(socket);
    socket.on('pong', () => answered.add(socket));
  });
  setInterval(() => {
    for (const socket of engine.clients) {
      if (answered.delete(socket)) {
        socket.ping();
      } else {
        socket.terminate();
      }
    }
  }, heartbeatDelay);
}
runWithConnections(server, engine.clients, (socket, message) => socket.send(message));
