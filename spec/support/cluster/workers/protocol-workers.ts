/** Three workers of the protocol server on one port, for the specs. Prints the port, and which workers get requests. */
import cluster from 'node:cluster';
import { createProtocolServer } from '../../../../demo/protocol-server.ts';
import { nodeCluster, setupPrimary } from '../../../../lib/cluster.ts';

const COUNT = 3;

if (cluster.isPrimary) {
  setupPrimary();
  // So it removes the sockets of the workers, which end with it.
  process.on('SIGTERM', () => process.exit());
  let listening = 0;
  cluster.on('listening', (_worker, { port }) => {
    listening += 1;
    if (listening === COUNT) {
      console.log(`Listening on ${port}`);
    }
  });
  for (let i = 0; i < COUNT; i += 1) {
    cluster.fork();
  }
} else {
  const server = createProtocolServer((name) => nodeCluster({ name }));
  server.once('request', () => console.log(`Worker ${cluster.worker?.id} has got a request`));
  server.listen(0, '127.0.0.1');
}
