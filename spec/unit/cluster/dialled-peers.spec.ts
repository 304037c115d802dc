/** The links that a process has dialled, and what it says of nodes that it cannot dial. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import type { ClusterLinkMessage, ClusterNodeMessage } from '../../../lib/cluster/cluster-channels.ts';
import { ClusterMetrics } from '../../../lib/cluster/cluster-metrics.ts';
import { DialledPeers, type DialledPeersSettings } from '../../../lib/cluster/dialled-peers.ts';
import type { RequesterSide } from '../../../lib/cluster/requester-side.ts';
import { RoomPeer } from '../../../lib/cluster/room-peer.ts';
import type { NodeRecord } from '../../../lib/options/cluster-adapter.ts';
import { promiseWithResolvers } from '../../../lib/util/promises.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { bareServer, listenAsOwner, type TestListener, TOKEN, until, VERSIONS } from '../../support/link-nodes.ts';
import { listenTo } from '../../support/published.ts';

const NODE_TIMEOUT = 1000;

function record(address: string, id = 'owner', machine = 'here'): NodeRecord {
  return { id, address, token: TOKEN, machine, versions: VERSIONS };
}

/** The links of the node `self`. */
function make(given: Partial<DialledPeersSettings> = {}) {
  const did: string[] = [];
  const leases = new Map<string, NodeRecord>();
  const warnings: [key: string, text: string][] = [];
  const state = { mayJudge: true, links: 0 };
  const registry = {
    node: async (id: string) => {
      did.push(`node ${id}`);
      return leases.get(id);
    },
    remove: async (id: string) => {
      did.push(`remove ${id}`);
      leases.delete(id);
    },
  };
  const timers = new TimerQueue();
  const peers = new DialledPeers({
    nodeId: 'self',
    machine: 'here',
    registry,
    nodeTimeout: NODE_TIMEOUT,
    maxQueuedBytes: 1_000_000,
    timers,
    metrics: new ClusterMetrics('test', 'self'),
    tls: undefined,
    mayJudge: () => state.mayJudge,
    onLinks: () => {
      state.links += 1;
    },
    warn: (key, text) => warnings.push([key, text]),
    ...given,
  });
  afterTest(() => peers.close());
  const list = (...nodes: NodeRecord[]) => {
    for (const node of nodes) {
      leases.set(node.id, node);
    }
    peers.update(nodes);
  };
  const linked = async (id = 'owner'): Promise<RequesterSide> => {
    const reached = await peers.reach(id);
    assert.equal(reached.kind, 'linked');
    return reached.side;
  };
  const verdict = async (id = 'owner') => (await peers.reach(id)).kind;
  return { peers, did, leases, warnings, state, registry, list, linked, verdict };
}

/** An address at which nothing listens any more. */
async function deserted(): Promise<string> {
  const { listener, address } = await listenAsOwner();
  await listener.close();
  return address;
}

describe('DialledPeers', () => {
  let clock: Clock;
  let owner: TestListener;

  beforeEach(async () => {
    clock = stopClock();
    owner = await listenAsOwner();
  });

  describe('a link', () => {
    it('is made when a node is listed, and is there at once from then on', async () => {
      const { peers, list, state, did } = make();
      assert.deepEqual([peers.nodeIds, peers.areAllLinked], [[], true]);
      list(record(owner.address), record('127.0.0.1:1', 'self'));
      assert.deepEqual([peers.nodeIds, peers.areAllLinked], [['owner'], false]);
      await until(() => peers.areAllLinked);
      assert.equal(state.links, 1);
      const reached = peers.reach('owner');
      assert.ok(!('then' in reached));
      assert.equal(reached.kind, 'linked');
      assert.deepEqual(did, []);
    });

    it('is made once for all that ask at a time', async () => {
      const { peers, list, linked } = make();
      list(record(owner.address));
      list(record(owner.address));
      const sides = await Promise.all([linked(), linked(), linked()]);
      assert.equal(new Set(sides).size, 1);
      list(record(owner.address));
      await turn();
      assert.equal(peers.areAllLinked, true);
      await owner.ends.next();
      assert.equal(owner.ends.size, 0);
    });

    it('is made to a node that was not listed yet, by its record in the registry', async () => {
      const { did, leases, linked } = make();
      leases.set('owner', record(owner.address));
      await linked();
      assert.deepEqual(did, ['node owner']);
    });

    it('is not replaced by a request whose record came late', async () => {
      const { leases, linked, registry } = make();
      const late = promiseWithResolvers<NodeRecord>();
      const answer = registry.node;
      registry.node = () => late.promise;
      const second = linked();
      registry.node = answer;
      leases.set('owner', record(owner.address));
      const first = await linked();
      late.resolve(record(owner.address));
      assert.equal(await second, first);
      assert.equal(first.hasEnded, false);
      await owner.ends.next();
      assert.equal(owner.ends.size, 0);
    });

    it('is made again at the next renewal where it has ended', async () => {
      const { peers, list, linked, state } = make();
      list(record(owner.address));
      const first = await linked();
      (await owner.ends.next()).link.end();
      await until(() => first.hasEnded);
      assert.deepEqual([peers.areAllLinked, state.links], [false, 2]);
      list(record(owner.address));
      await until(() => peers.areAllLinked);
      assert.notEqual(await linked(), first);
      assert.equal(state.links, 3);
    });

    it('goes on though the lease of its node is gone', async () => {
      const { peers, list, linked, leases, verdict } = make();
      list(record(owner.address));
      await linked();
      leases.clear();
      list();
      assert.deepEqual(peers.nodeIds, []);
      assert.equal(await verdict(), 'linked');
    });
  });

  describe('a node that refuses the connection', () => {
    for (const mayJudge of [true, false]) {
      it(`is dead after a link was there, and loses its lease before; mayJudge is ${mayJudge}`, async () => {
        const { list, linked, verdict, did, leases, state } = make();
        list(record(owner.address));
        const side = await linked();
        await owner.listener.close();
        await until(() => side.hasEnded);
        state.mayJudge = mayJudge;
        assert.equal(await verdict(), 'dead');
        assert.deepEqual(did, ['remove owner']);
        assert.equal(leases.size, 0);
      });
    }

    it('is not dead before its lease is deleted', async () => {
      const { list, linked, verdict, registry } = make();
      list(record(owner.address));
      const side = await linked();
      await owner.listener.close();
      await until(() => side.hasEnded);
      registry.remove = () => Promise.reject(new Error('away'));
      assert.equal(await verdict(), 'unreachable');
      const removal = promiseWithResolvers<void>();
      let isAsked = false;
      registry.remove = () => {
        isAsked = true;
        return removal.promise;
      };
      let answer: string | undefined;
      const asking = verdict().then((kind) => {
        answer = kind;
      });
      await until(() => isAsked);
      await turn();
      assert.equal(answer, undefined);
      removal.resolve();
      await asking;
      assert.equal(answer, 'dead');
    });

    it('is unreachable where no link was there, while it has a lease', async () => {
      const { list, verdict, did } = make();
      list(record(await deserted()));
      assert.equal(await verdict(), 'unreachable');
      assert.deepEqual(did, ['node owner']);
    });

    it('is dead where no link was there, once its lease is gone, if this process may judge', async () => {
      const { list, verdict, leases, state } = make();
      list(record(await deserted()));
      leases.clear();
      state.mayJudge = false;
      assert.equal(await verdict(), 'unreachable');
      state.mayJudge = true;
      assert.equal(await verdict(), 'dead');
    });
  });

  describe('a node that cannot be reached', () => {
    it('is alive where it has written its lease during the attempt', async () => {
      const { list, verdict, leases } = make();
      const node = record('');
      const { address } = await bareServer((socket) => {
        leases.set('owner', node);
        socket.destroy();
      });
      list(record(address));
      leases.clear();
      assert.equal(await verdict(), 'unreachable');
    });

    it('is dead where the registry knows it no more, nor did before', async () => {
      const { verdict, state } = make();
      state.mayJudge = false;
      assert.equal(await verdict(), 'unreachable');
      state.mayJudge = true;
      assert.equal(await verdict(), 'dead');
    });

    it('is unreachable while another process answers at its address, with a warning', async () => {
      const { list, verdict, warnings, leases } = make();
      list(record(owner.address, 'former'));
      assert.equal(await verdict('former'), 'unreachable');
      assert.ok(warnings.length > 0);
      for (const [, text] of warnings) {
        assert.match(
          text,
          /another process answers there; give each the option "advertise" with an address of its own/,
        );
        assert.ok(text.includes(owner.address));
      }
      leases.clear();
      assert.equal(await verdict('former'), 'dead');
    });

    it('is unreachable where it speaks another version, with a warning', async () => {
      const other = await listenAsOwner({ self: { id: 'owner', versions: [200, 200] } });
      const { list, verdict, warnings } = make();
      list(record(other.address));
      assert.equal(await verdict(), 'unreachable');
      assert.match(String(warnings[0]?.[1]), /speaks no version of the link protocol that this one speaks/);
    });

    for (const kind of ['loopback address', 'socket file'] as const) {
      it(`is never dialled at the ${kind} of another machine, with a warning`, async () => {
        const server = await bareServer(() => {});
        const { list, verdict, warnings, peers } = make();
        list(record(kind === 'socket file' ? '/tmp/x' : server.address, 'owner', 'elsewhere'));
        assert.equal(await verdict(), 'unreachable');
        assert.match(String(warnings[0]?.[1]), /only processes of its own machine .* option "listen\.host"/);
        await turn();
        assert.deepEqual([server.sockets.length, peers.areAllLinked], [0, false]);
      });
    }

    it('is unreachable where the registry does not answer', async () => {
      const { verdict, registry } = make();
      registry.node = () => Promise.reject(new Error('away'));
      assert.equal(await verdict(), 'unreachable');
    });
  });

  describe('what is told', () => {
    function listen() {
      const told: string[] = [];
      listenTo<ClusterNodeMessage>('sockjs:cluster:node', ({ name, nodeId, peer, address, event }) => {
        assert.deepEqual([name, nodeId], ['test', 'self']);
        told.push(`${event} ${peer} ${address}`);
      });
      listenTo<ClusterLinkMessage>('sockjs:cluster:link', ({ nodeId, peer, event, cause }) => {
        if (nodeId === 'self') {
          told.push(`${event} ${peer} ${cause}`);
        }
      });
      return told;
    }

    it('is each node that comes and goes, once', async () => {
      const told = listen();
      const { list, linked } = make();
      const [one, other] = [record(owner.address), record('127.0.0.1:2', 'self')];
      list(one, other);
      await linked();
      list(one, other);
      list(other);
      list(other);
      list(one, other);
      await turn();
      assert.deepEqual(told, [
        `joined owner ${owner.address}`,
        'opened owner undefined',
        `left owner ${owner.address}`,
        `joined owner ${owner.address}`,
      ]);
    });

    it('is a node that has dialled this one, before it is listed', async () => {
      const told = listen();
      const { peers, leases, list } = make();
      leases.set('owner', record(owner.address));
      peers.meet('owner');
      await until(() => peers.areAllLinked && peers.nodeIds.length === 1);
      list(record(owner.address));
      await turn();
      assert.deepEqual(told, [`joined owner ${owner.address}`, 'opened owner undefined']);
    });

    it('is a dead node, once until it has a lease again', async () => {
      const told = listen();
      const { list, linked, verdict, leases } = make();
      const { address } = owner;
      list(record(address));
      const side = await linked();
      await owner.listener.close();
      await until(() => side.hasEnded);
      assert.equal(await verdict(), 'dead');
      assert.equal(await verdict(), 'dead');
      list();
      list(record(address));
      leases.clear();
      assert.equal(await verdict(), 'dead');
      await turn();
      assert.deepEqual(told, [
        `joined owner ${address}`,
        'opened owner undefined',
        'ended owner peer',
        'failed owner refused',
        `dead owner ${address}`,
        'left owner undefined',
        `joined owner ${address}`,
        'failed owner refused',
        `dead owner ${address}`,
      ]);
    });

    it('is no address of a node that was never listed', async () => {
      const told = listen();
      const { verdict } = make();
      assert.equal(await verdict(), 'dead');
      await turn();
      assert.deepEqual(told, ['dead owner undefined']);
    });

    it('is why a node could not be dialled, and not that this process leaves', async () => {
      const told = listen();
      const { list, peers } = make();
      list(record(owner.address, 'former'));
      await until(() => told.length === 2);
      const silent = await bareServer(() => {});
      list(record(silent.address, 'silent'));
      await until(() => silent.sockets.length === 1);
      clock.tick(NODE_TIMEOUT / 2);
      await until(() => told.length === 5);
      list(record(silent.address, 'silent'));
      await until(() => silent.sockets.length === 2);
      peers.close();
      await turn();
      assert.deepEqual(told, [
        `joined former ${owner.address}`,
        'failed former other-node',
        `joined silent ${silent.address}`,
        `left former ${owner.address}`,
        'failed silent timeout',
      ]);
    });
  });

  describe('the warning of a node that has a lease and no link', () => {
    const CANNOT = /it cannot be reached there; see its options "listen" and "advertise"/;

    it('comes after twice nodeTimeout, each time of the same kind', async () => {
      const { list, warnings } = make();
      const node = record(await deserted());
      for (const wait of [0, NODE_TIMEOUT, NODE_TIMEOUT]) {
        clock.tick(wait);
        list(node);
      }
      assert.equal(warnings.length, 0);
      clock.tick(1);
      list(node);
      list(node);
      assert.equal(new Set(warnings.map(([key]) => key)).size, 1);
      assert.match(String(warnings[0]?.[1]), CANNOT);
    });

    it('counts from the end of a link, and from the return of a lease', async () => {
      const { list, warnings, linked } = make();
      const address = await deserted();
      list(record(owner.address), record(address, 'other'));
      const side = await linked();
      list(record(owner.address));
      clock.tick(1);
      await owner.listener.close();
      await until(() => side.hasEnded);
      list(record(owner.address), record(address, 'other'));
      clock.tick(2 * NODE_TIMEOUT);
      list(record(owner.address), record(address, 'other'));
      assert.deepEqual(warnings, []);
    });
  });

  describe('yield()', () => {
    it('waits for what is under way on all links', async () => {
      const { peers, list, linked } = make();
      list(record(owner.address));
      const side = await linked();
      const end = await owner.ends.next();
      const answers: boolean[] = [];
      const send = { sessionId: 's', client: '', family: 'xhr', messages: ['1'], bytes: 1 } as const;
      side.send(send, (accepted, { answered }) => {
        answers.push(accepted);
        answered?.();
      });
      let isOver = false;
      const yielding = peers.yield().then(() => {
        isOver = true;
      });
      const { rid } = (await end.messages.next()) as { rid: number };
      await turn();
      assert.equal(isOver, false);
      end.link.send({ type: 'done', rid, accepted: true });
      await yielding;
      assert.deepEqual(answers, [true]);
    });

    it('settles where there is no link', async () => {
      await make().peers.yield();
    });
  });

  describe('close()', () => {
    it('ends all links and attempts, and leaves nothing', async () => {
      const { peers, list, linked, leases } = make();
      const silent = await bareServer(() => {});
      list(record(owner.address));
      const side = await linked();
      const end = await owner.ends.next();
      list(record(owner.address), record(silent.address, 'silent'));
      leases.delete('silent');
      const asking = peers.reach('silent');
      await until(() => silent.sockets.length === 1);
      const closed = new Promise((resolve) => silent.sockets[0]?.resume().on('close', resolve));
      peers.close();
      assert.equal((await asking).kind, 'unreachable', 'not dead: it was this process that has left');
      assert.equal(side.hasEnded, true);
      await Promise.all([closed, end.ended]);
      await owner.listener.close();
      await until(() => clock.countTimers() === 0);
    });

    it('has no node reached from then on', async () => {
      const { peers, list, did, state } = make();
      list(record(owner.address));
      await until(() => state.links === 1);
      peers.close();
      assert.deepEqual(peers.reach('owner'), { kind: 'unreachable' });
      list(record(owner.address));
      await turn();
      assert.deepEqual([did, peers.areAllLinked], [[], false]);
    });
  });

  describe('redial()', () => {
    it('dials the nodes that were listed last, and to which there is no link', async () => {
      const { peers, list, linked, did } = make();
      list(record(owner.address));
      (await linked()).end();
      peers.redial();
      peers.redial();
      await until(() => peers.areAllLinked);
      assert.deepEqual(did, []);
    });
  });

  it('dials again at once where a link ends that has lasted for a quarter of nodeTimeout', async () => {
    const { peers, list, linked, state } = make();
    list(record(owner.address));
    const first = await linked();
    clock.tick(NODE_TIMEOUT / 4);
    first.end();
    await turn();
    assert.deepEqual([peers.areAllLinked, state.links], [false, 2]);
    peers.redial();
    await until(() => peers.areAllLinked);
    const second = await linked();
    clock.tick(NODE_TIMEOUT / 4 + 1);
    second.end();
    await until(() => peers.areAllLinked);
  });

  describe('meet()', () => {
    it('dials a node that was not listed yet, and lists it', async () => {
      const { peers, leases } = make();
      leases.set('owner', record(owner.address));
      peers.meet('owner');
      await until(() => peers.nodeIds.length === 1 && peers.areAllLinked);
      peers.meet('owner');
      await turn();
      await owner.ends.next();
      assert.equal(owner.ends.size, 0);
    });

    it('dials a node again to which the link has ended', async () => {
      const { peers, list, linked, did } = make();
      list(record(owner.address));
      const first = await linked();
      first.end();
      peers.meet('owner');
      await until(() => peers.areAllLinked);
      assert.deepEqual(did, []);
    });

    it('does nothing where the node has no lease, the registry is away, or this process leaves', async () => {
      const { peers, leases, registry, did } = make();
      peers.meet('owner');
      await turn();
      const answer = registry.node;
      registry.node = () => Promise.reject(new Error('away'));
      peers.meet('owner');
      await turn();
      registry.node = answer;
      peers.close();
      leases.set('owner', record(owner.address));
      peers.meet('owner');
      await turn();
      assert.deepEqual([did, peers.nodeIds], [['node owner'], []]);
    });
  });

  it('has the rooms hear of each link', async () => {
    const heard: string[] = [];
    const rooms = {
      onDialled: ({ peer }: { peer: string }) => {
        heard.push(peer);
        return new RoomPeer({ total: 0 }, () => {});
      },
    };
    const { list, linked } = make({ rooms });
    list(record(owner.address));
    await linked();
    assert.deepEqual(heard, ['owner']);
  });

  it('remembers the addresses of 256 nodes without a lease', async () => {
    const { peers, did, verdict, state } = make();
    state.mayJudge = false;
    // None of them is dialled.
    const nodes = Array.from({ length: 300 }, (_, index) => record('127.0.0.1:1', `node-${index}`, 'elsewhere'));
    peers.update(nodes);
    peers.update([]);
    for (const [id, reads] of [
      ['node-43', 2],
      ['node-44', 1],
      ['node-299', 1],
    ] as const) {
      did.length = 0;
      await verdict(id);
      // One that is forgotten is looked up before the attempt, too.
      assert.equal(did.length, reads, id);
    }
  });
});
