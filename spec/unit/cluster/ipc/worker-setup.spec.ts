/** Which processes can use `nodeCluster()`, and what the others are told. */
import assert from 'node:assert/strict';
import { LINKS_VARIABLE, linkPrefixOf } from '../../../../lib/cluster/ipc/worker-setup.ts';

describe('linkPrefixOf()', () => {
  const prefix = '/tmp/sockjs-abcdef/';

  it('is what the primary has said', () => {
    assert.equal(linkPrefixOf({ isWorker: true, env: { [LINKS_VARIABLE]: prefix } }), prefix);
  });

  it('does not mind PM2 where the program has a primary of its own', () => {
    assert.equal(linkPrefixOf({ isWorker: true, env: { [LINKS_VARIABLE]: prefix, pm_id: '0' } }), prefix);
  });

  it('refuses a process that is no worker, though it has inherited the variable', () => {
    for (const env of [{}, { [LINKS_VARIABLE]: prefix }]) {
      assert.throws(() => linkPrefixOf({ isWorker: false, env }), /for workers of node:cluster; this process is none/);
    }
  });

  for (const env of [{ pm_id: '0', exec_mode: 'cluster_mode' }, { pm_id: '0' }]) {
    it(`names redisCluster() to a worker of PM2, with the environment ${JSON.stringify(env)}`, () => {
      assert.throws(
        () => linkPrefixOf({ isWorker: true, env }),
        /PM2 .* use redisCluster\(\) of express-sockjs\/redis/,
      );
    });
  }

  // PM2 has started the primary there, which has forked the worker.
  for (const env of [{}, { [LINKS_VARIABLE]: '' }, { pm_id: '0', exec_mode: 'fork_mode' }]) {
    it(`names setupPrimary() to a worker with the environment ${JSON.stringify(env)}`, () => {
      assert.throws(
        () => linkPrefixOf({ isWorker: true, env }),
        /call setupPrimary\(\) of express-sockjs\/cluster in the primary before cluster\.fork\(\)/,
      );
    });
  }
});
