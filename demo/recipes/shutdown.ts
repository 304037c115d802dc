/** Ends on SIGTERM without cutting clients off: first readiness, then the sessions, then the server. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const echo = sockjs({ allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => session.send(message));
});

let isEnding = false;

const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use('/echo', echo);
app.get('/ready', (_req, res) => {
  res.sendStatus(isEnding ? 503 : 200); // The load balancer then sends no new clients.
});

const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

// `once`: a second signal ends the process immediately.
process.once('SIGTERM', async () => {
  isEnding = true;
  console.log(`Closing ${echo.sessions.size} sessions`);
  echo.broadcast('The server restarts');
  // The server must listen until this settles: polling clients fetch their last messages by new requests.
  const { flushed, dropped } = await echo.close({ timeout: 10_000 });
  console.log(`${flushed} sessions got everything, ${dropped} did not`);
  server.close();
  // Other responses get 5 s more.
  setTimeout(() => server.closeAllConnections(), 5_000).unref();
});
