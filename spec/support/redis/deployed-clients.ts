/** The Redis clients that a registry takes, connected by Sentinel or by TLS. */
import { Redis as Redis6 } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey } from 'iovalkey';
import { createClient as createClient6, createClientPool, createSentinel } from 'redis';
import { createClient as createClient4 } from 'redis4';
import { PRIMARY_NAME } from '../cluster/node-client.ts';
import { TLS } from '../tls-certificate.ts';
import type { Connect } from './clients.ts';

const host = '127.0.0.1';

/** ms between attempts to connect again. */
const RETRY = 10;

const ca = TLS.cert;

function ignoreErrors(client: { on(event: 'error', listener: () => void): unknown }): void {
  client.on('error', () => {});
}

function ioredis<Client extends Redis6 | Redis5 | Valkey>(make: (port: number) => Client): Connect {
  return ({ port }) => {
    const client = make(port);
    ignoreErrors(client);
    return { client, close: () => client.disconnect() };
  };
}

/** As an application writes it. The port is that of the Sentinel. */
const bySentinel = (port: number) => ({
  sentinels: [{ host, port }],
  name: PRIMARY_NAME,
  retryStrategy: () => RETRY,
  sentinelRetryStrategy: () => RETRY,
});

/** Clients that a Sentinel leads to the primary, by name. */
export const SENTINEL_CLIENTS: Readonly<Record<string, Connect>> = {
  'node-redis 6': async ({ port }) => {
    const client = createSentinel({ name: PRIMARY_NAME, sentinelRootNodes: [{ host, port }] });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'ioredis 6': ioredis((port) => new Redis6(bySentinel(port))),
  'ioredis 5': ioredis((port) => new Redis5(bySentinel(port))),
  iovalkey: ioredis((port) => new Valkey(bySentinel(port))),
};

/** Clients of one server that takes TLS at this port, by name. */
export const TLS_CLIENTS: Readonly<Record<string, Connect>> = {
  'node-redis 6': async ({ port }) => {
    const client = createClient6({ url: `rediss://${host}:${port}`, socket: { tls: true, ca } });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'a pool of node-redis 6': async ({ port }) => {
    const client = createClientPool({ url: `rediss://${host}:${port}`, socket: { tls: true, ca } });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  'node-redis 4': async ({ port }) => {
    const client = createClient4({ url: `rediss://${host}:${port}`, socket: { tls: true, ca } });
    ignoreErrors(client);
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
  'ioredis 6': ioredis((port) => new Redis6(`rediss://${host}:${port}`, { tls: { ca } })),
  'ioredis 5': ioredis((port) => new Redis5(`rediss://${host}:${port}`, { tls: { ca } })),
  iovalkey: ioredis((port) => new Valkey(`rediss://${host}:${port}`, { tls: { ca } })),
};
