/**
 * Workers of `node:cluster` on one port, which share their sessions by their primary. In every fault a session
 * ends on both sides, or goes on without a gap.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { exchange, numbers, openAllKinds, openAt, underLoad } from '../support/cluster/exchanges.ts';
import { GOING_AWAY, itBearsFaults } from '../support/cluster/faults.ts';
import { NumberedClient } from '../support/cluster/numbered-client.ts';
import { LOST, NODE_TIMEOUT } from '../support/cluster/test-cluster.ts';
import { makeWorkers } from '../support/cluster/workers/workers.ts';
import { fetchText } from '../support/http.ts';
import { HTTP_RECEIVERS, xhrPolling, xhrStreaming } from '../support/transport-cases.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

/** Messages each way on each transport. */
const MESSAGES = 200;

describe('An endpoint of several workers', () => {
  it('carries numbered messages each way over every transport, on the one port of all workers', async () => {
    const workers = makeWorkers();
    const [first] = await workers.start(3);
    const port = first?.sharedPort ?? assert.fail();
    assert.deepEqual(new Set(workers.all.map(({ sharedPort }) => sharedPort)), new Set([port]));
    const clients = [...HTTP_RECEIVERS, ...HTTP_RECEIVERS].map(
      (transport) => new NumberedClient(transport, () => ({ port })),
    );
    await Promise.all(clients.map(async (client) => exchange(await client.open(), MESSAGES)));
    for (const client of clients) {
      assert.deepEqual(client.received, numbers(MESSAGES));
      assert.deepEqual(await workers.messagesOf(client.id, MESSAGES), numbers(MESSAGES));
      assert.equal(client.end, undefined);
    }
    assert.equal(workers.ends.size, 0);
    assert.ok(workers.all.every(({ sessions }) => sessions.size > 0));
    assert.equal(readdirSync(workers.folder).length, 3);
  });

  itBearsFaults(makeWorkers, {
    leaves: { leave: (worker) => worker.leave(), ends: [GOING_AWAY] },
    'is disconnected': {
      leave: async (worker) => {
        worker.disconnect();
        await worker.ended();
      },
      // Its primary takes it for dead before it has closed its router: requests that come to others meanwhile hear of that.
      ends: [GOING_AWAY, LOST],
    },
  });

  it('tells a worker that comes after the death of another of the sessions that were lost', async () => {
    const workers = makeWorkers();
    const [owner, other] = await workers.start(2);
    assert.ok(owner !== undefined && other !== undefined);
    const lost = await openAt(owner, [other]);
    await owner.kill();
    const [late] = await workers.start(1, [other]);
    assert.ok(late !== undefined);
    for (const { id, transport } of lost) {
      assert.deepEqual(await new NumberedClient(transport, () => late, id).start().ended(), LOST, id);
    }
    // The primary has removed the socket of the dead one.
    assert.equal(readdirSync(workers.folder).length, 2);
  });

  it('never takes a worker for dead that stalls, though it stalls for twice nodeTimeout', async () => {
    const workers = makeWorkers();
    const [owner, other, third] = await workers.start(3);
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const own = await openAt(owner, [owner], [xhrPolling, xhrStreaming]);
    const kept = await openAt(other, [third]);
    owner.stall();
    await underLoad(kept, async () => {
      await third.elapse(2 * NODE_TIMEOUT);
      for (const { id, transport } of own) {
        const client: NumberedClient = new NumberedClient(transport, () => third, id).start();
        assert.deepEqual(await client.ended(), { kind: 'answered', status: 503, retryAfter: '5' });
      }
    });
    owner.resume();
    await underLoad([...own, ...kept], () => workers.until(() => owner.isUpWith([other, third]), 'links'));
    for (const client of own) {
      client.route = () => third;
      await client.echoes('moved');
    }
    assert.equal(workers.ends.size, 0);
  });

  it('ends the sessions of a worker that is disconnected and goes on, with 1012, so that it ends', async () => {
    const workers = makeWorkers({ closes: false });
    const [owner, other] = await workers.start(2);
    assert.ok(owner !== undefined && other !== undefined);
    const socket = new WebSocketClient(`http://127.0.0.1:${owner.port}`, '/echo/000/socket/websocket');
    assert.equal(await socket.next(), 'o');
    const own = await openAt(owner, [owner]);
    const relayed = await openAt(owner, [other]);
    const kept = await openAt(other, [other]);
    owner.disconnect();
    for (const client of [...own, ...relayed]) {
      assert.deepEqual(await client.ended(), LOST, client.id);
    }
    assert.equal(await socket.next(), 'c[1012,"Session lost"]');
    await owner.ended();
    for (const client of kept) {
      await client.echoes('still there');
    }
  });

  it('lets a worker end that is disconnected and has no sessions', async () => {
    const workers = makeWorkers({ closes: false });
    const [owner] = await workers.start(2);
    owner?.disconnect();
    await owner?.ended();
  });

  it('takes none for dead while the primary stalls, and refuses new sessions', async () => {
    const workers = makeWorkers();
    const nodes = await workers.start(3);
    const [owner, other, third] = nodes;
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const { clients, echoAll } = await openAllKinds(owner, other);
    await echoAll('before');
    workers.stall();
    // Each waits for half of nodeTimeout: leases by time would be long over.
    await underLoad(clients, async () => {
      for (let refusals = 0; refusals < 4; refusals += 1) {
        const client: NumberedClient = new NumberedClient(xhrPolling, () => other).start();
        assert.deepEqual(await client.ended(), { kind: 'answered', status: 503, retryAfter: '5' });
      }
    });
    await echoAll('during the stall');
    workers.resume();
    for (const client of await openAt(other, [third])) {
      await client.echoes('new');
    }
    await echoAll('after');
    // A worker that has not relayed them finds their owner.
    for (const client of clients) {
      client.route = () => third;
      await client.echoes('moved');
    }
    assert.equal(workers.ends.size, 0);
    await workers.until(() => nodes.every(({ status }) => status === 'up'), 'the status up');
  });

  it('keeps the primary alive while workers are killed in the middle of commands', async () => {
    const workers = makeWorkers();
    const [kept] = await workers.start(1);
    assert.ok(kept !== undefined);
    const clients = await openAt(kept, [kept]);
    for (let round = 0; round < 3; round += 1) {
      const [victim] = await workers.start(1, [kept]);
      assert.ok(victim !== undefined);
      const opened = Array.from({ length: 50 }, () => new NumberedClient(xhrPolling, () => victim).start());
      await workers.until(() => victim.sessions.size >= 10, 'some sessions');
      await victim.kill();
      for (const { id } of opened.filter(({ isOpen }) => isOpen)) {
        assert.deepEqual(await new NumberedClient(xhrPolling, () => kept, id).start().ended(), LOST);
      }
    }
    for (const client of clients) {
      await client.echoes('still there');
    }
    assert.equal(readdirSync(workers.folder).length, 1);
  });

  it('keeps the primary alive that finds commands of a worker which was killed meanwhile', async () => {
    const workers = makeWorkers();
    const [kept, victim] = await workers.start(2);
    assert.ok(kept !== undefined && victim !== undefined);
    const clients = await openAt(kept, [kept]);
    workers.stall();
    const opening = numbers(50).map(() => new NumberedClient(xhrPolling, () => victim).start());
    await Promise.all(opening.map((client) => client.receives()));
    // Its answer comes after those requests were taken, and the commands for them written.
    await fetchText(`http://127.0.0.1:${victim.port}/echo`);
    const killed = victim.kill();
    for (const client of opening) {
      assert.deepEqual(await client.ended(), { kind: 'cut' });
    }
    workers.resume();
    await killed;
    for (const { id, transport } of opening) {
      // The primary had read the command before it knew of the end, or had not.
      const client = new NumberedClient(transport, () => kept, id).start();
      await client.until(() => client.isOpen || client.end !== undefined, 'an answer');
      assert.ok(client.isOpen || isDeepStrictEqual(client.end, LOST), JSON.stringify(client.end));
    }
    await underLoad(clients, async () => {});
    assert.equal(workers.stderr, '');
  });

  it('ends with its primary, and leaves no sockets behind', async () => {
    const workers = makeWorkers();
    await workers.start(2);
    assert.equal(existsSync(workers.folder), true);
    assert.deepEqual(await workers.exit(), { code: 0, signal: null });
    assert.equal(existsSync(workers.folder), false);
    assert.deepEqual(workers.exitCodes, [0, 0]);
    assert.equal(workers.stderr, '');
  });

  it('ends when its primary is killed under load, with commands on their way, and no worker reports an error', async () => {
    const workers = makeWorkers();
    const nodes = await workers.start(3);
    const [owner, other, third] = nodes;
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    const clients = [...(await openAt(owner, [other])), ...(await openAt(other, [third]))];
    // Once it goes on, its next renewal is due before it can know of the end of the primary.
    third.stall();
    await other.elapse(NODE_TIMEOUT / 2);
    // The others send their commands, and no answer can come any more.
    workers.stall();
    const opening = nodes.flatMap((node) => numbers(50).map(() => new NumberedClient(xhrPolling, () => node).start()));
    await Promise.all(opening.map((client) => client.receives()));
    const sends = clients.map((client) => client.send('the last').catch(() => undefined));
    await workers.kill();
    third.resume();
    await Promise.all([workers.ended, ...sends]);
    assert.deepEqual(workers.exitCodes, [0, 0, 0]);
    assert.equal(workers.stderr, '');
  });
});
