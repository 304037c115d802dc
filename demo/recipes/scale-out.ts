/** One of many processes that share their sessions by Redis, with health checks, and metrics for Prometheus. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, type SockjsRouter, sockjs } from 'express-sockjs';
import { redisCluster } from 'express-sockjs/redis';
import { Counter, Gauge, Registry } from 'prom-client';
import { createClient } from 'redis';

/** Ports of the application, of the health checks, and of the links between the processes. 0 is any that is free. */
const { PORT = '8080', HEALTH_PORT = '8081', LINK_PORT = '0' } = process.env;
/** `POD_IP` is the address of this machine, by which the proxy and the other processes reach it. */
const { POD_IP = '127.0.0.1', TRUST_PROXY = 'loopback', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;
/** ms from SIGTERM to the end of the sessions. Meanwhile balancers see that the process is not ready. */
const { DRAIN_MS = '0' } = process.env;
/** With 1, the process waits for a Redis that does not answer when it starts. Otherwise it ends. */
const { WAIT_FOR_REDIS = '0' } = process.env;

let echo: SockjsRouter | undefined;
let isEnding = false;
const status = () => echo?.cluster?.status ?? 'down';

// What stats() has is read when Prometheus asks.
const registry = new Registry();
const registers = [registry];
const figures = () => echo?.stats().cluster;
gauge('sockjs_cluster_up', 'Whether Redis and all processes answer', () => Number(status() === 'up'));
gauge('sockjs_cluster_nodes', 'Other processes', () => figures()?.nodes ?? 0);
gauge(
  'sockjs_cluster_queued_bytes',
  'Bytes that other processes have not taken yet',
  () => figures()?.queuedBytes ?? 0,
);
gauge('sockjs_cluster_round_trip_seconds', 'The slowest link', () => (figures()?.roundTrip ?? 0) / 1_000);
counter('sockjs_cluster_links_ended_total', 'Links that have ended', () => sum(figures()?.linksEnded));
counter('sockjs_cluster_links_failed_total', 'Links that were not made', () => sum(figures()?.linksFailed));
new Gauge({
  name: 'sockjs_cluster_links',
  help: 'Links to and from other processes',
  labelNames: ['direction'],
  registers,
  collect() {
    const { dialled = 0, accepted = 0 } = figures()?.links ?? {};
    this.set({ direction: 'dialled' }, dialled);
    this.set({ direction: 'accepted' }, accepted);
  },
});
new Counter({
  name: 'sockjs_cluster_relayed_total',
  help: 'Requests from and to other processes',
  labelNames: ['direction'],
  registers,
  collect() {
    this.reset(); // stats() has sums, and a counter of prom-client adds.
    this.inc({ direction: 'in' }, sum(figures()?.relayedIn));
    this.inc({ direction: 'out' }, sum(figures()?.relayedOut));
  },
});

// On a separate port, which the proxy does not expose. It listens before Redis has answered.
const health = express();
health.get('/live', (_req, res) => {
  res.sendStatus(200); // Neither Redis nor other processes count: all would be restarted at once, and for nothing.
});
health.get('/ready', (_req, res) => {
  res.sendStatus(isEnding || status() === 'down' ? 503 : 200); // With "degraded" the sessions go on.
});
health.get('/metrics', async (_req, res) => {
  res.type(registry.contentType).send(await registry.metrics());
});
const healthServer = createServer(health);
healthServer.on('error', fail);
healthServer.listen(Number(HEALTH_PORT), POD_IP);
await once(healthServer, 'listening');
console.log(`Health on http://${POD_IP}:${(healthServer.address() as AddressInfo).port}/`);

process.on('SIGTERM', end); // Kubernetes, Docker, systemd
process.on('SIGINT', end); // PM2
const client = await connectToRedis().catch(giveUp);

const cluster = redisCluster(client, { name: 'echo', listen: { host: POD_IP, port: Number(LINK_PORT) } });
echo = sockjs({ cluster, allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => session.send(message));
});
echo.cluster?.on('status', (now) => console.log(`The cluster is ${now}`));
echo.cluster?.once('status', () => process.send?.('ready')); // For PM2, with `wait_ready`.

// Addresses of proxies, or how many there are on the way.
const proxies = /^\d+$/.test(TRUST_PROXY) ? Number(TRUST_PROXY) : TRUST_PROXY;
const server = createServer(express().set('trust proxy', proxies).use('/echo', echo));
attachUpgrade(server);
server.on('error', fail);
// Longer than proxies keep idle connections, 60 s in nginx: a request on one that just closes would be lost.
server.keepAliveTimeout = 65_000;
server.listen(Number(PORT), POD_IP, () => {
  console.log(`Listening on http://${POD_IP}:${(server.address() as AddressInfo).port}/`);
});

async function end(): Promise<void> {
  if (echo === undefined || isEnding) {
    process.exit(); // There are no sessions yet, since Redis has not answered; or this is the second signal.
  }
  isEnding = true;
  await setTimeout(Number(DRAIN_MS));
  if (echo.cluster?.peers.length !== 0) {
    server.close(); // The others take new requests, those for sessions that end here as well.
  }
  await echo.close({ timeout: 10_000 });
  server.close();
  healthServer.close().closeAllConnections();
  await client.close(); // The router needs it until then.
  if (process.connected) {
    process.disconnect(); // From PM2, whose workers do not end before.
  }
  // Other responses get 5 s more.
  await setTimeout(5_000, undefined, { ref: false });
  server.closeAllConnections();
}

/** Settles once Redis answers. */
async function connectToRedis() {
  const redis = createClient({ url: REDIS_URL });
  if (WAIT_FOR_REDIS !== '1') {
    await new Promise((resolve, reject) => {
      redis.on('error', reject).connect().then(resolve, reject);
      setTimeout(5_000, 'it does not answer', { ref: false }).then(reject);
    });
  }
  redis.on('error', (error) => console.error(String(error))); // The client connects again by itself.
  return redis.isOpen ? redis : redis.connect();
}

function giveUp(cause: unknown): never {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  console.error(`Cannot reach the Redis of REDIS_URL: ${code}`);
  process.exit(1);
}

function fail({ message }: Error): never {
  console.error(message); // Such as that a port is taken.
  process.exit(1);
}

function gauge(name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

function counter(name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function sum(counts: object = {}): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
