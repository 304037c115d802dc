/** What the registry needs of Redis: rights, and a set-up that keeps keys. What is missing is named with its remedy. */
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient, createCluster, createSentinel } from 'redis';
import { createClient as createClient4 } from 'redis4';
import type { RedisClient } from '../../lib/cluster/redis/client.ts';
import { RedisRegistry } from '../../lib/cluster/redis/redis-registry.ts';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import type { NodeRecord, Tombstone } from '../../lib/options/cluster-adapter.ts';
import { afterTest } from '../support/cleanup.ts';
import { declareRegistryContract } from '../support/cluster/registry-contract.ts';
import { CLIENTS, type Connect } from '../support/redis/clients.ts';
import { DEBUG_ARGUMENTS, describeWithRedis, useRedis } from '../support/redis/redis-server.ts';

const LIFE = 3_600_000;

const NODE: NodeRecord = { id: 'a', address: 'a:1', token: 'token', machine: 'machine', versions: [1, 1] };
const OWNER = { nodeId: NODE.id, reservation: 1 };
const TOMBSTONE: Tombstone = { code: 1000, reason: '', identityHash: '' };

const RIGHT_LIST = RIGHTS.split(' ');

/** Calls every method so that every command is run. */
async function callAll(registry: RedisRegistry): Promise<void> {
  await registry.renew({ ...NODE, id: 'short' }, 1);
  await registry.renew(NODE, LIFE);
  while ((await registry.node('short')) !== undefined) {
    // Its lease lasts 1 ms.
  }
  await registry.renew(NODE, LIFE);
  await registry.claim('id', OWNER, LIFE);
  await registry.find('id');
  await registry.end('other', OWNER, TOMBSTONE, LIFE, NODE.id);
  await registry.reassert(new Map([['id', OWNER]]), LIFE);
  await registry.release('id', OWNER);
  await registry.remove(NODE.id);
}

describeWithRedis('the rights of the registry in Redis', () => {
  const server = useRedis(...DEBUG_ARGUMENTS);
  let users = 0;

  /** Connects a user who has nothing but these rights, for the keys of the cluster that is named like the user. */
  async function connectAs(
    connect: Connect,
    rights: readonly string[],
  ): Promise<{ client: RedisClient; name: string }> {
    users += 1;
    const name = `user-${users}`;
    await server.admin.call('ACL', ['SETUSER', name, 'on', '>pass', `~{sockjs:${name}}:*`, ...rights]);
    const { client, close } = await connect({ port: server.port, username: name, password: 'pass' });
    afterTest(close);
    return { client, name };
  }

  for (const client of ['node-redis 6', 'node-redis 4', 'ioredis 6', 'iovalkey']) {
    describe(`are enough for ${client}: it`, () => {
      declareRegistryContract(async () => {
        const user = await connectAs(CLIENTS[client] as Connect, RIGHT_LIST);
        return {
          registry: () => new RedisRegistry(user.client, { name: user.name }),
          elapse: (ms) => server.elapse(ms),
          loseAll: () => server.fallBack(),
        };
      });
    });
  }

  // The rest of what a client does at its start is refused, or was never asked for.
  const ioredis: Connect = ({ port, ...user }) => {
    const client = new Redis({ port, host: '127.0.0.1', enableReadyCheck: false, ...user });
    return { client, close: () => client.disconnect() };
  };

  for (const right of RIGHT_LIST.filter((other) => other !== '+info')) {
    it(`are all needed: without ${right} a call fails, and names them all`, async () => {
      const { client, name } = await connectAs(
        ioredis,
        RIGHT_LIST.filter((other) => other !== right),
      );
      await server.admin.script('FLUSH');
      await assert.rejects(callAll(new RedisRegistry(client, { name })), (error: Error) =>
        error.message.endsWith(`; give its user the rights ${RIGHTS} for the keys of the cluster`),
      );
    });
  }

  it('are given for the keys of the cluster: a call for another one fails, and names them all', async () => {
    const { client } = await connectAs(ioredis, RIGHT_LIST);
    await assert.rejects(callAll(new RedisRegistry(client, { name: 'other' })), /; give its user the rights/);
  });

  it('may do without +info: the epoch is unknown then, and changes at every fourth renewal', async () => {
    const { client, name } = await connectAs(
      ioredis,
      RIGHT_LIST.filter((other) => other !== '+info'),
    );
    const registry = new RedisRegistry(client, { name });
    const epochs: string[] = [];
    for (let renewals = 0; renewals < 9; renewals += 1) {
      epochs.push((await registry.renew(NODE, LIFE)).epoch);
    }
    assert.deepEqual(
      epochs,
      [0, 0, 0, 0, 1, 1, 1, 1, 2].map((number) => `unknown ${number}`),
    );
    await callAll(registry);
  });
});

describeWithRedis('the registry in a Redis that is set up wrong', () => {
  const server = useRedis();
  let names = 0;

  const open = (client: RedisClient, name = `test-${++names}`) => new RedisRegistry(client, { name });

  function connect(): Redis {
    const client = new Redis(server.port, '127.0.0.1');
    afterTest(() => client.disconnect());
    return client;
  }

  for (const policy of ['allkeys-lru', 'volatile-ttl', 'volatile-lru']) {
    it(`refuses the eviction policy ${policy}, and names the remedy`, async () => {
      await server.configure('maxmemory', '100mb');
      await server.configure('maxmemory-policy', policy);
      const registry = open(connect());
      const expected = new RegExp(`may drop keys \\(maxmemory-policy ${policy}\\).*set maxmemory-policy noeviction`);
      await assert.rejects(registry.renew(NODE, LIFE), expected);
      await assert.rejects(registry.renew(NODE, LIFE), expected);
      await server.configure('maxmemory-policy', 'noeviction');
      assert.equal((await registry.renew(NODE, LIFE)).nodes.length, 1);
    });
  }

  it('takes any policy where there is no limit of memory, and goes on where it is changed later', async () => {
    await server.configure('maxmemory-policy', 'allkeys-lru');
    const registry = open(connect());
    await registry.renew(NODE, LIFE);
    await server.configure('maxmemory', '100mb');
    await registry.renew(NODE, LIFE);
  });

  it('refuses a replica that may be written', async () => {
    await server.configure('replica-read-only', 'no');
    await server.admin.replicaof('127.0.0.1', 1);
    afterTest(async () => {
      await server.admin.replicaof('NO', 'ONE');
    });
    await assert.rejects(open(connect()).renew(NODE, LIFE), /is a replica; connect the client to the primary/);
  });

  it('refuses a client that was never connected', () => {
    assert.throws(() => open(createClient()), /is not connected; call await client.connect\(\) first/);
    assert.throws(
      () => open(createCluster({ rootNodes: [] })),
      /is not connected; call await client.connect\(\) first/,
    );
    const sentinel = createSentinel({ name: 'mine', sentinelRootNodes: [] });
    assert.throws(() => open(sentinel), /is not connected; call await client.connect\(\) first/);
    assert.throws(() => open(createClient4()), /is not connected; call await client.connect\(\) first/);
  });

  it('refuses a client that is closed, and says so where it is closed later', async () => {
    const client = createClient({ socket: { port: server.port } });
    await client.connect();
    const registry = open(client);
    client.destroy();
    await assert.rejects(registry.find('id'), /closed; connect the client before the router, and close it after/);
    const ioredis = new Redis(server.port);
    const other = open(ioredis);
    ioredis.disconnect();
    await assert.rejects(other.find('id'), /closed\.?; connect the client before the router, and close it after/i);
    assert.throws(() => open(ioredis), /is closed; make a new one/);
  });

  it('takes a client of ioredis that connects at its first command', async () => {
    const client = new Redis(server.port, '127.0.0.1', { lazyConnect: true });
    afterTest(() => client.disconnect());
    assert.equal(await open(client).find('id'), undefined);
  });

  it('names the remedy for a client in subscriber mode', async () => {
    const ioredis = new Redis5(server.port);
    afterTest(() => ioredis.disconnect());
    await ioredis.subscribe('channel');
    await assert.rejects(open(ioredis).renew(NODE, LIFE), /; give the cluster client.duplicate\(\)/);
    const nodeRedis = createClient4({ socket: { port: server.port } });
    await nodeRedis.connect();
    afterTest(() => nodeRedis.disconnect());
    await nodeRedis.subscribe('channel', () => {});
    await assert.rejects(open(nodeRedis).renew(NODE, LIFE), /; give the cluster client.duplicate\(\)/);
  });

  it('refuses the legacy mode of node-redis 4, whose answers go elsewhere', async () => {
    const client = createClient4({ legacyMode: true, socket: { port: server.port } });
    await client.connect();
    afterTest(() => client.disconnect());
    await assert.rejects(open(client).find('id'), /answers nothing; give it client.duplicate/);
    const remedy = client.duplicate({ legacyMode: false });
    await remedy.connect();
    afterTest(() => remedy.disconnect());
    assert.equal(await open(remedy).find('id'), undefined);
  });

  it('takes a subscriber of RESP3, which may send commands', async () => {
    const client = createClient({ RESP: 3, socket: { port: server.port } });
    await client.connect();
    afterTest(() => client.destroy());
    await client.subscribe('channel', () => {});
    assert.equal(await open(client).find('id'), undefined);
  });

  it('reads the answers of clients that give bytes or texts for numbers, and puts up with a keyPrefix', async () => {
    const bytes = createClient({ socket: { port: server.port }, commandOptions: { typeMapping: { 36: Buffer } } });
    await bytes.connect();
    afterTest(() => bytes.destroy());
    const prefixed = new Redis(server.port, '127.0.0.1', {
      keyPrefix: 'app:',
      stringNumbers: true,
      enableAutoPipelining: true,
    });
    afterTest(() => prefixed.disconnect());
    for (const client of [bytes, prefixed]) {
      const registry = open(client);
      await callAll(registry);
      await registry.claim('ended', OWNER, LIFE);
      await registry.end('ended', OWNER, TOMBSTONE, LIFE);
      assert.deepEqual(await registry.reassert(new Map([['ended', OWNER]]), LIFE), ['ended']);
    }
    assert.equal(await server.admin.exists(`app:{sockjs:test-${names}}:s:ended`), 1);
  });

  it('keeps clusters of two names apart', async () => {
    const client = connect();
    const [one, two] = [open(client), open(client)];
    await one.renew(NODE, LIFE);
    await one.claim('id', OWNER, LIFE);
    assert.equal(await two.find('id'), undefined);
    assert.equal(await two.node(NODE.id), undefined);
  });

  it('has no key without an end', async () => {
    const registry = open(connect());
    await registry.renew(NODE, LIFE);
    await registry.claim('owned', OWNER, LIFE);
    await registry.claim('ended', OWNER, LIFE);
    await registry.end('ended', OWNER, TOMBSTONE, LIFE);
    await registry.reassert(new Map([['asserted', OWNER]]), LIFE);
    const keys = await server.admin.keys(`{sockjs:test-${names}}:*`);
    assert.equal(keys.length, 4);
    for (const key of keys) {
      assert.ok((await server.admin.pttl(key)) > 0, key);
    }
  });

  it('forgets nodes whose lease has run out', async () => {
    const registry = open(connect());
    for (let nodes = 0; nodes < 10; nodes += 1) {
      await registry.renew({ ...NODE, id: `short-lived ${nodes}` }, 1);
    }
    await server.elapse(1);
    await registry.renew(NODE, LIFE);
    assert.deepEqual(await server.admin.hkeys(`{sockjs:test-${names}}:nodes`), [NODE.id]);
  });

  it('names what a key holds that is not its own', async () => {
    const registry = open(connect());
    await server.admin.set(`{sockjs:test-${names}}:s:id`, 'something');
    await assert.rejects(registry.find('id'), /holds something else; give the cluster a name of its own/);
  });
});
