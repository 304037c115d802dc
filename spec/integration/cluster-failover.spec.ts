/**
 * Three processes of one endpoint whose Redis fails over, or moves their keys: by Sentinel, and in Redis Cluster. Each
 * process has another client. No session notices, but those whose claim the failover has lost: these end on both sides.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Balancer } from '../support/cluster/balancer.ts';
import { exchangeUntil, insistOnOpening, numbers } from '../support/cluster/exchanges.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { ClusterProcesses, NodeProcess } from '../support/cluster/processes.ts';
import { makeCluster } from '../support/cluster/test-cluster.ts';
import { type Answer, post } from '../support/http.ts';
import { startRedisCluster } from '../support/redis/redis-cluster.ts';
import { describeWithRedis, type RedisServer } from '../support/redis/redis-server.ts';
import { startWatchedRedis, until, untilReplicated, type WatchedRedis } from '../support/redis/watched-redis.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../support/transport-cases.ts';

/** Each process has another client. */
const client: readonly ClientName[] = ['node-redis', 'ioredis', 'iovalkey'];

/** Messages of each session before the fault: all processes know its owner then. */
const BEFORE = 20;

/** Messages of one session after which each process opens a further session. */
const MESSAGES_PER_OPENING = 20;

/** What has gone on during a fault. */
interface Outcome {
  /** Sessions that have exchanged messages, with each request at another process. */
  readonly busy: readonly NumberedClient[];
  /** Sessions that were opened meanwhile. All their requests have gone to their owners. */
  readonly opened: readonly NumberedClient[];
}

/** Has all transports exchange messages, and opens sessions, until the fault is over. */
async function loadDuring(nodes: readonly NodeProcess[], fault: () => Promise<void>): Promise<Outcome> {
  const balancer = await Balancer.start(nodes);
  const busy = await Promise.all(
    HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => balancer).open()),
  );
  const opened: NumberedClient[] = [];
  let isOver = false;
  const run = async () => {
    try {
      await Promise.all(busy.map((session) => session.until(() => session.received.length >= BEFORE, 'messages')));
      await fault();
    } finally {
      isOver = true;
    }
  };
  const openAt = async (node: NodeProcess) => {
    const [first = assert.fail()] = busy;
    for (let due = BEFORE; !isOver; due += MESSAGES_PER_OPENING) {
      await first.until(() => first.received.length >= due || isOver, `${due} messages`);
      opened.push(await insistOnOpening(() => node));
    }
  };
  await Promise.all([run(), ...busy.map((session) => exchangeUntil(session, () => isOver)), ...nodes.map(openAt)]);
  return { busy, opened };
}

/** Settles once all processes are up, and Redis has all these sessions. */
async function untilRestored(
  processes: ClusterProcesses,
  primary: RedisServer,
  sessions: readonly NumberedClient[],
): Promise<void> {
  await processes.until(() => processes.all.every(({ status }) => status === 'up'), 'the status up');
  await until(async () => {
    const keys = new Set((await primary.admin.keys('{sockjs:*}:s:*')).map((key) => key.replace(/^.*?:s:/, '')));
    return sessions.every(({ id }) => keys.has(id));
  });
}

/** Nothing was lost, doubled or reordered, and all sessions go on at each process that their clients ask. */
async function assertGoesOn(
  processes: ClusterProcesses,
  { busy, opened }: Outcome,
  ended: readonly NumberedClient[] = [],
): Promise<void> {
  for (const session of busy) {
    const all = numbers(session.received.length);
    assert.deepEqual([session.received, session.end], [all, undefined], session.id);
    assert.deepEqual(await processes.messagesOf(session.id, all.length), all, session.id);
    await session.echoes('after it');
  }
  assert.ok(opened.length >= processes.all.length);
  for (const session of opened) {
    const other = processes.all.find((node) => node !== processes.ownerOf(session.id)) ?? assert.fail();
    session.route = () => other;
    // The poll that waits at the owner ends by the first message.
    await session.echoes('moves');
    await session.echoes('has moved');
  }
  assert.deepEqual([...processes.ends.keys()].sort(), ended.map(({ id }) => id).sort());
}

describeWithRedis('An endpoint of several processes behind Sentinel', () => {
  async function startAll(mayDouble = false) {
    const redis = await startWatchedRedis();
    const processes = makeCluster(redis.sentinel, { client, redisKind: 'sentinel', mayDouble });
    return { redis, processes, nodes: await processes.start(client.length) };
  }

  const faults: readonly (readonly [title: string, fault: (redis: WatchedRedis) => Promise<void>])[] = [
    ['the primary is killed', (redis) => redis.loseThePrimary()],
    ['an operator has the replica take over', (redis) => redis.failOver()],
    [
      'the primary hangs, and goes on as a replica',
      async (redis) => {
        const { primary } = redis;
        primary.stall();
        await redis.untilFailedOver();
        primary.resume();
        await until(async () => (await primary.admin.info('replication')).includes('role:slave'));
      },
    ],
  ];

  for (const [title, fault] of faults) {
    it(`loses nothing when ${title}`, async () => {
      const { redis, processes, nodes } = await startAll();
      const outcome = await loadDuring(nodes, async () => {
        await redis.untilReplicated();
        await fault(redis);
      });
      await untilRestored(processes, redis.primary, [...outcome.busy, ...outcome.opened]);
      await assertGoesOn(processes, outcome);
    });
  }

  it('ends a session at its owner whose lost id was claimed anew, and writes the others again', async () => {
    const { redis, processes, nodes } = await startAll(true);
    const [owner = assert.fail(), other = assert.fail(), third = assert.fail()] = nodes;
    const ask = (node: NodeProcess, id: string, endpoint: string, body = ''): Promise<Answer> =>
      post(`http://127.0.0.1:${node.port}/echo/000/${id}/${endpoint}`, body, { 'Content-Type': 'text/plain' });
    const [doubled, kept] = [randomUUID(), randomUUID()];
    await redis.stopReplication();
    for (const id of [doubled, kept]) {
      assert.equal((await ask(owner, id, 'xhr')).body, 'o\n');
    }
    const waiting = ask(owner, doubled, 'xhr');
    owner.stall();
    await redis.loseThePrimary();
    await until(async () => {
      const { status, body } = await ask(other, doubled, 'xhr');
      // In the middle of a session, a client takes an open frame for its end: 1006, "Server lost session".
      assert.deepEqual(status === 200 ? body : status, status === 200 ? 'o\n' : 503);
      return status === 200;
    });
    owner.resume();
    assert.equal((await waiting).body, 'c[1012,"Session lost"]\n');
    assert.deepEqual(await processes.endOf(doubled), { code: 1012, reason: 'Session lost' });
    assert.equal(owner.sessions.get(doubled)?.end?.code, 1012);
    await until(async () => (await redis.primary.admin.keys(`*:s:${kept}`)).length === 1);
    for (const id of [doubled, kept]) {
      assert.equal((await ask(third, id, 'xhr_send', '["after it"]')).status, 204);
      assert.equal((await ask(third, id, 'xhr')).body, 'a["after it"]\n');
    }
    assert.equal(processes.ends.size, 1);
  });
});

describeWithRedis('An endpoint of several processes in Redis Cluster', () => {
  async function startAll() {
    const redis = await startRedisCluster();
    const processes = makeCluster(redis, { client, redisKind: 'cluster' });
    const nodes = await processes.start(client.length);
    const [nodesKey = assert.fail()] = await redis.keys('*:nodes');
    return { redis, processes, nodes, nodesKey };
  }

  it('loses nothing while its slot moves to another server', async () => {
    const { redis, processes, nodes, nodesKey } = await startAll();
    const early = await Promise.all(nodes.map((node) => new NumberedClient(xhrPolling, () => node).open()));
    const keyOf = ({ id }: NumberedClient) => nodesKey.replace(/nodes$/, `s:${id}`);
    // node-redis does not try again by itself where some keys have moved and others have not.
    const [left, ...moved] = early;
    const outcome = await loadDuring(nodes, async () => {
      const move = await redis.beginMove(nodesKey);
      await move.moveKeys([nodesKey, ...moved.map(keyOf)]);
      // Their leases are at another server now, so they write all sessions again: those at either server.
      await untilRenewed(move.target, nodesKey);
      await untilRenewed(move.target, nodesKey);
      assert.deepEqual(
        nodes.map(({ status }) => status),
        nodes.map(() => 'up'),
      );
      for (const { id } of early) {
        processes.ownerOf(id).tell({ type: 'close', id });
      }
      for (const session of early) {
        await session.ended();
      }
      await move.moveKeys();
      await move.finish();
      for (const session of early) {
        await until(async () => String(await move.target.admin.get(keyOf(session))).startsWith('['));
      }
    });
    assert.ok(left !== undefined && moved.length > 0);
    await assertGoesOn(processes, outcome, early);
  });

  const faults: readonly (readonly [title: string, fault: (primary: RedisServer) => void | Promise<void>])[] = [
    ['is killed', (primary) => primary.crash()],
    ['hangs', (primary) => primary.stall()],
  ];

  for (const [title, fault] of faults) {
    it(`loses nothing when the primary of its slot ${title}`, async () => {
      const { redis, processes, nodes, nodesKey } = await startAll();
      const primary = await redis.ownerOf(nodesKey);
      const replica = await redis.addReplica(primary);
      const outcome = await loadDuring(nodes, async () => {
        await untilReplicated(primary, replica);
        await fault(primary);
        await until(async () => (await replica.admin.info('replication')).includes('role:master'));
      });
      await untilRestored(processes, replica, [...outcome.busy, ...outcome.opened]);
      await assertGoesOn(processes, outcome);
    });
  }
});

/** Settles once all nodes have renewed their leases at a server to which their slot moves. */
async function untilRenewed(target: RedisServer, nodesKey: string): Promise<void> {
  const read = async () => {
    const [, [, leases] = []] = (await target.admin.pipeline().asking().hvals(nodesKey).exec()) ?? [];
    return leases as string[];
  };
  const before = await read();
  await until(async () => !(await read()).some((lease) => before.includes(lease)));
}
