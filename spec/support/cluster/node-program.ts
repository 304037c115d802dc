/** One process of an endpoint, for the specs: echoes messages at `/echo`, and reports what it sees to its parent. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { attachUpgrade, type ClusterOptions } from '../../../lib/index.ts';
import { redisCluster } from '../../../lib/redis.ts';
import { connectClient } from './node-client.ts';
import type { NodeReport, NodeSettings } from './node-reports.ts';
import { reportingNode } from './reporting-node.ts';

const host = '127.0.0.1';

const settings = JSON.parse(process.argv[2] ?? '') as NodeSettings;

// A spec that is killed ends no process.
process.on('disconnect', () => process.exit());

function report(message: NodeReport): void {
  process.send?.(message);
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

const { client, close } = await connectClient(settings.client, settings.redisPort, settings.redisKind);
const { name, nodeTimeout } = settings;
const cluster = redisCluster(client, { name, nodeTimeout, ...linkOptions() });
const { router, app } = reportingNode({ ...settings, cluster }, report, leave);
const server = createServer(app);
attachUpgrade(server);

async function leave(): Promise<void> {
  server.close();
  await router.close();
  close();
  process.disconnect();
}

server.listen(0, host);
await once(server, 'listening');
report({
  type: 'listening',
  port: (server.address() as AddressInfo).port,
  nodeId: router.cluster?.nodeId ?? '',
});
