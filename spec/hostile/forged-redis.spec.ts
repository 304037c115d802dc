/** Keys of a cluster in Redis that another application, or another release, has written. */
import assert from 'node:assert/strict';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import { ClusterProcesses } from '../support/cluster/processes.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

const NODE_TIMEOUT = 3000;

const NODES = '{sockjs:forged}:nodes';

/** Far in the future, in ms since 1970. */
const LATER = '99999999999999';

/** Leases and records in the hash of all nodes. */
const LEASES: Readonly<Record<string, string>> = {
  empty: '',
  'no lease': 'something else',
  'no record': `${LATER} begun `,
  'no JSON': `${LATER} begun {`,
  'another form': `${LATER} begun {"id":"another form"}`,
  'wrong types': `${LATER} begun [1,2,3,4,"5","6"]`,
  'no end': `${'9'.repeat(400)} begun ["no end","",null,"",1,1]`,
  '\u0000': `${LATER} begun ${'['.repeat(10_000)}`,
};

describeWithRedis('Forged keys in Redis', () => {
  const redis = useRedis();

  async function start() {
    const processes = new ClusterProcesses({
      client: 'node-redis',
      redisPort: redis.port,
      name: 'forged',
      nodeTimeout: NODE_TIMEOUT,
      responseLimit: 4096,
      disconnectDelay: 60_000,
    });
    const [one, other] = await processes.start(2);
    assert.ok(one !== undefined && other !== undefined);
    const healthy = await new NumberedClient(xhrStreaming, () => other).open();
    healthy.route = () => one;
    await healthy.echoes('before');
    return { processes, one, other, healthy };
  }

  it('of sessions have their requests answered 503, and other sessions go on', async () => {
    const { one, healthy } = await start();
    const { admin } = redis;
    const key = (id: string) => `{sockjs:forged}:s:${id}`;
    await admin.lpush(key('list'), 'a');
    await admin.hset(key('hash'), 'a', '1');
    await admin.set(key('text'), 'something else');
    await admin.set(key('bytes'), Buffer.of(0xff, 0xfe, 0));
    await admin.set(key('tombstone'), '[1000,null,""]');
    for (const id of ['list', 'hash', 'text', 'bytes', 'tombstone']) {
      const client = new NumberedClient(xhrPolling, () => one, id).start();
      assert.deepEqual(await client.ended(), { kind: 'answered', status: 503, retryAfter: '5' }, id);
      assert.equal((await client.send('x')).status, 503, id);
    }
    await healthy.echoes('after');
  });

  it('of nodes are ignored, and processes join and renew their leases beside them', async () => {
    const { processes, one, other, healthy } = await start();
    await redis.admin.hset(NODES, LEASES);
    const [joined] = await processes.start(1, [one, other]);
    assert.ok(joined !== undefined);
    const nodeIds = processes.all.map(({ nodeId }) => nodeId);
    const before = await redis.admin.hmget(NODES, ...nodeIds);
    for (let leases = before; leases.some((lease, i) => lease === null || lease === before[i]); ) {
      await redis.elapse(50);
      leases = await redis.admin.hmget(NODES, ...nodeIds);
    }
    assert.deepEqual(
      processes.all.map(({ status }) => status),
      ['up', 'up', 'up'],
    );
    healthy.route = () => joined;
    await healthy.echoes('after');
  });
});
