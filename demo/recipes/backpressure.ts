/** Sends rows no faster than each client receives them, and reads requests no faster than it answers them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, type Session, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

const MAX_ROWS = 100_000;

/** A stand-in for your database. A row has about 1 kB. */
function* rows(count: number): Generator<string> {
  for (let number = 1; number <= count; number += 1) {
    yield JSON.stringify({ number, text: 'x'.repeat(1_000) });
  }
}

/** Each message is a number of rows to send. */
async function answer(session: Session): Promise<void> {
  // When the client leaves, recv() and drained() reject with a SessionNotOpenError. It ends this function; the router
  // does not report it.
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
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use(
  '/rows',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      sendHighWaterMark: 64 * 1024, // From here on drained() waits.
      maxSendBuffer: 1024 * 1024, // Here the session is closed with 1013. Code that awaits drained() never reaches it.
      maxMessageSize: 4 * 1024,
      maxReceiveBuffer: 4 * 1024, // Bytes of unread requests. Beyond them the client has to wait.
    },
    answer,
  ),
);

const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
