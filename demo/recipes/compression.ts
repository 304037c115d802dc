/** Compresses long WebSocket messages with permessage-deflate, and the rest of the app with compression(). */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import compression from 'compression';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use(compression()); // Skips the HTTP transports, whose responses carry `no-transform`, so it delays no frame.
app.use(
  '/echo',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      maxMessageSize: 65_536, // Bytes of a decompressed message.
      websocketServer: {
        perMessageDeflate: {
          threshold: 1_024, // Bytes. Shorter messages are not compressed.
          // Compresses each message separately, so the size of one reveals nothing about another.
          serverNoContextTakeover: true,
          clientNoContextTakeover: true,
          zlibDeflateOptions: { level: 1, memLevel: 7 }, // Less CPU and memory than the defaults.
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
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
