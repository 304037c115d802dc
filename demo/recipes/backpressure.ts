/** Sends rows no faster than each client takes them, and reads requests no faster than it answers them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, type Session, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const MAX_ROWS = 100_000;

/** Stands for your database: 1 KB a row. */
function* rows(count: number): Generator<string> {
  for (let number = 1; number <= count; number += 1) {
    yield JSON.stringify({ number, text: 'x'.repeat(1_000) });
  }
}

/** A message is a number of rows to send. */
async function answer(session: Session): Promise<void> {
  // Both waits end by a SessionNotOpenError when the client leaves, and the session with it; nobody has to catch it.
  for (;;) {
    const count = Number(await session.recv());
    if (!(count >= 0 && count <= MAX_ROWS)) {
      session.close(4400, `Ask for 0 to ${MAX_ROWS} rows`);
      return;
    }
    for (const row of rows(count)) {
      session.send(row);
      await session.drained();
    }
    session.send(`That was all ${count}`);
  }
}

const app = express();
app.set('trust proxy', 'loopback'); // So that "same-origin" and limits see through a proxy.
app.use(
  '/rows',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      sendHighWaterMark: 64 * 1024, // From here on drained() waits.
      maxSendBuffer: 1024 * 1024, // Here the client is given up; nobody who waits for drained() gets this far.
      maxMessageSize: 4 * 1024,
      maxReceiveBuffer: 4 * 1024, // Of requests that wait to be read; from here on the client has to wait.
    },
    answer,
  ),
);

const server = createServer(app);
attachUpgrade(server);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
