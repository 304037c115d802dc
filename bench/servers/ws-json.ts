/** Floor: `ws` that parses the frames of the client and quotes what it sends, as any SockJS server must. */
import { WebSocketServer } from 'ws';
import { run } from './program.ts';
import { createWebServer } from './web-server.ts';

const server = createWebServer();
const engine = new WebSocketServer({ server, perMessageDeflate: false });
engine.on('connection', (socket) => {
  socket.on('message', (data) => {
    for (const message of JSON.parse(String(data))) {
      socket.send(`a[${JSON.stringify(message)}]`);
    }
  });
  socket.send('o');
});
run(server);
