/** Sessions for clients with a signed token (a JWT): in the URL, in a cookie, or as the first message. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseCookie } from 'cookie';
import express, { type Request } from 'express';
import { attachUpgrade, type SessionHandler, sockjs } from 'express-sockjs';
import { errors, jwtVerify, SignJWT } from 'jose';

interface User {
  readonly name: string;
}

const { PORT = '8080', SECRET = randomBytes(32).toString('hex') } = process.env;
/** ms that a client has for its first message. */
const { HELLO_MS = '5000' } = process.env;

const key = new TextEncoder().encode(SECRET);
if (key.length < 32) {
  throw new Error('SECRET must have at least 32 bytes, as HS256 asks for'); // jose does not check it.
}
/** A token for something else, or by another algorithm, is none for this chat. */
const audience = 'chat';
const algorithm = 'HS256';

/** As your login would do it. */
const sign = (name: string): Promise<string> =>
  new SignJWT()
    .setProtectedHeader({ alg: algorithm })
    .setSubject(name)
    .setAudience(audience)
    .setExpirationTime('1m')
    .sign(key);

async function userOf(token: string): Promise<User | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, { audience, algorithms: [algorithm], requiredClaims: ['exp'] });
    return payload.sub ? { name: payload.sub } : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) {
      return undefined; // Malformed, forged, expired, or for something else.
    }
    throw error;
  }
}

/** From `new SockJS('/ticket?token=…')`, or a cookie. Browsers cannot set headers on a WebSocket. */
const tokenOf = ({ query: { token }, headers: { cookie = '' } }: Request): string =>
  typeof token === 'string' ? token : (parseCookie(cookie)['token'] ?? '');

const greet: SessionHandler<User, Request> = async (session) => {
  session.send(`Hello ${session.data?.name}`);
  for await (const message of session) {
    session.send(message);
  }
};

const limits = { allowedOrigins: 'same-origin', maxMessageSize: 4_096, maxSessionsPerClient: 100 } as const;
const app = express();
app.set('trust proxy', 'loopback'); // "same-origin" and limits then see the client behind a proxy.
const authorize = async (req: Request) => (await userOf(tokenOf(req))) ?? false;
app.use('/ticket', sockjs({ ...limits, authorize, identify: tokenOf }, greet));
app.use(
  '/first-message',
  sockjs<User, Request>(limits, async (session) => {
    // Without `identify`, a client that learns the id of another's session can use it over HTTP. See the guide.
    // No message in time counts as no token.
    const token = await session.recv({ signal: AbortSignal.timeout(Number(HELLO_MS)) }).catch(() => '');
    session.data = await userOf(token);
    return session.data === undefined ? session.close(4401, 'Invalid token') : greet(session);
  }),
);

const example = await sign('ann');
const server = createServer(app);
attachUpgrade(server);
server.on('error', ({ message }) => {
  console.error(message); // Such as that the port is taken.
  process.exit(1);
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  console.log(`A token for a minute, as your login would give it: ${example}`);
});
