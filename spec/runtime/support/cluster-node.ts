/**
 * A process of a cluster: by Redis where `REDIS_PORT` is set, else a primary of `node:cluster` with two workers. Each
 * process listens at a port of its own. Tells of its cluster at `/cluster`.
 */
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { nodeCluster, setupPrimary } from '../../../lib/cluster.ts';
import { attachUpgrade, type ClusterAdapter, type Session, sockjs } from '../../../lib/index.ts';
import { redisCluster } from '../../../lib/redis.ts';
import { type ClientName, connectClient } from '../../support/cluster/node-client.ts';
import type { NodeFacts } from './cluster.ts';

const WORKERS = 2;
const PORTION = 'x'.repeat(65_536);
const PORTIONS = 1_000;

/** A stream takes a whole flood; a message may be as large as many pieces on a link. */
const LIMITS = { responseLimit: Number.MAX_SAFE_INTEGER, maxMessageSize: 4 * 1024 * 1024 };

const { REDIS_PORT, REDIS_CLIENT, NODE_TIMEOUT } = process.env;

/** How many portions the last flood has sent. */
let sent = 0;

/** Where this process listens for links; known once it has joined. */
let linkAddress = '';

/** Has the address of this process known, which it tells its registry alone. */
function revealAddress(adapter: ClusterAdapter): ClusterAdapter {
  const { registry } = adapter;
  const renew = registry.renew.bind(registry);
  registry.renew = (node, lease) => {
    linkAddress = node.address;
    return renew(node, lease);
  };
  return adapter;
}

async function adapter(): Promise<ClusterAdapter> {
  const options = { name: 'echo', nodeTimeout: Number(NODE_TIMEOUT) };
  if (REDIS_PORT === undefined) {
    return nodeCluster(options);
  }
  const { client } = await connectClient(REDIS_CLIENT as ClientName, Number(REDIS_PORT));
  return redisCluster(client, options);
}

/** Sends more than kernels, links and buffers hold, at the pace of the client. */
async function flood(to: Session): Promise<void> {
  for (sent = 0; sent < PORTIONS; sent += 1) {
    await to.drained();
    to.send(PORTION);
  }
  console.log('sent all');
}

async function serve(): Promise<void> {
  const router = sockjs({ cluster: revealAddress(await adapter()), ...LIMITS }, (session) => {
    session.join('everyone');
    session.on('message', (message) => {
      if (message === 'flood') {
        void flood(session).catch(() => {});
      } else {
        session.send(message);
      }
    });
  });
  const app = express();
  app.use('/echo', router);
  app.get('/cluster', (_req, res) => {
    const { status = 'down', peers = [] } = router.cluster ?? {};
    const { links, linksEnded, linksFailed } = router.stats().cluster ?? {};
    const { pid } = process;
    const now = performance.now();
    const facts: NodeFacts = { pid, now, status, peers, links, linksEnded, linksFailed, linkAddress, sent };
    res.json(facts);
  });
  app.post('/room', (_req, res) => {
    router.to('everyone').send('to all');
    res.end();
  });
  app.post('/close', (_req, res) => {
    void router.close({ timeout: 500 }).then(() => res.end());
  });
  process.on('warning', ({ message }) => console.log(`warning ${message}`));
  const server = createServer(app);
  attachUpgrade(server);
  // Workers would share a port otherwise.
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
    console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
}

if (REDIS_PORT === undefined && cluster.isPrimary) {
  setupPrimary();
  for (let started = 0; started < WORKERS; started += 1) {
    cluster.fork();
  }
} else {
  await serve();
}
