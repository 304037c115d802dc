/**
 * Partitions between real processes and their Redis: nothing comes through, and no end of a connection hears of it.
 * A session ends on both sides, or goes on without a gap.
 */
import assert from 'node:assert/strict';
import { openAt } from '../support/cluster/exchanges.ts';
import { Network, type Place } from '../support/cluster/network.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { ClusterProcesses, NodeProcess } from '../support/cluster/processes.ts';
import { LOST, makeCluster } from '../support/cluster/test-cluster.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

/** ms: shorter than elsewhere, since each test waits for it several times. */
const NODE_TIMEOUT = 2_000;

/** ms until a lease has run out that is not renewed. */
const LEASE = 1.5 * NODE_TIMEOUT;

const TRANSPORTS = [xhrPolling, xhrStreaming];

const UNREACHABLE = { kind: 'answered', status: 503, retryAfter: '5' };

describeWithRedis('A process that is partitioned', () => {
  const redis = useRedis();

  /** Three processes; the network cuts the first of them off. */
  async function startThree(client: ClientName) {
    const network = new Network(redis.port);
    const processes = makeCluster(redis, { client, network, nodeTimeout: NODE_TIMEOUT });
    const [cut, other, third] = await processes.start(3);
    assert.ok(cut !== undefined && other !== undefined && third !== undefined);
    const isUp = () => processes.all.every((node) => node.isUpWith(processes.all));
    return {
      processes,
      cut,
      other,
      third,
      partition: (...others: Place[]) => network.partition(0, others),
      heal: async () => {
        network.heal();
        await processes.until(isUp, 'links between all processes');
      },
    };
  }

  const open = (owner: NodeProcess, ...others: NodeProcess[]) => openAt(owner, others, TRANSPORTS);

  async function echoAll(clients: readonly NumberedClient[], text: string): Promise<void> {
    await Promise.all(clients.map((client) => client.echoes(text)));
  }

  /** Both sides know that the session has ended. */
  async function assertLost(processes: ClusterProcesses, clients: readonly NumberedClient[]): Promise<void> {
    for (const client of clients) {
      assert.deepEqual(await client.ended(), LOST, client.id);
      assert.deepEqual(await processes.endOf(client.id), { code: 1002, reason: 'Connection interrupted' }, client.id);
    }
  }

  /** How a session is, for a client that asks at this process. */
  function askAt(node: NodeProcess, { id }: NumberedClient) {
    return new NumberedClient(xhrPolling, () => node, id).start().ended();
  }

  it('from Redis, goes on without a lease, and is not declared dead', async () => {
    const { processes, cut, other, third, partition, heal } = await startThree('ioredis');
    const clients = [...(await open(cut, cut)), ...(await open(cut, other)), ...(await open(other, cut))];
    partition('redis');
    await processes.until(() => cut.status === 'degraded', 'the status degraded');
    await redis.elapse(LEASE);
    await echoAll(clients, 'without a lease');
    assert.deepEqual(await new NumberedClient(xhrPolling, () => cut).start().ended(), UNREACHABLE);
    // A process that has not relayed them asks Redis for the owner, and finds it alive.
    for (const relayed of clients.slice(0, 4)) {
      relayed.route = () => third;
    }
    await echoAll(clients, 'moved');
    await heal();
    await echoAll([...clients, ...(await open(cut, third))], 'after');
    assert.equal(processes.ends.size, 0);
  });

  it('from another process, loses what is relayed between the two, and nothing else', async () => {
    const { processes, cut, other, third, partition, heal } = await startThree('node-redis');
    const lost = [...(await open(cut, other)), ...(await open(other, cut))];
    const kept = [...(await open(cut, cut)), ...(await open(cut, third)), ...(await open(third, cut))];
    partition(1);
    await assertLost(processes, lost);
    await echoAll(kept, 'meanwhile');
    const [client] = kept;
    assert.ok(client !== undefined);
    client.route = () => other;
    assert.equal((await client.send('not taken')).status, 503);
    assert.deepEqual([cut.status, other.status, third.status], ['degraded', 'degraded', 'up']);
    await heal();
    // It goes on at the other process, where the send has left no trace.
    await client.echoes('after');
    await echoAll(kept, 'after that');
    assert.deepEqual([...processes.ends.keys()].sort(), lost.map(({ id }) => id).sort());
  });

  it('from all others, is as one that was killed, once its lease is out; and hears of it on its return', async () => {
    const { processes, cut, other, third, partition, heal } = await startThree('node-redis');
    const lost = await open(cut, other, third);
    const asked = await open(cut, cut);
    const own = await open(cut, cut);
    const kept = [...(await open(other, third)), ...(await open(third, other))];
    partition('redis', 1, 2);
    await assertLost(processes, lost);
    await redis.elapse(LEASE);
    for (const client of asked) {
      assert.deepEqual(await askAt(other, client), LOST);
      assert.deepEqual(await askAt(third, client), LOST);
    }
    await echoAll([...asked, ...own, ...kept], 'meanwhile');
    await heal();
    for (const client of asked) {
      assert.deepEqual(await client.ended(), LOST);
      assert.deepEqual(await processes.endOf(client.id), { code: 1012, reason: 'Session lost' });
    }
    for (const client of own) {
      client.route = () => other;
    }
    await echoAll([...own, ...kept], 'after');
    assert.deepEqual([...processes.ends.keys()].sort(), [...lost, ...asked].map(({ id }) => id).sort());
  });
});
