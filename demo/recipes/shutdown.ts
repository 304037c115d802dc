/** Ends on SIGTERM without cutting anybody off: readiness first, then the sessions, then the server. */
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
app.set('trust proxy', 'loopback'); // So that "same-origin" and limits see through a proxy.
app.use('/echo', echo);
app.get('/ready', (_req, res) => {
  res.sendStatus(isEnding ? 503 : 200); // For the load balancer, which then sends nobody here any more.
});

const server = createServer(app);
attachUpgrade(server);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

// `once`: a second signal ends the process at once.
process.once('SIGTERM', async () => {
  isEnding = true;
  console.log(`Closing ${echo.sessions.size} sessions`);
  echo.broadcast('The server restarts');
  // The server has to listen until this settles: clients that poll come for their last messages in new requests.
  const { flushed, dropped } = await echo.close({ timeout: 10_000 });
  console.log(`${flushed} sessions got everything, ${dropped} did not`);
  server.close();
  // Other answers that are still under way get 5 s more.
  setTimeout(() => server.closeAllConnections(), 5_000).unref();
});
