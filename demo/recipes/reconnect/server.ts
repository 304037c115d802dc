/** A chat whose clients reconnect and miss nothing: the server half numbers and keeps the messages of each client. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { attachUpgrade, type Session, sockjs } from 'express-sockjs';
import { ReplayLogs } from './replay.ts';

/** Messages that are kept for each client, and the ms for which they are kept while it is away. */
const { PORT = '8080', MAX_MESSAGES = '1000', KEEP_MS = '60000' } = process.env;
/** ms that a client has for its first message, and sessions that there may be. */
const { HELLO_MS = '30000', MAX_SESSIONS = '1000' } = process.env;

const logs = new ReplayLogs({
  maxMessages: Number(MAX_MESSAGES),
  maxLength: 256 * 1024,
  maxAway: 1_000, // 1000 logs of 256 Ki code units are half a gigabyte at most.
  keepFor: Number(KEEP_MS),
});

async function chat(session: Session): Promise<void> {
  const hello = await session.recv({ signal: AbortSignal.timeout(Number(HELLO_MS)) }).catch(() => undefined);
  if (hello === undefined) {
    session.close(4000, 'No first message in time'); // The client tries again.
    return;
  }
  if (logs.open(session, hello) === undefined) {
    session.close(4400, 'Say first where you were'); // It does not.
    return;
  }
  for await (const text of session) {
    if (text === '/cut') {
      session.close(4000, 'Cut'); // To try what a client does then.
    } else {
      logs.broadcast(text);
    }
  }
}

const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use(
  '/chat',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      sockjsUrl: '/sockjs.min.js',
      maxMessageSize: 4_096,
      maxSessions: Number(MAX_SESSIONS), // Each has a log. With those of clients that are away, a gigabyte at most.
      maxSessionsPerClient: 100,
    },
    chat,
  ),
);
const sockjsClient = fileURLToPath(import.meta.resolve('sockjs-client/dist/sockjs.min.js'));
app.get('/sockjs.min.js', (_req, res) => res.sendFile(sockjsClient));
app.use(express.static(fileURLToPath(new URL('./public', import.meta.url))));

const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
