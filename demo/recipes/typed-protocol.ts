/** A chat whose messages are typed JSON: zod checks what clients send, and the handler gets it with its type. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, type Session, type SockjsRouter, sockjs } from 'express-sockjs';
import * as z from 'zod';

const { PORT = '8080' } = process.env;

/** What a client may send. */
const ClientMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('rename'), name: z.string().trim().min(1).max(24) }),
  z.strictObject({ type: z.literal('say'), text: z.string().trim().min(1).max(500) }),
  z.strictObject({ type: z.literal('ping'), id: z.int().nonnegative() }),
]);

/** Messages as they come, as text. */
const ClientText = z
  .string()
  .transform((text, { issues }): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      issues.push({ code: 'custom', message: 'Not JSON', input: text });
      return z.NEVER;
    }
  })
  .pipe(ClientMessage);

/** What the server sends. Pages may import the types of both. */
export type ClientMessage = z.infer<typeof ClientMessage>;
export type ServerMessage =
  | { readonly type: 'said'; readonly name: string; readonly text: string }
  | { readonly type: 'pong'; readonly id: number }
  | { readonly type: 'invalid'; readonly errors: readonly string[] };

/** Invalid messages of one session until it is closed: a page of this server sends none. */
const MAX_INVALID = 5;

interface Person {
  name: string;
}

const send = (session: Session, message: ServerMessage) => session.send(JSON.stringify(message));
const broadcast = (message: ServerMessage) => chat.broadcast(JSON.stringify(message));

const limits = {
  allowedOrigins: 'same-origin',
  maxMessageSize: 4_096,
  maxSessions: 10_000,
  maxSessionsPerClient: 20,
} as const;
const chat: SockjsRouter = sockjs(limits, (session) => {
  const person = { name: 'Guest' };
  let invalid = 0;
  session.on('message', (text) => {
    const { success, data, error } = ClientText.safeParse(text);
    if (success) {
      handle(session, person, data);
      return;
    }
    invalid += 1;
    send(session, { type: 'invalid', errors: error.issues.map(describe) });
    if (invalid === MAX_INVALID) {
      session.close(4400, 'Too many invalid messages');
    }
  });
});

function handle(session: Session, person: Person, message: ClientMessage): void {
  switch (message.type) {
    case 'rename':
      person.name = message.name;
      break;
    case 'say':
      broadcast({ type: 'said', name: person.name, text: message.text });
      break;
    case 'ping':
      send(session, { type: 'pong', id: message.id });
      break;
    default:
      message satisfies never; // The compiler sees that no type is forgotten.
  }
}

/** As in `text: Too small: expected string to have >=1 characters`. */
function describe({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
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
