/** npm `sockjs`, the reference server. */
import { createServer } from 'node:http';
import { type Connection, createServer as createSockjs } from 'sockjs';
import { LONG, run } from './program.ts';

const connections = new Set<Connection>();
const endpoint = createSockjs({
  prefix: '/echo',
  sockjs_url: '/sockjs.min.js',
  heartbeat_delay: LONG,
  response_limit: Number.MAX_SAFE_INTEGER,
  log() {},
});
endpoint.on('connection', (connection) => {
  connections.add(connection);
  connection.on('data', (message) => connection.write(message));
  connection.on('close', () => connections.delete(connection));
});
const server = createServer();
endpoint.installHandlers(server);
run(server, (message) => {
  for (const connection of connections) {
    connection.write(message);
  }
});
