/** Some seconds of what `npm run soak` does for five minutes. */
import assert from 'node:assert/strict';
import type { FaultyNode } from '../support/cluster/observed-nodes.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { clusterSoak, type SoakedCluster } from './cluster-soak.ts';
import { processesWithRedis, workersOfPrimary } from './soaked-clusters.ts';

/** ms. */
const NODE_TIMEOUT = 3_000;

function itSoaks<Node extends FaultyNode>(make: () => SoakedCluster<Node>): void {
  it('lose, double and reorder nothing, end no session without a fault, and leave nothing behind', async function () {
    this.timeout(600_000);
    const { rounds, faults } = await clusterSoak(make(), { sessions: 60, seconds: 3, seed: 1 });
    assert.ok(rounds > 0);
    assert.ok(faults.kill > 0 && faults.outage > 0);
  });
}

describeWithRedis('Several processes whose clients break off, while processes are killed and Redis is cut', () => {
  const redis = useRedis();
  itSoaks(() => processesWithRedis(redis, NODE_TIMEOUT));
});

describe('Several workers whose clients break off, while workers are killed and the primary stalls', () => {
  itSoaks(() => workersOfPrimary(NODE_TIMEOUT));
});
