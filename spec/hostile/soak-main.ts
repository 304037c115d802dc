/**
 * `npm run soak [-- SECONDS [SESSIONS [PART...]]]`: runs four parts, each for five minutes with 2000 sessions, or those
 * that are named:
 *
 * - `server`: sessions over all transports
 * - `blocked`: a tenth as many, on a server whose event loop is blocked at random
 * - `cluster`: sessions over HTTP at three processes, which are killed and cut off from Redis; needs a redis-server
 * - `workers`: the same at three workers of a primary, which are killed, while the primary stalls now and then
 *
 * `npm run soak -- 120 500 cluster` is a shorter run of the last part.
 */
import assert from 'node:assert/strict';
import { cleanUp } from '../support/cleanup.ts';
import type { FaultyNode } from '../support/cluster/observed-nodes.ts';
import { RedisServer } from '../support/redis/redis-server.ts';
import { clusterSoak, type SoakedCluster } from './cluster-soak.ts';
import { Random } from './random.ts';
import { soak } from './soak.ts';
import { processesWithRedis, workersOfPrimary } from './soaked-clusters.ts';
import { rolesFor } from './stall-clients.ts';
import { STALL_MOMENTS } from './stall-protocol.ts';
import { problemsIn } from './stall-report.ts';
import { type Stall, stalls } from './stalls.ts';

const [seconds = '300', sessions = '2000', ...named] = process.argv.slice(2);
const seed = Date.now() % 1_000_000;
/** Bytes of heap that Node's own caches may add. */
const ALLOWED_HEAP_GROWTH = 8 * 1024 * 1024;

function assertHeap({ heapGrowth }: { readonly heapGrowth: number }): void {
  assert.ok(heapGrowth < ALLOWED_HEAP_GROWTH, `the heap grew by ${heapGrowth} bytes`);
}

async function soakServer(): Promise<void> {
  const result = await soak({ sessions: Number(sessions), seconds: Number(seconds), seed });
  console.log(result);
  assertHeap(result);
}

/** ms of every time limit of the blocked server. */
const LIMIT = 1500;
/** Length of a stall, in multiples of the limit. Around 1, limits run out just when the stall ends. */
const FACTORS = [0.5, 0.98, 0.995, 1, 1.005, 1.02, 3];
/** Yields random stalls until the time is over, up to a limit apart. */
function* untilOver(random: Random): Generator<Stall> {
  const end = Date.now() + Number(seconds) * 1000;
  while (Date.now() < end) {
    yield { moment: random.pick(STALL_MOMENTS), factor: random.pick(FACTORS), after: random.below(LIMIT) };
  }
}

async function soakBlocked(): Promise<void> {
  const roles = rolesFor(LIMIT);
  const copies = Math.max(1, Math.round(Number(sessions) / 10 / roles.length));
  const blocked = await stalls({
    limit: LIMIT,
    seed,
    plan: untilOver(new Random(seed)),
    closing: 1,
    roles: Array.from({ length: copies }, () => roles).flat(),
  });
  const excused = blocked.failures.filter(({ isExcused }) => isExcused).length;
  console.log({ ...blocked, failures: blocked.failures.length - excused, excused });
  const lines = problemsIn(blocked);
  assert.ok(lines.length === 0, lines.join('\n'));
}

/** ms. */
const NODE_TIMEOUT = 10_000;

async function soakProcesses<Node extends FaultyNode>(cluster: SoakedCluster<Node>): Promise<void> {
  const result = await clusterSoak(cluster, { sessions: Number(sessions), seconds: Number(seconds), seed });
  console.log(result);
  assertHeap(result);
}

async function soakCluster(): Promise<void> {
  const redis = new RedisServer([]);
  await redis.start();
  try {
    await soakProcesses(processesWithRedis(redis, NODE_TIMEOUT));
  } finally {
    await cleanUp();
    await redis.close();
  }
}

async function soakWorkers(): Promise<void> {
  try {
    await soakProcesses(workersOfPrimary(NODE_TIMEOUT));
  } finally {
    await cleanUp();
  }
}

const PARTS = new Map([
  ['server', soakServer],
  ['blocked', soakBlocked],
  ['cluster', soakCluster],
  ['workers', soakWorkers],
]);

for (const part of named.length > 0 ? named : PARTS.keys()) {
  const run = PARTS.get(part);
  assert.ok(run, `there is no part ${part}, only ${[...PARTS.keys()].join(', ')}`);
  console.log(`${part}, seed ${seed}`);
  await run();
}
