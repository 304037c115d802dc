/** A chat with rooms: messages go to the sender's room, and the number of sessions goes to all clients. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, type SockjsRouter, sockjs } from 'express-sockjs';

const { PORT = '8080' } = process.env;

/** Clients choose from this list. With names of their own they could make any number of rooms. */
const ROOMS: ReadonlySet<string> = new Set(['lobby', 'cooking', 'cycling']);

let guests = 0;

const limits = {
  allowedOrigins: 'same-origin',
  maxMessageSize: 4_096,
  maxSessions: 10_000,
  maxSessionsPerClient: 20,
} as const;
const chat: SockjsRouter = sockjs(limits, (session) => {
  guests += 1;
  const name = `Guest ${guests}`;
  let room = 'lobby';
  session.join(room);
  tellCount();

  session.on('message', (message) => {
    const [, wanted] = /^\/join (.*)$/.exec(message) ?? [];
    if (wanted === undefined) {
      chat.to(room).send(`${name}: ${message.slice(0, 500)}`, { except: session });
    } else if (ROOMS.has(wanted)) {
      chat.to(room).send(`${name} goes to ${wanted}`, { except: session });
      session.leave(room);
      room = wanted;
      session.join(room);
      session.send(`You are in ${room}`);
    } else {
      session.send(`There are ${[...ROOMS].join(', ')}`);
    }
  });
  session.on('close', tellCount); // The session leaves its room without a call.
});

function tellCount(): void {
  chat.broadcast(`${chat.sessions.size} here`);
}

const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use('/chat', chat);

const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
