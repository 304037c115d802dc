/**
 * Several processes of one endpoint, with a Redis of this spec, behind a balancer that gives consecutive requests of a
 * session to different processes. Faults: whatever happens, a session ends on both sides, or goes on without a gap.
 */
import assert from 'node:assert/strict';
import { afterTest } from '../support/cleanup.ts';
import { Balancer } from '../support/cluster/balancer.ts';
import { exchange, exchangeUntil, insistOnOpening, numbers, openAt } from '../support/cluster/exchanges.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import type { ClusterProcesses } from '../support/cluster/processes.ts';
import { LOST, makeCluster, NODE_TIMEOUT } from '../support/cluster/test-cluster.ts';
import type { HttpReceiver } from '../support/contract.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../support/transport-cases.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

/** Messages each way on each transport. The client of Redis makes no difference once the sessions are open. */
const MESSAGES = { 'node-redis': 500, ioredis: 200 };

const GOING_AWAY = { kind: 'closed', code: 1001, reason: 'Server shutting down' } as const;

const POLLS = HTTP_RECEIVERS.filter(({ prelude }) => prelude === undefined);
const STREAMS = HTTP_RECEIVERS.filter(({ prelude }) => prelude !== undefined);

/** Ids that are opened at all processes at once. */
const IDS = 50;

/** How often connections to Redis are cut. */
const CUTS = 5;

describeWithRedis('An endpoint of several processes', () => {
  const redis = useRedis();
  const cluster = (client?: ClientName) => makeCluster(redis, { client });

  /** All numbers have come to the application and back, in order and once, and the session is open. */
  function assertComplete(processes: ClusterProcesses, client: NumberedClient, count: number): void {
    assert.deepEqual(client.received, numbers(count));
    assert.deepEqual(processes.ownerOf(client.id).messagesOf(client.id), numbers(count));
    assert.equal(client.end, undefined);
  }

  for (const name of ['node-redis', 'ioredis'] as const) {
    it(`carries numbered messages each way over every transport, by ${name}`, async () => {
      const processes = cluster(name);
      const balancer = await Balancer.start(await processes.start(3));
      const clients = HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => balancer));
      await Promise.all(clients.map(async (client) => exchange(await client.open(), MESSAGES[name])));
      for (const client of clients) {
        assertComplete(processes, client, MESSAGES[name]);
      }
      assert.equal(processes.ends.size, 0);
    });
  }

  it('ends the sessions of a killed process with 1012, and no others', async () => {
    const processes = cluster();
    const [owner, ...others] = await processes.start(3);
    assert.ok(owner !== undefined);
    const lost = await openAt(owner, others);
    const [first, second] = others;
    assert.ok(first !== undefined && second !== undefined);
    const kept = [...(await openAt(first, [second])), ...(await openAt(second, [first]))];
    await owner.kill();
    for (const client of lost) {
      assert.deepEqual(await client.ended(), LOST, client.id);
    }
    for (const [i, { id, transport }] of lost.entries()) {
      // At the process that has not relayed it, too.
      for (const node of [others[i % 2], others[(i + 1) % 2]]) {
        const late = new NumberedClient(transport, () => node ?? assert.fail(), id);
        assert.deepEqual(await late.start().ended(), LOST, id);
        assert.equal((await late.send('late')).status, 404);
      }
    }
    for (const client of kept) {
      await client.echoes('still there');
    }
    assert.equal(processes.ends.size, 0);
  });

  it('ends the sessions of streams at a killed process with 1002, and no others', async () => {
    const processes = cluster();
    const [owner, killed, other] = await processes.start(3);
    assert.ok(owner !== undefined && killed !== undefined && other !== undefined);
    const cut = await openAt(owner, [killed], STREAMS);
    const kept = [...(await openAt(owner, [other])), ...(await openAt(other, [owner]))];
    // Polls that have been at the process that is killed.
    for (const client of await openAt(owner, [killed], POLLS)) {
      client.route = () => other;
      // The waiting poll ends there. The next gets its message once the owner knows that the first has left.
      await client.echoes('moves');
      await client.echoes('has moved');
      kept.push(client);
    }
    await killed.kill();
    for (const client of cut) {
      assert.deepEqual(await client.ended(), { kind: 'cut' }, client.id);
      assert.deepEqual(await processes.endOf(client.id), { code: 1002, reason: 'Connection interrupted' });
    }
    for (const client of kept) {
      await client.echoes('still there');
    }
    assert.deepEqual([...processes.ends.keys()].sort(), cut.map(({ id }) => id).sort());
  });

  it('goes on while one process after the other is replaced, but for the sessions of each', async () => {
    const processes = cluster();
    let nodes = await processes.start(3);
    const balancer = await Balancer.start(nodes);
    const clients: NumberedClient[] = [];
    let restarts = 0;
    const keepOne = async (transport: HttpReceiver) => {
      // Each transport has a session at all times: where one ends, the next begins.
      while (restarts < nodes.length) {
        const client = await new NumberedClient(transport, () => balancer).open();
        clients.push(client);
        await exchangeUntil(client, () => restarts === nodes.length);
      }
    };
    const replaceAll = async () => {
      for (const leaving of nodes) {
        const [replacement] = await processes.start(1, nodes);
        assert.ok(replacement !== undefined);
        balancer.targets = [...balancer.targets, replacement];
        const waiting = await openAt(replacement, [leaving]);
        for (const client of waiting) {
          client.route = () => balancer;
        }
        await balancer.withdraw(leaving);
        await leaving.leave();
        // Requests that waited there have been answered, and others wait elsewhere.
        await Promise.all(waiting.map((client) => client.echoes('at another process')));
        nodes = [...nodes.filter((node) => node !== leaving), replacement];
        restarts += 1;
      }
    };
    await Promise.all([replaceAll(), ...HTTP_RECEIVERS.map(keepOne)]);
    for (const client of clients) {
      const owner = processes.ownerOf(client.id);
      const hasLeft = !nodes.includes(owner);
      assert.deepEqual(client.end, hasLeft ? GOING_AWAY : undefined, client.id);
      assert.deepEqual(owner.sessions.get(client.id)?.end?.code, hasLeft ? 1001 : undefined, client.id);
      const { received } = client;
      assert.deepEqual(received, numbers(received.length));
      const messages = owner.messagesOf(client.id);
      assert.deepEqual(messages, numbers(messages.length));
      assert.ok(hasLeft || messages.length === received.length, client.id);
    }
    assert.ok(clients.some(({ end }) => end !== undefined));
  });

  it('lets sessions go on while Redis is away and has lost everything, and refuses new ones meanwhile', async () => {
    const processes = cluster();
    const nodes = await processes.start(3);
    const [owner, other, third] = nodes;
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const own = await openAt(owner, [owner]);
    const relayed = await openAt(owner, [other]);
    const socket = new WebSocketClient(`http://127.0.0.1:${owner.port}`, '/echo/000/socket/websocket');
    assert.equal(await socket.next(), 'o');
    const echoAll = async (text: string) => {
      await Promise.all([...own, ...relayed].map((client) => client.echoes(text)));
      socket.send(JSON.stringify([text]));
      assert.equal(await socket.next(), `a${JSON.stringify([text])}`);
    };
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
    for (const client of [...own, ...relayed]) {
      client.route = () => third;
      await client.echoes('moved');
    }
    for (const client of await openAt(other, [third])) {
      await client.echoes('new');
    }
    assert.equal(processes.ends.size, 0);
  });

  it('opens an id once that comes to all processes at the same time', async () => {
    const processes = cluster();
    const nodes = await processes.start(3);
    for (const id of numbers(IDS).map((number) => `same-${number}`)) {
      const clients = nodes.map((node) => new NumberedClient(xhrPolling, () => node, id).start());
      await processes.until(() => processes.ownersOf(id).length > 0, 'a session');
      processes.ownerOf(id).tell({ type: 'close', id });
      for (const client of clients) {
        const end = await client.ended();
        assert.ok(end.kind === 'closed' && [1000, 2010].includes(end.code), JSON.stringify(end));
      }
      assert.equal(processes.ownersOf(id).length, 1);
    }
  });

  it('waits for a process that stalls for less than nodeTimeout', async () => {
    const processes = cluster();
    const nodes = await processes.start(3);
    const [owner, other] = nodes;
    assert.ok(owner !== undefined && other !== undefined);
    const clients = await openAt(owner, [other]);
    owner.stall();
    const stall = async () => {
      await redis.elapse(NODE_TIMEOUT / 2);
      owner.resume();
    };
    await Promise.all([stall(), ...clients.map((client) => client.echoes('during the stall'))]);
    for (const client of clients) {
      await client.echoes('after the stall');
    }
    assert.equal(processes.ends.size, 0);
  });

  it('ends what is relayed to a process that stalls for longer, and nothing else', async () => {
    const processes = cluster();
    const nodes = await processes.start(3);
    const [owner, other, third] = nodes;
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const streams = await openAt(owner, [other], STREAMS);
    const own = await openAt(owner, [owner]);
    const kept = [...(await openAt(other, [third])), ...(await openAt(third, [other]))];
    owner.stall();
    for (const client of streams) {
      assert.deepEqual(await client.ended(), LOST, client.id);
    }
    for (const client of kept) {
      await client.echoes('meanwhile');
    }
    owner.resume();
    for (const { id } of streams) {
      assert.ok([1002, 1012].includes((await processes.endOf(id)).code), id);
      // Wherever its client asks now, it hears of the end.
      const late = new NumberedClient(xhrPolling, () => third, id);
      assert.equal((await late.send('late')).status, 404);
    }
    for (const client of [...own, ...kept]) {
      await client.echoes('after the stall');
    }
    assert.deepEqual([...processes.ends.keys()].sort(), streams.map(({ id }) => id).sort());
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
        assertComplete(processes, client, MESSAGES.ioredis);
      }
      assert.equal(processes.ends.size, 0);
    });
  }
});
