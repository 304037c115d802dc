/**
 * Who is in a room: newcomers get the list, and the room is told who comes and who leaves. A person with many tabs counts
 * once.
 *
 * It knows the people of its own process. With the option `cluster` the messages reach the room at all processes, but each
 * process lists its own people, and tells of a person who is at two processes twice.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Request } from 'express';
import { attachUpgrade, type SockjsRouter, sockjs } from 'express-sockjs';

/** ms from the end of a person's last session until the room is told. Those who reload a page come back before. */
const { PORT = '8080', LEAVE_DELAY = '3000' } = process.env;

interface Person {
  readonly name: string;
  readonly room: string;
}

/** The people of each room, with the number of their sessions. Clients choose from these rooms. */
const rooms = new Map(['lobby', 'cooking', 'cycling'].map((room) => [room, new Map<string, number>()]));

/** From `new SockJS('/chat?room=lobby&name=ann')`. A stand-in for your logins: take the name of the user. */
const authorize = ({ query: { name, room } }: Request): Person | false =>
  typeof name === 'string' && /^\p{L}{1,24}$/u.test(name) && typeof room === 'string' && rooms.has(room)
    ? { name, room }
    : false;

const limits = {
  allowedOrigins: 'same-origin',
  maxMessageSize: 4_096,
  maxSessions: 1_000,
  maxSessionsPerClient: 20,
} as const;
const chat: SockjsRouter<Person> = sockjs<Person, Request>({ ...limits, authorize }, (session) => {
  const { name, room } = session.data ?? { name: '', room: '' };
  const people = rooms.get(room) ?? new Map<string, number>();
  const tell = (message: object) => chat.to(room).send(JSON.stringify(message), { except: session });

  const before = people.get(name) ?? 0;
  people.set(name, before + 1);
  session.join(room);
  session.send(JSON.stringify({ type: 'here', names: [...people.keys()] }));
  if (before === 0) {
    tell({ type: 'joined', name });
  }

  session.on('message', (text) => tell({ type: 'said', name, text }));
  session.on('close', () => setTimeout(leave, Number(LEAVE_DELAY)));

  function leave(): void {
    const left = (people.get(name) ?? 0) - 1;
    if (left > 0) {
      people.set(name, left);
    } else {
      people.delete(name);
      tell({ type: 'left', name });
    }
  }
});

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
