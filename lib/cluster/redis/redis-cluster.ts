/** `redisCluster()`: an adapter for the option `cluster`, on a client of the application. */
import { describe } from '../../options/checks.ts';
import type { ClusterAdapter, ClusterOptions } from '../../options/cluster-adapter.ts';
import { assertClusterOptions, DEFAULT_NODE_TIMEOUT } from '../../options/cluster-settings.ts';
import { withHelp } from '../../util/help.ts';
import type { RedisClient } from './client.ts';
import { RedisRegistry } from './redis-registry.ts';

/** Options of `redisCluster()`. */
export interface RedisClusterOptions extends ClusterOptions {
  /**
   * The name of the endpoint, the same at all its processes, and of no other endpoint in this Redis: letters, digits, `_`,
   * `.` and `-`.
   */
  readonly name: string;
  /**
   * The first part of every key in Redis, of the same characters.
   * @default 'sockjs'
   */
  readonly prefix?: string | undefined;
}

/** Redis has so much of `nodeTimeout` to answer, so that a lease can be renewed once more before it runs out. */
const ANSWER_WITHIN = 0.5;

/**
 * Shares the sessions of an endpoint by Redis 7 or newer, or by Valkey. Redis says which processes there are and which of
 * them has a session; messages travel on links between the processes.
 *
 * @param client a connected client of node-redis 4 or newer, ioredis 5 or newer, or iovalkey; stays open when the router
 *   closes, and must be closed after it
 * @returns what the option `cluster` of one router takes
 * @throws TypeError or RangeError for an option that is missing or makes no sense
 * @throws Error for a client that is not connected
 *
 * @example
 * const client = await createClient({ url: 'redis://redis.internal' }).connect();
 * const cluster = redisCluster(client, { name: 'chat', listen: { host: process.env.POD_IP } });
 * app.use('/chat', sockjs({ cluster }, onSession));
 */
export function redisCluster(client: RedisClient, options: RedisClusterOptions): ClusterAdapter {
  if (typeof options !== 'object' || options === null) {
    throw withHelp(
      'the-options-of-rediscluster',
      new TypeError(`sockjs: the options of redisCluster() are ${describe(options)}; they must be an object`),
    );
  }
  const { prefix, ...settings } = options;
  assertClusterOptions('redisCluster', settings);
  const { name, nodeTimeout = DEFAULT_NODE_TIMEOUT } = settings;
  const registry = new RedisRegistry(client, {
    name,
    timeout: nodeTimeout * ANSWER_WITHIN,
    ...(prefix === undefined ? {} : { prefix }),
  });
  return { ...settings, registry };
}
