/** One process of an endpoint, for the specs: echoes messages at `/echo`, and reports what it sees to its parent. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import express from 'express';
import { attachUpgrade, type ClusterOptions, type Session, sockjs } from '../../../lib/index.ts';
import { redisCluster } from '../../../lib/redis.ts';
import { connectClient } from './node-client.ts';
import type { NodeCommand, NodeReport, NodeSettings } from './node-reports.ts';

const host = '127.0.0.1';

const settings = JSON.parse(process.argv[2] ?? '') as NodeSettings;

// A spec that is killed ends no process.
process.on('disconnect', () => process.exit());

function report(message: NodeReport): void {
  process.send?.(message);
}

const sessions = new Map<string, Session<unknown, IncomingMessage>>();

function onSession(session: Session<unknown, IncomingMessage>): void {
  const [, id = ''] = /([^/]+)\/\w+(?:\?.*)?$/.exec(session.request.url ?? '') ?? [];
  sessions.set(id, session);
  report({ type: 'open', id });
  session.on('message', (text) => {
    report({ type: 'message', id, text });
    session.send(text);
  });
  session.on('close', ({ code, reason }) => {
    sessions.delete(id);
    report({ type: 'close', id, code, reason });
  });
}

/** Has the links go by way of the spec, which must know who has dialled. */
function linkOptions(): ClusterOptions {
  const { link } = settings;
  if (link === undefined) {
    return {};
  }
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket };
    socket.once('connect', () => report({ type: 'dialled', port: socket.localPort ?? 0 }));
  });
  return { listen: { port: link.port }, advertise: link.advertise };
}

const { client, close } = await connectClient(settings.client, settings.redisPort);
const { name, nodeTimeout, responseLimit, disconnectDelay } = settings;
const cluster = redisCluster(client, { name, nodeTimeout, ...linkOptions() });
const router = sockjs({ cluster, responseLimit, disconnectDelay }, onSession);

let lastStatus = '';

function reportStatus(): void {
  const { status = 'down', peers = [] } = router.cluster ?? {};
  if (lastStatus !== `${status} ${peers}`) {
    lastStatus = `${status} ${peers}`;
    report({ type: 'status', status, peers });
  }
}

router.cluster?.on('status', reportStatus);
// No event tells of a peer that comes or goes while the status stays.
setInterval(reportStatus, 20).unref();

const app = express();
app.use('/echo', router);
const server = createServer(app);
attachUpgrade(server);

async function measure(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // What is freed in later turns, such as weak references, is garbage only then.
  for (let times = 0; times < 3 && typeof collect === 'function'; times += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const sockets = process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
  report({ type: 'measured', heap: process.memoryUsage().heapUsed, sockets });
}

async function leave(): Promise<void> {
  server.close();
  await router.close();
  close();
  process.disconnect();
}

process.on('message', (command: NodeCommand) => {
  switch (command.type) {
    case 'send':
      sessions.get(command.id)?.send(command.text);
      break;
    case 'close':
      sessions.get(command.id)?.close();
      break;
    case 'measure':
      void measure();
      break;
    case 'leave':
      void leave();
      break;
  }
});

server.listen(0, host);
await once(server, 'listening');
report({
  type: 'listening',
  port: (server.address() as AddressInfo).port,
  nodeId: router.cluster?.nodeId ?? '',
});
