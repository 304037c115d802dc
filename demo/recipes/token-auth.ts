/** Sessions for clients with a signed token: in the URL, in a cookie, or as the first message. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Request } from 'express';
import { attachUpgrade, type SessionHandler, sockjs } from 'express-sockjs';

interface User {
  readonly name: string;
}

const { PORT = '8080', SECRET = randomBytes(32).toString('hex') } = process.env;

/** A stand-in for your tokens, such as JWTs: `<name>.<expiry in ms since 1970>.<signature>`. */
const sign = (text: string) => `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;

function userOf(token: string): User | undefined {
  const [name = '', expires = ''] = token.split('.');
  const given = Buffer.from(token);
  const expected = Buffer.from(sign(`${name}.${expires}`));
  const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
  return isGenuine && Number(expires) > Date.now() ? { name } : undefined;
}

/** From `new SockJS('/ticket?token=…')`, or a cookie. Browsers cannot set headers on a WebSocket. */
const tokenOf = ({ query: { token }, headers: { cookie = '' } }: Request): string =>
  typeof token === 'string' ? token : (/(?:^|; )token=([^;]*)/.exec(cookie)?.[1] ?? '');

const greet: SessionHandler<User, Request> = async (session) => {
  session.send(`Hello ${session.data?.name}`);
  for await (const message of session) {
    session.send(message);
  }
};

const limits = { allowedOrigins: 'same-origin', maxMessageSize: 4_096, maxSessionsPerClient: 100 } as const;
const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
app.use('/ticket', sockjs({ ...limits, authorize: (req) => userOf(tokenOf(req)) ?? false, identify: tokenOf }, greet));
app.use(
  '/first-message',
  sockjs<User, Request>(limits, async (session) => {
    // No message within 5 s counts as no token.
    const token = await session.recv({ signal: AbortSignal.timeout(5_000) }).catch(() => '');
    session.data = userOf(token);
    return session.data === undefined ? session.close(4401, 'Invalid token') : greet(session);
  }),
);

const server = createServer(app);
attachUpgrade(server);
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  console.log(`A token for a minute, as your login would give it: ${sign(`ann.${Date.now() + 60_000}`)}`);
});
