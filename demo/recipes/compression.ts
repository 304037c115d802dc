/** Compresses long WebSocket messages by permessage-deflate, and the rest of the app by compression(). */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import compression from 'compression';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const app = express();
app.set('trust proxy', 'loopback'); // So that "same-origin" and limits see through a proxy.
app.use(compression()); // Leaves the HTTP transports alone, since they say `no-transform`: no frame is held back.
app.use(
  '/echo',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      maxMessageSize: 65_536, // Of a message as it is when unpacked.
      websocketServer: {
        perMessageDeflate: {
          threshold: 1_024, // Bytes; what is shorter goes as it is.
          // Each message by itself, so that the size of one tells nothing about another.
          serverNoContextTakeover: true,
          clientNoContextTakeover: true,
          zlibDeflateOptions: { level: 1, memLevel: 7 }, // Less work and memory than by default.
        },
      },
    },
    (session) => {
      session.on('message', (message) => session.send(message));
    },
  ),
);
app.get('/', (_req, res) => {
  res.send('<!doctype html><title>Compressed</title>'.padEnd(10_000, '<p>All work and no play'));
});

const server = createServer(app);
attachUpgrade(server);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
