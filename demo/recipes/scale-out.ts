/** One of many processes that share their sessions by Redis, with health checks, and metrics for Prometheus. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';
import { redisCluster } from 'express-sockjs/redis';
import { createClient } from 'redis';

/** `POD_IP` is the address of this machine, by which the proxy and the other processes reach it. */
const { PORT = '8080', HEALTH_PORT = '8081', POD_IP = '127.0.0.1', REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

const client = createClient({ url: REDIS_URL });
client.on('error', (error) => console.error(String(error)));
await client.connect();

const cluster = redisCluster(client, { name: 'echo', listen: { host: POD_IP } });
const echo = sockjs({ cluster, allowedOrigins: 'same-origin', maxMessageSize: 65_536 }, (session) => {
  session.on('message', (message) => session.send(message));
});
const status = () => echo.cluster?.status;
echo.cluster?.on('status', (now) => console.log(`The cluster is ${now}`));

const server = createServer(express().set('trust proxy', 'loopback').use('/echo', echo));
attachUpgrade(server);
server.listen(Number(PORT), POD_IP, () => {
  console.log(`Listening on http://${POD_IP}:${(server.address() as AddressInfo).port}/`);
});

let isEnding = false;

// On a separate port, which the proxy does not expose.
const health = express();
health.get('/live', (_req, res) => {
  res.sendStatus(200); // Neither Redis nor other processes count: all would be restarted at once, and for nothing.
});
health.get('/ready', (_req, res) => {
  res.sendStatus(isEnding || status() === 'down' ? 503 : 200); // With "degraded" the sessions go on.
});
health.get('/metrics', (_req, res) => {
  const { cluster: now } = echo.stats();
  const lines = [
    `sockjs_cluster_up ${Number(status() === 'up')}`,
    `sockjs_cluster_nodes ${now?.nodes ?? 0}`,
    `sockjs_cluster_links{direction="dialled"} ${now?.links.dialled ?? 0}`,
    `sockjs_cluster_links{direction="accepted"} ${now?.links.accepted ?? 0}`,
    `sockjs_cluster_links_ended_total ${sum(now?.linksEnded)}`,
    `sockjs_cluster_links_failed_total ${sum(now?.linksFailed)}`,
    `sockjs_cluster_relayed_total{direction="in"} ${sum(now?.relayedIn)}`,
    `sockjs_cluster_relayed_total{direction="out"} ${sum(now?.relayedOut)}`,
    `sockjs_cluster_queued_bytes ${now?.queuedBytes ?? 0}`,
    `sockjs_cluster_round_trip_seconds ${(now?.roundTrip ?? 0) / 1000}`,
    '',
  ];
  res.type('text/plain; version=0.0.4').send(lines.join('\n'));
});
const healthServer = health.listen(Number(HEALTH_PORT), POD_IP, () => {
  console.log(`Health on http://${POD_IP}:${(healthServer.address() as AddressInfo).port}/`);
});

function sum(counts: object = {}): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

process.once('SIGTERM', async () => {
  isEnding = true;
  await echo.close({ timeout: 10_000 });
  server.close();
  healthServer.close().closeAllConnections();
  await client.close(); // The router needs it until then.
  // Other responses get 5 s more.
  setTimeout(() => server.closeAllConnections(), 5_000).unref();
});
