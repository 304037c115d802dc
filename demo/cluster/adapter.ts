/** How the processes share their sessions: what the option `cluster` is given. */
import { env } from 'node:process';
import { nodeCluster } from '../../lib/cluster.ts';
import type { SockjsOptions } from '../../lib/index.ts';
import { redisCluster } from '../../lib/redis.ts';

/** ms after which a process that does not answer is dead. */
const NODE_TIMEOUT = 5_000;

export interface Adapter {
  /** The function that makes it, for people. */
  readonly name: string;
  readonly cluster: SockjsOptions['cluster'];
  /** Disconnects. The router must have been closed. */
  readonly close: () => void;
}

/** Returns the adapter for this worker: of Redis where `REDIS_URL` names one. */
export async function openAdapter(): Promise<Adapter> {
  const { REDIS_URL } = env;
  const settings = { name: 'demo', nodeTimeout: NODE_TIMEOUT };
  if (!REDIS_URL) {
    return { name: 'nodeCluster()', cluster: nodeCluster(settings), close: () => {} };
  }
  const { createClient } = await import('redis');
  const client = createClient({ url: REDIS_URL });
  client.on('error', (error) => console.error(`Redis: ${error}`));
  await client.connect();
  // The primary's pid keeps two demos on the same Redis apart.
  const cluster = redisCluster(client, { ...settings, name: `demo-${process.ppid}` });
  return { name: 'redisCluster()', cluster, close: () => client.destroy() };
}
