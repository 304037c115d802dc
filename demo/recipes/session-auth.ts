/** A chat for users who logged in with express-session. The login holds on every transport, WebSocket included. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Request } from 'express';
import session from 'express-session';
import { attachUpgrade, sockjs } from 'express-sockjs';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

const { PORT = '8080', SECRET = randomBytes(32).toString('hex') } = process.env;
const passwords = new Map([['ann', 'correct horse']]); // A stand-in for your users. Store hashes instead.

const app = express();
app.set('trust proxy', 'loopback'); // "auto" and "same-origin" then respect a proxy's TLS.
// In production set a `store`: the default one is for development only.
const cookie = { sameSite: 'lax', secure: 'auto' } as const;
app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, cookie }));

const chat = sockjs<{ name: string }, Request>(
  {
    allowedOrigins: 'same-origin', // Otherwise any page could open sessions with the cookies of its visitors.
    authorize: ({ session: { user } }) => user !== undefined && { name: user },
    identify: (req) => req.sessionID, // Others cannot use a session id from a log.
    maxMessageSize: 4_096,
    maxSessionsPerClient: 10,
  },
  (session) => {
    session.on('message', (message) => chat.broadcast(`${session.data?.name}: ${message}`));
  },
);
app.use('/chat', chat);

app.post('/login', express.json({ limit: '1kb' }), (req, res, next) => {
  const { name, password } = req.body ?? {};
  if (typeof password !== 'string' || passwords.get(name) !== password) {
    res.sendStatus(401);
    return;
  }
  // A new id, since an attacker may have planted the old one.
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.user = name;
    res.sendStatus(204);
  });
});

app.post('/logout', (req, res, next) => {
  const { sessionID } = req;
  req.session.destroy((error) => {
    if (error) return next(error);
    // Not before: until the store has forgotten the login, further sessions may open with it.
    for (const session of chat.sessions) {
      if (session.request.sessionID === sessionID) {
        session.close(4401, 'Logged out');
      }
    }
    res.sendStatus(204);
  });
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
