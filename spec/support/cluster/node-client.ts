/** The client of Redis of one process of an endpoint. */
import type { RedisClient } from '../../../lib/redis.ts';

/** ms between attempts to reach Redis again. */
const RETRY = 20;

const host = '127.0.0.1';

/** The clients that processes may use, by name. */
export type ClientName = 'node-redis' | 'ioredis';

/** Loads one client only: the others take their time. */
export async function connectClient(
  name: ClientName,
  port: number,
): Promise<{ client: RedisClient; close: () => void }> {
  if (name === 'node-redis') {
    const { createClient } = await import('redis');
    const client = createClient({ socket: { host, port, reconnectStrategy: RETRY } });
    client.on('error', () => {});
    await client.connect();
    return { client, close: () => client.destroy() };
  }
  const { Redis } = await import('ioredis');
  const client = new Redis({ host, port, retryStrategy: () => RETRY });
  client.on('error', () => {});
  return { client, close: () => client.disconnect() };
}
