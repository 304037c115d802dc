/** The registry in Redis as people run it: behind Sentinel, in Redis Cluster, and over TLS, by each client. */
import assert from 'node:assert/strict';
import { RedisRegistry } from '../../lib/cluster/redis/redis-registry.ts';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import type { NodeRecord } from '../../lib/options/cluster-adapter.ts';
import { afterTest } from '../support/cleanup.ts';
import { declareRegistryContract } from '../support/cluster/registry-contract.ts';
import { CLIENTS, CLUSTER_CLIENTS, type Connect } from '../support/redis/clients.ts';
import { SENTINEL_CLIENTS, TLS_CLIENTS } from '../support/redis/deployed-clients.ts';
import { startRedisCluster, useRedisCluster } from '../support/redis/redis-cluster.ts';
import { describeWithRedis, type RedisServer, useRedis } from '../support/redis/redis-server.ts';
import { startWatchedRedis, until, untilReplicated, useWatchedRedis } from '../support/redis/watched-redis.ts';

type Clients = Readonly<Record<string, Connect>>;

const LIFE = 3_600_000;

/** ms in which Redis must answer, where a test takes it away. */
const HASTY = 500;

const NODE: NodeRecord = { id: 'a', address: 'a:1', token: 'token', machine: 'machine', versions: [1, 1] };
const OWNER = { nodeId: NODE.id, reservation: 1 };

/** What clients of Redis Cluster need beyond. Without the last, ioredis has an unhandled rejection. */
const RIGHTS_IN_CLUSTER = ['+cluster|slots', '+cluster|info', '+asking'];

let names = 0;

/** A name that no other test has. */
function nextName(): string {
  names += 1;
  return `deployment-${names}`;
}

/** Connects a client, and returns a function that makes a registry by it. */
async function open(connect: Connect, port: number, name = nextName()): Promise<(timeout?: number) => RedisRegistry> {
  const { client, close } = await connect({ port });
  afterTest(close);
  return (timeout = 5000) => new RedisRegistry(client, { name, timeout });
}

/** Declares the contract of registries, by each client. */
function declareContracts(
  clients: Clients,
  at: () => { readonly port: number; readonly server: RedisServer; readonly loseAll: () => Promise<void> },
): void {
  for (const [name, connect] of Object.entries(clients)) {
    describe(`by ${name}`, () => {
      declareRegistryContract(async () => {
        const { port, server, loseAll } = at();
        const make = await open(connect, port);
        return { registry: () => make(), elapse: (ms) => server.elapse(ms), loseAll };
      });
    });
  }
}

/** Has each client claim an id. Returns a function that settles when all of them have found it at the next primary. */
async function claimAll(clients: Clients, port: number, name: string): Promise<() => Promise<void>> {
  const registries = await Promise.all(
    Object.values(clients).map(async (connect) => (await open(connect, port, name))(HASTY)),
  );
  const epochs = await Promise.all(
    registries.map(async (registry) => {
      await registry.claim('id', OWNER, LIFE);
      return (await registry.renew(NODE, LIFE)).epoch;
    }),
  );
  return async () => {
    await Promise.all(
      registries.map(async (registry, i) => {
        let epoch = epochs[i];
        await until(async () => {
          const renewal = await registry.renew(NODE, LIFE).catch(() => undefined);
          epoch = renewal?.epoch ?? epoch;
          return epoch !== epochs[i];
        });
        assert.deepEqual(await registry.find('id'), { kind: 'owned', owner: OWNER });
      }),
    );
  };
}

describeWithRedis('The registry behind Sentinel', () => {
  const redis = useWatchedRedis();
  const { 'ioredis 5': _, iovalkey: __, ...newest } = SENTINEL_CLIENTS;
  declareContracts(newest, () => {
    const { sentinel, primary } = redis;
    return { port: sentinel.port, server: primary, loseAll: () => primary.fallBack() };
  });
});

describeWithRedis('The registry behind Sentinel, by a client of the wrong kind,', () => {
  const redis = useWatchedRedis();

  for (const client of ['node-redis 6', 'node-redis 4', 'ioredis 6', 'iovalkey']) {
    it(`names the remedy for ${client} that is connected to a Sentinel, or to a replica`, async () => {
      const connect = CLIENTS[client] ?? assert.fail();
      await assert.rejects(
        (await open(connect, redis.sentinel.port))().renew(NODE, LIFE),
        /; if it is a Sentinel, make the client by createSentinel\(\) of node-redis, or new Redis\(\{ sentinels, name \}\)/,
      );
      await assert.rejects(
        (await open(connect, redis.replica.port))().renew(NODE, LIFE),
        /READONLY.*; connect the client to the primary; this is a replica/,
      );
    });
  }
});

describeWithRedis('The registry in Redis Cluster, by a client of one server,', () => {
  const cluster = useRedisCluster();

  for (const client of ['node-redis 6', 'node-redis 4', 'ioredis 6', 'iovalkey']) {
    it(`names the remedy for ${client}`, async () => {
      const name = nextName();
      const owner = await cluster.ownerOf(`{sockjs:${name}}:nodes`);
      const { port } = cluster.servers.find((server) => server !== owner) ?? assert.fail();
      const registry = (await open(CLIENTS[client] ?? assert.fail(), port, name))();
      await assert.rejects(
        registry.renew(NODE, LIFE),
        /MOVED.*; this is Redis Cluster: make the client by createCluster\(\) of node-redis, or new Cluster\(\)/,
      );
    });
  }
});

describeWithRedis('The registry behind Sentinel, by each client,', () => {
  it('goes on with the next primary when the first is killed', async () => {
    const redis = await startWatchedRedis();
    const goOn = await claimAll(SENTINEL_CLIENTS, redis.sentinel.port, nextName());
    await redis.untilReplicated();
    await redis.loseThePrimary();
    await goOn();
  });
});

describeWithRedis('The registry in Redis Cluster', () => {
  const cluster = useRedisCluster();
  declareContracts(CLUSTER_CLIENTS, () => {
    const [server = assert.fail()] = cluster.servers;
    return { port: cluster.port, server, loseAll: () => cluster.fallBack() };
  });
});

describeWithRedis('The rights of the registry in Redis Cluster', () => {
  const cluster = useRedisCluster();

  for (const [client, connect] of Object.entries(CLUSTER_CLIENTS)) {
    it(`are enough for ${client}, also while the slot moves`, async () => {
      const name = nextName();
      const rights = [...RIGHTS.split(' '), ...RIGHTS_IN_CLUSTER];
      const user = { username: name, password: 'pass' };
      for (const { admin } of cluster.servers) {
        await admin.call('ACL', ['SETUSER', name, 'on', '>pass', '-@all', `~{sockjs:${name}}:*`, ...rights]);
      }
      const connected = await connect({ port: cluster.port, ...user });
      afterTest(connected.close);
      const registry = new RedisRegistry(connected.client, { name });
      await registry.renew(NODE, LIFE);
      const move = await cluster.beginMove(`{sockjs:${name}}:nodes`);
      assert.equal(await registry.claim('id', OWNER, LIFE), undefined);
      await move.moveKeys();
      assert.equal((await registry.renew(NODE, LIFE)).hadLease, true);
      await move.finish();
      assert.deepEqual(await registry.find('id'), { kind: 'owned', owner: OWNER });
    });
  }
});

describeWithRedis('The registry in Redis Cluster, by each client,', () => {
  it('goes on with the next primary when the first is killed', async () => {
    const redis = await startRedisCluster();
    const name = nextName();
    const primary = await redis.ownerOf(`{sockjs:${name}}:nodes`);
    const replica = await redis.addReplica(primary);
    const goOn = await claimAll(CLUSTER_CLIENTS, redis.port, name);
    await untilReplicated(primary, replica);
    await primary.crash();
    await goOn();
  });
});

describeWithRedis('The registry over TLS', () => {
  const server = useRedis();
  let port = 0;
  before(async () => {
    port = await server.listenWithTls();
  });

  for (const [name, connect] of Object.entries(TLS_CLIENTS)) {
    it(`works by ${name}`, async () => {
      const registry = (await open(connect, port))();
      assert.equal((await registry.renew(NODE, LIFE)).nodes.length, 1);
      assert.equal(await registry.claim('id', OWNER, LIFE), undefined);
      assert.deepEqual(await registry.find('id'), { kind: 'owned', owner: OWNER });
    });
  }
});
