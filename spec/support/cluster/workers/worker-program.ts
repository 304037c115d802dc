/** A primary and its workers, for the specs: each worker serves an endpoint at the port of all, and at one of its own. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nodeCluster, setupPrimary } from '../../../../lib/cluster.ts';
import { attachUpgrade, type ClusterAdapter } from '../../../../lib/index.ts';
import type { ClusterRegistry } from '../../../../lib/options/cluster-adapter.ts';
import type { EndpointSettings, NodeCommand, NodeReport } from '../node-reports.ts';
import { measure, reportingNode } from '../reporting-node.ts';
import { watchSockets } from '../watched.ts';
import type { PrimaryCommand, PrimaryReport } from './worker-reports.ts';

const host = '127.0.0.1';

/** Whether a message of a worker is for the spec: neither a command to its primary, nor an attack on it. */
function isReport(message: { readonly type?: unknown } | null): message is NodeReport {
  return typeof message?.type === 'string' && !message.type.startsWith('sockjs:');
}

function runPrimary(): void {
  const tell = (report: PrimaryReport) => process.send?.(report);
  // A spec that is killed ends no process. The workers end with their primary.
  process.on('disconnect', () => process.exit());
  setupPrimary();
  cluster.on('message', (worker, report: Partial<NodeReport> | null) => {
    if (isReport(report)) {
      tell({ type: 'report', worker: worker.id, report });
    }
  });
  cluster.on('exit', (worker, code, signal) => tell({ type: 'exited', worker: worker.id, code, signal }));
  process.on('message', (message: PrimaryCommand) => {
    switch (message.type) {
      case 'fork': {
        const { id, process: child } = cluster.fork();
        tell({ type: 'forked', worker: id, pid: child.pid ?? 0 });
        break;
      }
      case 'tell':
        cluster.workers?.[message.worker]?.send(message.command);
        break;
      case 'disconnect':
        cluster.workers?.[message.worker]?.disconnect();
        break;
      case 'measure':
        void measure().then(({ heap }) => tell({ type: 'measured', heap }));
        break;
      case 'exit':
        process.exit();
    }
  });
  tell({ type: 'ready', folder: process.env['EXPRESS_SOCKJS_LINKS'] ?? '' });
}

/** Reports what the worker writes of itself, which has the token of its links. */
function reportRecord({ registry }: ClusterAdapter, report: (message: NodeReport) => void): void {
  const { renew } = registry;
  Object.assign(registry, {
    renew: (...args: Parameters<typeof renew>) => {
      report({ type: 'record', record: args[0] });
      return renew.apply(registry, args);
    },
  } satisfies Partial<ClusterRegistry>);
}

async function runWorker(settings: EndpointSettings & { readonly closes: boolean }): Promise<void> {
  const report = (message: NodeReport) => {
    if (process.connected) {
      // Without a callback, a primary that has just gone is an error of the worker.
      process.send?.(message, undefined, undefined, () => {});
    }
  };
  process.on('exit', (code) => writeSync(1, `Exits with ${code}\n`));
  const { name, nodeTimeout, closes } = settings;
  const sockets = watchSockets();
  process.on('message', (command: NodeCommand | null) => {
    if (command?.type === 'cut') {
      // Only links are Unix sockets.
      const links = [...sockets].filter(({ destroyed, remotePort }) => !destroyed && remotePort === undefined);
      links[command.index]?.destroy();
    } else if (command?.type === 'tell primary') {
      process.send?.(command.message);
    }
  });
  const adapter = nodeCluster({ name, nodeTimeout });
  reportRecord(adapter, report);
  const { router, app } = reportingNode({ ...settings, cluster: adapter }, report, leave);
  // Connections to the first are accepted by the primary, and given to the workers in turns.
  const [shared, own] = [createServer(app), createServer(app)];
  async function leave(): Promise<void> {
    shared.close();
    own.close();
    await router.close();
    process.disconnect();
  }
  cluster.worker?.on('disconnect', async () => {
    if (!closes) {
      // The other server was closed with the channel.
      own.close();
    } else {
      await router.close();
      process.exit();
    }
  });
  for (const server of [shared, own]) {
    attachUpgrade(server);
    server.listen({ host, port: 0, exclusive: server === own });
    await once(server, 'listening');
  }
  const portOf = (server: typeof own) => (server.address() as AddressInfo).port;
  report({
    type: 'listening',
    port: portOf(own),
    sharedPort: portOf(shared),
    nodeId: router.cluster?.nodeId ?? '',
  });
}

if (cluster.isPrimary) {
  runPrimary();
} else {
  await runWorker(JSON.parse(process.argv[2] ?? ''));
}
