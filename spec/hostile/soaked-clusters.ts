/** The kinds of processes that the soak test of a cluster runs. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterProcesses, type NodeProcess } from '../support/cluster/processes.ts';
import { type WorkerNode, Workers } from '../support/cluster/workers/workers.ts';
import type { RedisServer } from '../support/redis/redis-server.ts';
import { checkKeys } from './cluster-keys.ts';
import { PAUSE, SOAK_SETTINGS, type SoakedCluster } from './cluster-soak.ts';
import type { Random } from './random.ts';

/** How long the primary stalls, in multiples of `nodeTimeout`. From a half on, commands fail. */
const STALLS = [0.02, 0.1, 0.6, 0.8];

/** Bytes of heap that tombstones and Node's own caches may add to the primary. */
const ALLOWED_HEAP_GROWTH = 8 * 1024 * 1024;

let runs = 0;

/**
 * Processes that share a Redis.
 *
 * @param nodeTimeout ms after which processes give each other up: longer than any stall of a busy machine
 */
export function processesWithRedis(redis: RedisServer, nodeTimeout: number): SoakedCluster<NodeProcess> {
  runs += 1;
  const name = `soak-${runs}`;
  const settings = { client: 'node-redis', redisPort: redis.port, name, nodeTimeout, ...SOAK_SETTINGS } as const;
  return {
    processes: new ClusterProcesses(settings),
    // Two links with each of the others, and the connection to Redis.
    sockets: 5,
    begin: async () => {},
    disturb: async () => {
      await redis.cutConnections();
      // Clients connect again.
      await delay(PAUSE / 4);
    },
    checkLeft: async (nodes) => ({
      ...(await checkKeys(
        redis,
        name,
        nodes.map(({ nodeId }) => nodeId),
      )),
    }),
  };
}

/** Workers of a primary. Their links are pipes. */
export function workersOfPrimary(nodeTimeout: number): SoakedCluster<WorkerNode> {
  const workers = new Workers({ name: 'soak', nodeTimeout, closes: true, ...SOAK_SETTINGS });
  let before = 0;
  return {
    processes: workers,
    sockets: 0,
    begin: async () => {
      before = await workers.measurePrimary();
    },
    disturb: async (random: Random) => {
      workers.stall();
      await delay(random.pick(STALLS) * nodeTimeout);
      workers.resume();
      // It answers what has waited.
      await workers.measurePrimary();
    },
    checkLeft: async (nodes) => {
      const growth = (await workers.measurePrimary()) - before;
      assert.ok(growth < ALLOWED_HEAP_GROWTH, `the heap of the primary grew by ${growth} bytes`);
      assert.equal(readdirSync(workers.folder).length, nodes.length, 'sockets of workers');
      assert.equal(workers.stderr, '');
      return { heapGrowthOfPrimary: growth };
    },
  };
}
