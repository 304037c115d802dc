/**
 * Bounds the messages of each client, over all of its sessions: in memory, or for all processes together in the Redis of
 * `REDIS_URL`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { createClient } from 'redis';

/** `SECONDS` is the time in which a client may send its messages. */
const { PORT = '8080', SECONDS = '5', REDIS_URL } = process.env;

const RATE = { points: 20, duration: Number(SECONDS) };
/** Messages beyond them, in the same time, until the session is closed. */
const MAX_REFUSED = 40;

const limiter = REDIS_URL ? await redisLimiter(REDIS_URL).catch(giveUp) : new RateLimiterMemory(RATE);

async function redisLimiter(url: string): Promise<RateLimiterRedis> {
  const client = createClient({ url, disableOfflineQueue: true }); // Commands fail while Redis is away, rather than wait.
  await new Promise((resolve, reject) => {
    client.on('error', reject).connect().then(resolve, reject);
    setTimeout(reject, 5_000, 'it does not answer').unref();
  });
  client.on('error', (error) => console.error(String(error))); // From now on the client connects again by itself.
  // While Redis is away, each process counts for itself.
  const insuranceLimiter = new RateLimiterMemory(RATE);
  return new RateLimiterRedis({ ...RATE, storeClient: client, useRedisPackage: true, insuranceLimiter });
}

function giveUp(cause: unknown): never {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  console.error(`Cannot reach the Redis of REDIS_URL: ${code}`);
  process.exit(1);
}

/** Counts a message. Settles with the refusal where it is one too many. */
async function refusalOf(client: string): Promise<RateLimiterRes | undefined> {
  try {
    await limiter.consume(client);
    return undefined;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) {
      return refusal;
    }
    throw refusal;
  }
}

const limits = { allowedOrigins: 'same-origin', maxMessageSize: 4_096, maxSessionsPerClient: 10 } as const;
const app = express();
app.set('trust proxy', 'loopback'); // "same-origin", limits and `ip` then see the client behind a proxy.
app.use(
  '/echo',
  sockjs(limits, async (session) => {
    // With logins, take the name of the user.
    const client = session.request.ip ?? '';
    let isTold = false;
    // The next message is read once this one has been counted.
    for await (const message of session) {
      const refusal = await refusalOf(client);
      if (refusal === undefined) {
        isTold = false;
        session.send(message);
      } else if (refusal.consumedPoints > RATE.points + MAX_REFUSED) {
        session.close(4429, 'Too many messages');
        return; // What the client had sent meanwhile is not counted any more.
      } else if (!isTold) {
        isTold = true;
        session.send(`Too fast: wait ${Math.ceil(refusal.msBeforeNext / 1_000)} s`);
      }
    }
  }),
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
