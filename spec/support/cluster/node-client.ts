/** The client of Redis of one process of an endpoint. */
import type { RedisClient } from '../../../lib/redis.ts';

/** ms between attempts to reach Redis again. */
const RETRY = 20;

/** ms without an answer after which ioredis takes a server for one that hangs, and looks for another. */
const SILENCE = 2_000;

const host = '127.0.0.1';

/** The clients that processes may use, by name. */
export type ClientName = 'node-redis' | 'ioredis' | 'iovalkey';

/** What listens at the port that a client is given: the server itself, a Sentinel, or a server of Redis Cluster. */
export type RedisKind = 'server' | 'sentinel' | 'cluster';

/** The name by which Sentinels know the primary. */
export const PRIMARY_NAME = 'mine';

/** A client, and how the process closes it. */
interface Connected {
  readonly client: RedisClient;
  readonly close: () => void;
}

/** Loads one client only: the others take their time. */
export function connectClient(name: ClientName, port: number, kind: RedisKind = 'server'): Promise<Connected> {
  return name === 'node-redis' ? connectNodeRedis(port, kind) : connectIoRedis(name, port, kind);
}

async function connectNodeRedis(port: number, kind: RedisKind): Promise<Connected> {
  const { createClient, createCluster, createSentinel } = await import('redis');
  const socket = { host, port, reconnectStrategy: RETRY };
  const client = {
    server: () => createClient({ socket }),
    sentinel: () => createSentinel({ name: PRIMARY_NAME, sentinelRootNodes: [{ host, port }], reserveClient: true }),
    cluster: () => createCluster({ rootNodes: [{ socket }] }),
  }[kind]();
  client.on('error', () => {});
  await client.connect();
  return { client, close: () => void client.destroy() };
}

type IoRedis = Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>;

/** iovalkey is a fork of ioredis. */
async function importIoRedis(name: 'ioredis' | 'iovalkey'): Promise<IoRedis> {
  return name === 'ioredis' ? import('ioredis') : ((await import('iovalkey')) as unknown as IoRedis);
}

async function connectIoRedis(name: 'ioredis' | 'iovalkey', port: number, kind: RedisKind): Promise<Connected> {
  const { Redis, Cluster } = await importIoRedis(name);
  const at = { host, port };
  const retryStrategy = () => RETRY;
  const client = {
    server: () => new Redis({ ...at, retryStrategy }),
    sentinel: () => new Redis({ sentinels: [at], name: PRIMARY_NAME, retryStrategy, socketTimeout: SILENCE }),
    cluster: () => new Cluster([at], { redisOptions: { socketTimeout: SILENCE } }),
  }[kind]();
  client.on('error', () => {});
  return { client, close: () => client.disconnect() };
}
