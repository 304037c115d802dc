/** The Redis clients that a registry takes, connected to the redis-server of a suite. */
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey';
import { createClient as createClient6, createClientPool, createCluster as createCluster6 } from 'redis';
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4';
import type { RedisClient } from '../../../lib/cluster/redis/client.ts';

/** A client that a test has connected. */
export interface Connected {
  readonly client: RedisClient;
  /** Cuts its connections. */
  close(): void | Promise<void>;
}

/** How to connect. */
export interface Settings {
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** Makes and connects a client. */
export type Connect = (settings: Settings) => Connected | Promise<Connected>;

const host = '127.0.0.1';

/** ms between attempts to connect again. */
const RETRY = 10;

/** Clients tell of each failed attempt to connect while the server is away. */
function ignoreErrors(client: { on(event: 'error', listener: () => void): unknown }): void {
  client.on('error', () => {});
}

function ioredis<Client extends Redis6 | Redis5 | Valkey>(
  make: (options: { host: string; port: number; retryStrategy: () => number }) => Client,
): Connect {
  return (settings) => {
    const client = make({ host, ...settings, retryStrategy: () => RETRY });
    ignoreErrors(client);
    return { client, close: () => client.disconnect() };
  };
}

/** Clients of one server, by name. */
export const CLIENTS: Readonly<Record<string, Connect>> = {
  'node-redis 6': async ({ port, ...user }) => {
    const client = createClient6({ socket: { host, port, reconnectStrategy: RETRY }, ...user });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'a pool of node-redis 6': async ({ port, ...user }) => {
    const client = createClientPool({ socket: { host, port, reconnectStrategy: RETRY }, ...user });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'node-redis 4': async ({ port, ...user }) => {
    const client = createClient4({ socket: { host, port, reconnectStrategy: () => RETRY }, ...user });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
  'ioredis 6': ioredis((options) => new Redis6(options)),
  'ioredis 5': ioredis((options) => new Redis5(options)),
  iovalkey: ioredis((options) => new Valkey(options)),
};

/** Clients of Redis Cluster, by name. */
export const CLUSTER_CLIENTS: Readonly<Record<string, Connect>> = {
  'node-redis 6': async ({ port, ...user }) => {
    const client = createCluster6({ rootNodes: [{ socket: { host, port }, ...user }], defaults: user });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'node-redis 4': async ({ port, ...user }) => {
    const client = createCluster4({ rootNodes: [{ socket: { host, port }, ...user }], defaults: user });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
  'ioredis 6': ({ port, ...user }) => {
    const client = new Cluster6([{ host, port }], { redisOptions: user });
    ignoreErrors(client);
    return { client, close: () => client.disconnect() };
  },
  'ioredis 5, which reads from replicas': ({ port, ...user }) => {
    const client = new Cluster5([{ host, port }], { scaleReads: 'slave', redisOptions: user });
    ignoreErrors(client);
    return { client, close: () => client.disconnect() };
  },
  iovalkey: ({ port, ...user }) => {
    const client = new ValkeyCluster([{ host, port }], { redisOptions: user });
    ignoreErrors(client);
    return { client, close: () => client.disconnect() };
  },
};
