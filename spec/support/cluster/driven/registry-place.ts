/** Where a driven process has its registry. */
import type { Socket } from 'node:net';
import { nodeCluster } from '../../../../lib/cluster.ts';
import type { ClusterAdapter, ClusterOptions } from '../../../../lib/options/cluster-adapter.ts';
import { redisCluster } from '../../../../lib/redis.ts';
import { connectClient } from '../node-client.ts';
import type { DrivenSettings } from './calls.ts';

export interface RegistryPlace {
  /** Makes the adapter of an endpoint. */
  adapter(options: Pick<ClusterOptions, 'nodeTimeout'> & { readonly name: string }): ClusterAdapter;
  /** Whether a socket, neither of a client nor of the spec, is one between the processes. */
  isLink(socket: Socket): boolean;
}

/** Connects to the Redis of the settings, or has the primary of this worker keep the registry. */
export async function findRegistry({ client: name, redisPort }: DrivenSettings): Promise<RegistryPlace> {
  if (name === undefined || redisPort === undefined) {
    // Only links are Unix sockets.
    return { adapter: nodeCluster, isLink: ({ remotePort }) => remotePort === undefined };
  }
  const { client } = await connectClient(name, redisPort);
  return {
    adapter: (options) => redisCluster(client, options),
    isLink: ({ remotePort }) => remotePort !== redisPort,
  };
}
