/** Adapters of mounts that share a Redis. */
import type { ClusterRegistry } from '../../../lib/options/cluster-adapter.ts';
import { redisCluster } from '../../../lib/redis.ts';
import { afterTest } from '../cleanup.ts';
import type { Connect } from '../redis/clients.ts';
import type { RedisServer } from '../redis/redis-server.ts';
import type { MakeAdapter } from './mounts.ts';

const NAME = 'mounts';

/** Adapters in an empty Redis, each with a client of its own. */
export async function inRedis(redis: RedisServer, connect: Connect): Promise<MakeAdapter> {
  await redis.admin.flushall();
  const forgotten = new Map<string, number>();
  return async (options) => {
    const { client, close } = await connect({ port: redis.port });
    // Registered before the routers are: closed after them.
    afterTest(close);
    const adapter = redisCluster(client, { name: NAME, ...options });
    return { ...adapter, registry: byClockOfTest(adapter.registry, redis, forgotten) };
  };
}

/** The clock of a test does not move that of Redis. So ended sessions are deleted when they are asked for too late. */
function byClockOfTest(
  registry: ClusterRegistry,
  { admin }: RedisServer,
  forgotten: Map<string, number>,
): ClusterRegistry {
  const { claim, find, end } = registry;
  const forget = async (id: string) => {
    if ((forgotten.get(id) ?? Number.POSITIVE_INFINITY) <= performance.now()) {
      forgotten.delete(id);
      await admin.del(`{sockjs:${NAME}}:s:${id}`);
    }
  };
  return Object.assign(registry, {
    claim: async (...args: Parameters<typeof claim>) => {
      await forget(args[0]);
      return claim.apply(registry, args);
    },
    find: async (...args: Parameters<typeof find>) => {
      await forget(args[0]);
      return find.apply(registry, args);
    },
    end: (...args: Parameters<typeof end>) => {
      const [id, , , life] = args;
      forgotten.set(id, performance.now() + life);
      return end.apply(registry, args);
    },
  } satisfies Partial<ClusterRegistry>);
}
