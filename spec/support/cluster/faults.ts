/** What an endpoint of several processes must bear, however they share their sessions. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { HttpReceiver } from '../contract.ts';
import { HTTP_RECEIVERS, xhrPolling } from '../transport-cases.ts';
import { Balancer } from './balancer.ts';
import { exchangeUntil, numbers, openAt, underLoad } from './exchanges.ts';
import { NumberedClient } from './numbered-client.ts';
import type { ClientEnd } from './numbered-session.ts';
import type { FaultyNode, ObservedNodes } from './observed-nodes.ts';
import { LOST, NODE_TIMEOUT } from './test-cluster.ts';

export const GOING_AWAY = { kind: 'closed', code: 1001, reason: 'Server shutting down' } as const;

const POLLS = HTTP_RECEIVERS.filter(({ prelude }) => prelude === undefined);
const STREAMS = HTTP_RECEIVERS.filter(({ prelude }) => prelude !== undefined);

/** Ids that are opened at all processes at once. */
const IDS = 50;

/** A way in which a process shuts down. */
interface WayToLeave<Node> {
  readonly leave: (node: Node) => Promise<void>;
  /** What the clients of its sessions may hear. */
  readonly ends: readonly ClientEnd[];
}

/**
 * Declares the tests.
 *
 * @param make makes an endpoint of its own for a test; its `nodeTimeout` is `NODE_TIMEOUT`
 * @param ways how a process shuts down
 */
export function itBearsFaults<Node extends FaultyNode>(
  make: () => ObservedNodes<Node>,
  ways: Readonly<Record<string, WayToLeave<Node>>>,
): void {
  /** An endpoint of three processes. */
  async function startThree() {
    const processes = make();
    const [owner, other, third] = await processes.start(3);
    assert.ok(owner !== undefined && other !== undefined && third !== undefined);
    return { processes, owner, other, third };
  }

  it('ends the sessions of a killed process with 1012, and no others, which are under load', async () => {
    const { processes, owner, other, third } = await startThree();
    const lost = await openAt(owner, [other, third]);
    const kept = [...(await openAt(other, [third])), ...(await openAt(third, [other]))];
    await underLoad(kept, async () => {
      await owner.kill();
      for (const client of lost) {
        assert.deepEqual(await client.ended(), LOST, client.id);
      }
      // At the process that has not relayed them, too.
      for (const { id, transport } of lost) {
        for (const node of [other, third]) {
          const late = new NumberedClient(transport, () => node, id);
          assert.deepEqual(await late.start().ended(), LOST, id);
          assert.equal((await late.send('late')).status, 404);
        }
      }
    });
    assert.equal(processes.ends.size, 0);
  });

  it('ends the sessions of streams at a killed process with 1002, and no others, which are under load', async () => {
    const { processes, owner, other: killed, third } = await startThree();
    const cut = await openAt(owner, [killed], STREAMS);
    const kept = [...(await openAt(owner, [third])), ...(await openAt(third, [owner]))];
    // Polls that have been at the process that is killed.
    for (const client of await openAt(owner, [killed], POLLS)) {
      client.route = () => third;
      // The waiting poll ends there. The next gets its message once the owner knows that the first has left.
      await client.echoes('moves');
      await client.echoes('has moved');
      kept.push(client);
    }
    await underLoad(kept, async () => {
      await killed.kill();
      for (const client of cut) {
        assert.deepEqual(await client.ended(), { kind: 'cut' }, client.id);
        assert.deepEqual(await processes.endOf(client.id), { code: 1002, reason: 'Connection interrupted' });
      }
    });
    assert.deepEqual([...processes.ends.keys()].sort(), cut.map(({ id }) => id).sort());
  });

  for (const [way, { leave, ends }] of Object.entries(ways)) {
    it(`goes on under load while one process after the other ${way}, but for the sessions of each`, async () => {
      const processes = make();
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
          await leave(leaving);
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
        const expected = hasLeft ? (ends.find((end) => isDeepStrictEqual(end, client.end)) ?? GOING_AWAY) : undefined;
        assert.deepEqual(client.end, expected, client.id);
        const { received } = client;
        assert.deepEqual(received, numbers(received.length));
        const messages = await processes.messagesOf(client.id, hasLeft ? 0 : received.length);
        assert.deepEqual(messages, numbers(messages.length));
        assert.ok(hasLeft || messages.length === received.length, client.id);
      }
      assert.ok(clients.some(({ end }) => end !== undefined));
    });
  }

  it('opens an id once that comes to all processes at the same time', async () => {
    const processes = make();
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
    const { processes, owner, other, third } = await startThree();
    const clients = await openAt(owner, [other]);
    const kept = await openAt(other, [third]);
    owner.stall();
    await underLoad(kept, async () => {
      const stall = async () => {
        await third.elapse(NODE_TIMEOUT / 2);
        owner.resume();
      };
      await Promise.all([stall(), ...clients.map((client) => client.echoes('during the stall'))]);
    });
    for (const client of clients) {
      await client.echoes('after the stall');
    }
    assert.equal(processes.ends.size, 0);
  });

  it('ends what is relayed to a process that stalls for longer, and nothing else', async () => {
    const { processes, owner, other, third } = await startThree();
    const streams = await openAt(owner, [other], STREAMS);
    const own = await openAt(owner, [owner]);
    const kept = [...(await openAt(other, [third])), ...(await openAt(third, [other]))];
    owner.stall();
    await underLoad(kept, async () => {
      for (const client of streams) {
        assert.deepEqual(await client.ended(), LOST, client.id);
      }
    });
    owner.resume();
    for (const { id } of streams) {
      assert.ok([1002, 1012].includes((await processes.endOf(id)).code), id);
      // The process that its client asks now tells it of the end.
      const late = new NumberedClient(xhrPolling, () => third, id);
      assert.equal((await late.send('late')).status, 404);
    }
    for (const client of [...own, ...kept]) {
      await client.echoes('after the stall');
    }
    assert.deepEqual([...processes.ends.keys()].sort(), streams.map(({ id }) => id).sort());
  });
}
