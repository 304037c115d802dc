/** STOMP in browsers to RabbitMQ: one connection to the broker a session, at the pace of the slower side. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { attachUpgrade, type Session, SessionNotOpenError, sockjs } from 'express-sockjs';

/** RabbitMQ listens there once its plugin is enabled: `rabbitmq-plugins enable rabbitmq_stomp`. */
const { PORT = '8080', STOMP_HOST = '127.0.0.1', STOMP_PORT = '61613' } = process.env;
/** ms that the broker has to accept a connection, and to close one that the client has left. */
const { CONNECT_MS = '10000', LEAVE_MS = '10000' } = process.env;

/** Settles with a connection to the broker. Rejects where there is none in time, or the signal is aborted before. */
async function dial(...signals: AbortSignal[]): Promise<Socket> {
  const socket = connect({ host: STOMP_HOST, port: Number(STOMP_PORT), noDelay: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([...signals, AbortSignal.timeout(Number(CONNECT_MS))]) });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.on('error', () => {}); // Those who read and write are told as well.
  return socket;
}

/** Joins what the client has cut between the two halves of a character. UTF-8 has no such halves. */
async function* wholeCharacters(messages: AsyncIterable<string>): AsyncGenerator<string> {
  let half = '';
  for await (const message of messages) {
    const text = half + message;
    half = /[\ud800-\udbff]/.test(text.slice(-1)) ? text.slice(-1) : '';
    yield text.slice(0, text.length - half.length);
  }
}

/** Sends the client what the broker writes. Settles with why that is over. */
async function toClient(socket: Socket, session: Session): Promise<[code: number, reason: string]> {
  // STOMP clients put frames together from any chunks. Where a chunk ends within a character, its rest comes with the
  // next one. A body that is no text is an error: with other bytes in its place, its length would be wrong.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      const text = decoder.decode(chunk, { stream: true });
      if (text !== '') {
        session.send(text);
      }
      await session.drained(); // Until then the broker is not read.
    }
  } catch (error) {
    if (error instanceof SessionNotOpenError) {
      socket.resume(); // The broker sees the end only when it can write what it had begun.
      return [1000, 'The client has left'];
    }
    if (!socket.destroyed) {
      socket.destroy();
      return [4415, 'The broker has sent a body that is no text'];
    }
  }
  return [4502, 'The broker has closed the connection'];
}

async function relay(session: Session): Promise<void> {
  // What the client sends meanwhile waits in the session.
  const socket = await dial(session.signal).catch(() => undefined);
  if (socket === undefined) {
    session.close(4503, 'The broker cannot be reached');
    return;
  }
  // A broker may keep its end open when the client has left.
  const cutLater = () => setTimeout(() => socket.destroy(), Number(LEAVE_MS)).unref();
  session.signal.aborted ? cutLater() : session.signal.addEventListener('abort', cutLater, { once: true });
  // Reads the client no faster than the broker does. When the client leaves, the broker gets the rest, then the end.
  const toBroker = pipeline(session, wholeCharacters, socket).catch(() => {});
  session.close(...(await toClient(socket, session)));
  await toBroker;
}

const fileOf = (specifier: string) => fileURLToPath(import.meta.resolve(specifier));

const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use(
  '/stomp',
  sockjs(
    {
      allowedOrigins: 'same-origin',
      sockjsUrl: '/sockjs.min.js',
      maxMessageSize: 1024 * 1024, // A client on HTTP sends all that waits as one request, also a frame in pieces.
      maxReceiveBuffer: 1024 * 1024, // Beyond it the client waits for the broker.
      maxSendBuffer: 1024 * 1024, // Never reached: from `sendHighWaterMark` on, the broker waits for the client.
      maxSessionsPerClient: 100, // Each is a connection to the broker.
    },
    relay,
  ),
);
app.use('/stompjs', express.static(dirname(fileOf('@stomp/stompjs'))));
app.get('/sockjs.min.js', (_req, res) => res.sendFile(fileOf('sockjs-client/dist/sockjs.min.js')));
app.use(express.static(fileURLToPath(new URL('./public', import.meta.url))));

try {
  (await dial()).destroy();
} catch (error) {
  const { code, name } = error as NodeJS.ErrnoException;
  console.error(`No broker answers at ${STOMP_HOST}:${STOMP_PORT} (${code ?? name}); set STOMP_HOST and STOMP_PORT`);
  process.exit(1);
}
const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
