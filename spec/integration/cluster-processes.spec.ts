/**
 * Several processes of one endpoint, with a Redis of this spec, behind a balancer that gives consecutive requests of a
 * session to different processes. In every fault a session ends on both sides, or goes on without a gap.
 */
import assert from 'node:assert/strict';
import { afterTest } from '../support/cleanup.ts';
import { Balancer } from '../support/cluster/balancer.ts';
import { exchange, insistOnOpening, numbers, openAllKinds, openAt } from '../support/cluster/exchanges.ts';
import { GOING_AWAY, itBearsFaults } from '../support/cluster/faults.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { ClusterProcesses } from '../support/cluster/processes.ts';
import { makeCluster } from '../support/cluster/test-cluster.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../support/transport-cases.ts';

/** Messages each way on each transport. The client of Redis makes no difference once the sessions are open. */
const MESSAGES = { 'node-redis': 500, ioredis: 200 };

/** How often connections to Redis are cut. */
const CUTS = 5;

describeWithRedis('An endpoint of several processes', () => {
  const redis = useRedis();
  const cluster = (client?: ClientName) => makeCluster(redis, { client });

  /** All numbers have come to the application and back, in order and once, and the session is open. */
  async function assertComplete(processes: ClusterProcesses, client: NumberedClient, count: number): Promise<void> {
    assert.deepEqual(client.received, numbers(count));
    assert.deepEqual(await processes.messagesOf(client.id, count), numbers(count));
    assert.equal(client.end, undefined);
  }

  for (const name of ['node-redis', 'ioredis'] as const) {
    it(`carries numbered messages each way over every transport, by ${name}`, async () => {
      const processes = cluster(name);
      const balancer = await Balancer.start(await processes.start(3));
      const clients = HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => balancer));
      await Promise.all(clients.map(async (client) => exchange(await client.open(), MESSAGES[name])));
      for (const client of clients) {
        await assertComplete(processes, client, MESSAGES[name]);
      }
      assert.equal(processes.ends.size, 0);
    });
  }

  itBearsFaults(cluster, { leaves: { leave: (node) => node.leave(), ends: [GOING_AWAY] } });

  it('lets sessions go on while Redis is away and has lost everything, and refuses new ones meanwhile', async () => {
    const processes = cluster();
    const nodes = await processes.start(3);
    const [owner, other, third] = nodes;
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const { clients, echoAll } = await openAllKinds(owner, other);
    await echoAll('before');
    let isAway = true;
    afterTest(async () => {
      if (isAway) {
        await redis.start();
      }
    });
    await redis.crash();
    await processes.until(() => nodes.every(({ status }) => status === 'degraded'), 'the status degraded');
    await echoAll('meanwhile');
    for (const node of nodes) {
      const refused = await new NumberedClient(xhrPolling, () => node).start().ended();
      assert.deepEqual(refused, { kind: 'answered', status: 503, retryAfter: '5' });
    }
    await redis.start();
    isAway = false;
    await processes.until(() => nodes.every(({ status }) => status === 'up'), 'the status up');
    await echoAll('after');
    // A process that has not relayed them finds their owner: it has written them again.
    for (const client of clients) {
      client.route = () => third;
      await client.echoes('moved');
    }
    for (const client of await openAt(other, [third])) {
      await client.echoes('new');
    }
    assert.equal(processes.ends.size, 0);
  });

  for (const name of ['node-redis', 'ioredis'] as const) {
    it(`loses nothing while connections to Redis are cut, by ${name}`, async () => {
      const processes = cluster(name);
      const balancer = await Balancer.start(await processes.start(3));
      const clients = await Promise.all(
        HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => balancer).open()),
      );
      const cut = async () => {
        for (let cuts = 1; cuts <= CUTS; cuts += 1) {
          // From the first on, all processes know the owners: only leases, claims and first requests need Redis.
          const due = (MESSAGES.ioredis * cuts) / (CUTS + 1);
          await Promise.all(clients.map((client) => client.until(() => client.received.length >= due, `${due} texts`)));
          await redis.cutConnections();
          await insistOnOpening(() => balancer);
        }
      };
      await Promise.all([cut(), ...clients.map((client) => exchange(client, MESSAGES.ioredis))]);
      for (const client of clients) {
        await assertComplete(processes, client, MESSAGES.ioredis);
      }
      assert.equal(processes.ends.size, 0);
    });
  }
});
