/** Twenty seconds of what `npm run soak` does for five minutes. */
import assert from 'node:assert/strict';
import { soak } from './soak.ts';

describe('under load, with clients that break off', () => {
  it('loses, doubles and reorders nothing, and leaves nothing behind', async function () {
    this.timeout(600_000);
    const { rounds, aborted } = await soak({ sessions: 300, seconds: 20, seed: 1 });
    assert.ok(rounds > 0);
    assert.ok(aborted > 0);
  });
});
