/** This package as a bare listener with the option `cluster`, in a cluster of its own. Listens once it has joined. */
import { createServer } from 'node:http';
import { attachUpgrade, type ClusterAdapter } from '../../lib/index.ts';
import { echo } from './ours.ts';
import { run } from './program.ts';

export async function runAlone(adapter: ClusterAdapter): Promise<void> {
  const router = echo({ prefix: '/echo', cluster: adapter });
  // No process can have joined before its first turn is over.
  await new Promise((resolve) => router.cluster?.once('status', resolve));
  const server = createServer(router);
  attachUpgrade(server);
  run(server, (message) => router.broadcast(message));
}
