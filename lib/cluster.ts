/** The public surface of express-sockjs/cluster: workers of `node:cluster` on one port. Experimental. */

export { type NodeClusterOptions, nodeCluster } from './cluster/ipc/node-cluster.ts';
export { setupPrimary } from './cluster/ipc/setup-primary.ts';
