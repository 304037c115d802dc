/** The public surface of express-sockjs/redis. It imports no package of Redis. */

export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './cluster/redis/client.ts';
export { type RedisClusterOptions, redisCluster } from './cluster/redis/redis-cluster.ts';
