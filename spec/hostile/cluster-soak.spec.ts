/** Some seconds of what `npm run soak` does for five minutes. */
import assert from 'node:assert/strict';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { clusterSoak } from './cluster-soak.ts';

describeWithRedis('Several processes whose clients break off, while processes are killed and Redis is cut', () => {
  const redis = useRedis();

  it('lose, double and reorder nothing, end no session without a fault, and leave nothing behind', async function () {
    this.timeout(600_000);
    const { rounds, faults } = await clusterSoak({ sessions: 60, seconds: 3, seed: 1, redis, nodeTimeout: 3000 });
    assert.ok(rounds > 0);
    assert.ok(faults.kill > 0 && faults['redis cut'] > 0);
  });
});
