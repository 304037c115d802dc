/** Rooms over several nodes, as one node sees the others. spec/integration/cluster-rooms.spec.ts has three of them. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import { ClusterRooms } from '../../../lib/cluster/cluster-rooms.ts';
import type { IncomingBroadcast } from '../../../lib/cluster/incoming-broadcasts.ts';
import type { Room } from '../../../lib/cluster/room-announcements.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryLink } from '../../support/cluster/memory-link.ts';

const NODE_TIMEOUT = 1000;

let clock: Clock;

/** Has all that waits in promises run. */
const tick = () => new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));

/** Lets so much time pass that no limit takes it for a stall. */
async function pass(time: number): Promise<void> {
  for (let checks = 0; checks < 20; checks += 1) {
    clock.tick(time / 10);
    await tick();
  }
}

/** The rooms of a node, and what its sessions have got from others. */
function make(local = new Map<Room, number>()) {
  const delivered: IncomingBroadcast[] = [];
  const gaps: string[] = [];
  const metrics = {
    broadcastsIn: 0,
    broadcastsOut: 0,
    gap: (nodeId: string, direction: string) => gaps.push(`${direction} ${nodeId}`),
  };
  const rooms = new ClusterRooms({
    timers: new TimerQueue(),
    nodeTimeout: NODE_TIMEOUT,
    local: { names: () => local.keys(), sizeOf: (room) => local.get(room) ?? 0 },
    deliver: (broadcast) => delivered.push(broadcast),
    metrics,
  });
  /** A link to another node, which has told of its rooms. */
  const dialled = (nodeId: string, counts: readonly (readonly [Room, number])[] = []) => {
    const { requester } = MemoryLink.pair('self', nodeId, () => {});
    const peer = rooms.onDialled(requester);
    peer.onLink(requester);
    for (const [room, count] of counts) {
      peer.onMessage({ type: 'rooms', room, count });
    }
    const ack = (seq: number) => peer.onMessage({ type: 'ack', seq });
    ack(0);
    return { link: requester, peer, ack, end: () => peer.onLinkEnd(requester) };
  };
  /** A link from another node. */
  const accepted = (nodeId: string) => {
    const { owner } = MemoryLink.pair(nodeId, 'self', (call) => process.nextTick(call));
    return { owner, incoming: rooms.onAccepted(owner) };
  };
  /** Renewals until a node without a lease and a link has gone. */
  const renew = (...listed: string[]) => {
    rooms.update(new Set(listed));
    rooms.update(new Set(listed));
  };
  return { rooms, metrics, delivered, gaps, dialled, accepted, renew };
}

const message = (room: Room, text = 'x') => ({ type: 'message', room, text }) as const;
const CLOSE = { type: 'close', room: 'a', code: 3000, reason: '' } as const;

describe('ClusterRooms', () => {
  beforeEach(() => {
    clock = stopClock();
  });

  it('sends a message to the nodes that have members, and to no others', () => {
    const { rooms, dialled } = make();
    const one = dialled('one', [['a', 1]]);
    const two = dialled('two', [['b', 1]]);
    rooms.post(message('a'));
    rooms.post(message(undefined));
    assert.deepEqual([one.link.sent.length, two.link.sent.length], [1, 0]);
  });

  it('keeps for a node with a lease all that is sent before the first link to it', () => {
    const { rooms, dialled } = make();
    rooms.update(new Set(['one']));
    rooms.post(message('a'));
    assert.deepEqual(dialled('one').link.sent, [{ ...message('a'), seq: 1 }]);
  });

  it('keeps for a node that has dialled all that is sent before the link to it', () => {
    const { rooms, dialled, accepted } = make();
    assert.equal(rooms.hasLinkFrom('one'), false);
    accepted('one');
    assert.equal(rooms.hasLinkFrom('one'), true);
    rooms.post(message('a'));
    // The answer to a renewal that began before the node had its lease.
    rooms.update(new Set());
    assert.deepEqual(dialled('one').link.sent, [{ ...message('a'), seq: 1 }]);
  });

  it('keeps all that is sent while there is no link, since the node may have got new rooms', () => {
    const { rooms, dialled } = make();
    const first = dialled('one', [['a', 2]]);
    first.end();
    rooms.post(message('a', '1'));
    rooms.post(message('b', '2'));
    assert.equal(rooms.countElsewhere('a'), 2);
    assert.deepEqual(
      dialled('one').link.sent.map((each) => each.type === 'message' && each.text),
      ['1', '2'],
    );
  });

  it('counts what is sent and what has come, and tells of gaps', () => {
    const { rooms, metrics, gaps, delivered, dialled, accepted } = make();
    dialled('one', [['a', 1]]);
    dialled('two', [['a', 1]]);
    rooms.post(message('a'));
    void rooms.close(CLOSE);
    void rooms.synced();
    assert.equal(metrics.broadcastsOut, 4);
    const { incoming } = accepted('one');
    incoming.onBroadcast({ ...message('a'), seq: 1 });
    incoming.onBroadcast({ ...CLOSE, seq: 2 });
    incoming.onBroadcast({ type: 'sync', seq: 3 });
    incoming.onBroadcast({ type: 'gap', seq: 5, isForAll: false, hasClose: false });
    assert.deepEqual([metrics.broadcastsIn, gaps, delivered.length], [2, ['in one'], 4]);
  });

  it('says on each link what has come over the ones before', () => {
    const { rooms, delivered, accepted } = make(new Map([['a', 1]]));
    const { owner, incoming } = accepted('one');
    assert.deepEqual(owner.sent, [
      { type: 'rooms', room: 'a', count: 1 },
      { type: 'ack', seq: 0 },
    ]);
    incoming.onBroadcast({ ...message('a'), seq: 1 });
    rooms.onAcceptedEnd(owner);
    assert.equal(rooms.hasLinkFrom('one'), false);
    assert.deepEqual(accepted('one').owner.sent.at(-1), { type: 'ack', seq: 1 });
    assert.deepEqual(delivered, [{ ...message('a'), seq: 1 }]);
  });

  it('sends the rest of a list once the link takes it', () => {
    const { rooms } = make(new Map([['a', 1]]));
    const { owner } = MemoryLink.pair('one', 'self', () => {});
    owner.isFull = true;
    rooms.onAccepted(owner);
    assert.deepEqual(owner.sent, []);
    owner.isFull = false;
    rooms.onAcceptedWritable(owner);
    assert.equal(owner.sent.length, 2);
  });

  it('acknowledges when it is asked to, and remembers 1000 nodes without a link', () => {
    const { rooms, accepted } = make();
    const first = accepted('first');
    first.incoming.onBroadcast({ ...message('a'), seq: 1 });
    rooms.acknowledge();
    assert.deepEqual(first.owner.sent.at(-1), { type: 'ack', seq: 1 });
    for (let count = 0; count < 1000; count += 1) {
      rooms.onAcceptedEnd(accepted(`other-${count}`).owner);
    }
    rooms.onAcceptedEnd(first.owner);
    assert.deepEqual(accepted('first').owner.sent.at(-1), { type: 'ack', seq: 1 });
    assert.deepEqual(accepted('other-0').owner.sent.at(-1), { type: 'ack', seq: 0 });
  });

  it('counts no node that has gone, and tells it of a gap when it comes back', () => {
    const { rooms, gaps, dialled, renew } = make();
    const first = dialled('one', [['a', 2]]);
    renew();
    assert.equal(rooms.countElsewhere('a'), 2, 'there is a link');
    first.end();
    renew('one');
    assert.equal(rooms.countElsewhere('a'), 2, 'there is a lease');
    renew();
    assert.equal(rooms.countElsewhere('a'), 0);
    rooms.post(message('b'));
    assert.deepEqual(gaps, []);
    assert.deepEqual(dialled('one').link.sent, [{ type: 'gap', seq: 1, isForAll: false, hasClose: false }]);
    assert.deepEqual(gaps, ['out one']);
  });

  it('keeps nothing for a node whose lease lives but which has had no link for longer than a lease lasts', () => {
    const { rooms, dialled, renew } = make();
    dialled('one', [['a', 1]]).end();
    rooms.post(message('a'));
    renew('one');
    renew('one');
    renew('one');
    renew('one');
    rooms.post(message(undefined));
    assert.deepEqual(dialled('one').link.sent, [{ type: 'gap', seq: 2, isForAll: true, hasClose: false }]);
  });

  describe('close()', () => {
    it('settles when all nodes have confirmed it, members or not', async () => {
      const { rooms, dialled } = make();
      const one = dialled('one', [['a', 1]]);
      const two = dialled('two');
      let isOver = false;
      const closing = rooms.close(CLOSE).then(() => {
        isOver = true;
      });
      assert.deepEqual([one.link.sent.length, two.link.sent.length], [1, 1]);
      one.ack(1);
      await tick();
      assert.equal(isOver, false);
      two.ack(1);
      await closing;
      assert.equal(clock.countTimers(), 0);
    });

    it('rejects after twice nodeTimeout with the nodes that have not confirmed it', async () => {
      const { rooms, dialled } = make();
      const one = dialled('one');
      dialled('two');
      const closing = rooms.close(CLOSE);
      one.ack(1);
      await pass(2 * NODE_TIMEOUT);
      await assert.rejects(closing, { name: 'NotConfirmedError', nodeIds: ['two'] });
    });

    it('does not wait for a node that has crashed, whose lease has run out', async () => {
      const { rooms, dialled } = make();
      const one = dialled('one', [['a', 1]]);
      one.end();
      const closing = rooms.close(CLOSE);
      const synced = rooms.synced();
      for (let renewals = 0; renewals < 6; renewals += 1) {
        rooms.update(new Set(['one']));
      }
      rooms.update(new Set());
      await Promise.all([closing, synced]);
      assert.equal(clock.countTimers(), 0);
    });

    it('rejects with a node that has a lease, but cannot be reached', async () => {
      const { rooms, dialled, renew } = make();
      dialled('one').end();
      renew('one');
      renew('one');
      renew('one');
      renew('one');
      await assert.rejects(rooms.close(CLOSE), { nodeIds: ['one'] });
      renew();
      await rooms.close(CLOSE);
    });

    it('does not wait for a node that goes', async () => {
      const { rooms, dialled, renew } = make();
      const one = dialled('one');
      const closing = rooms.close(CLOSE);
      one.end();
      renew();
      await closing;
    });

    it('rejects with a node that has no lease, but a link to this one', async () => {
      const { rooms, dialled, accepted, renew } = make();
      dialled('one').end();
      const { owner } = accepted('one');
      renew();
      renew();
      renew();
      renew();
      await assert.rejects(rooms.close(CLOSE), { nodeIds: ['one'] });
      rooms.onAcceptedEnd(owner);
      renew();
      await rooms.close(CLOSE);
    });

    it('rejects when this process leaves, and once it has left', async () => {
      const { rooms, dialled } = make();
      dialled('one');
      const closing = rooms.close(CLOSE);
      const synced = rooms.synced();
      rooms.end();
      await assert.rejects(closing, { nodeIds: ['one'] });
      await assert.rejects(synced, { nodeIds: ['one'] });
      await assert.rejects(rooms.close(CLOSE), /has left the cluster/);
      await assert.rejects(rooms.synced(), /has left the cluster/);
      assert.equal(clock.countTimers(), 0);
    });
  });

  describe('synced()', () => {
    /** Expects that it waits, though the other node has confirmed all, until the full link takes more. */
    async function syncsOnceWritable(
      rooms: ClusterRooms,
      confirming: { ack: (seq: number) => void },
      full: ReturnType<typeof MemoryLink.pair>['owner'],
    ): Promise<void> {
      let isOver = false;
      const synced = rooms.synced().then(() => {
        isOver = true;
      });
      confirming.ack(1);
      // Longer than all that was sent takes to arrive.
      await turn();
      await turn();
      assert.equal(isOver, false);
      full.isFull = false;
      rooms.onAcceptedWritable(full);
      await synced;
    }

    it('settles when all nodes have what was sent, and have heard of all rooms', async () => {
      const local = new Map<Room, number>();
      const { rooms, dialled, accepted } = make(local);
      const { owner } = accepted('one');
      const one = dialled('one', [['a', 1]]);
      rooms.post(message('a'));
      local.set('b', 1);
      rooms.onChange('b');
      local.set('b', 2);
      rooms.onChange('b');
      let isOver = false;
      const synced = rooms.synced().then(() => {
        isOver = true;
      });
      assert.deepEqual(owner.sent.at(-1), { type: 'rooms', room: 'b', count: 2 });
      assert.deepEqual(one.link.sent.at(-1), { type: 'sync', seq: 2 });
      await tick();
      assert.equal(isOver, false);
      one.ack(2);
      await synced;
    });

    it('waits until a full link has taken the list of rooms', async () => {
      const local = new Map<Room, number>([['a', 1]]);
      const { rooms, dialled } = make(local);
      const { owner } = MemoryLink.pair('one', 'self', (call) => process.nextTick(call));
      owner.isFull = true;
      rooms.onAccepted(owner);
      const one = dialled('one');
      await syncsOnceWritable(rooms, one, owner);
    });

    it('waits until a link that was full has taken the news', async () => {
      const local = new Map<Room, number>();
      const { rooms, dialled, accepted } = make(local);
      const { owner } = accepted('one');
      const one = dialled('one');
      owner.isFull = true;
      local.set('a', 1);
      rooms.onChange('a');
      await syncsOnceWritable(rooms, one, owner);
    });

    it('waits for the links of a node that has a lease', async () => {
      const { rooms, dialled, accepted } = make();
      rooms.update(new Set(['one']));
      const synced = rooms.synced();
      const one = dialled('one');
      one.ack(1);
      await tick();
      accepted('one');
      await synced;
    });

    it('rejects after twice nodeTimeout with a node that cannot hear of the rooms', async () => {
      const { rooms, dialled } = make();
      dialled('one').ack(0);
      const synced = rooms.synced();
      await pass(2 * NODE_TIMEOUT);
      await assert.rejects(synced, { nodeIds: ['one'] });
    });

    it('settles at once where there is no other node', async () => {
      await make().rooms.synced();
    });
  });

  describe('flushed()', () => {
    it('waits for nodes that have not confirmed all, and for no others', async () => {
      const { rooms, dialled } = make();
      await rooms.flushed();
      const one = dialled('one', [['a', 1]]);
      const two = dialled('two');
      rooms.post(message('a'));
      const flushed = rooms.flushed();
      assert.deepEqual(two.link.sent, []);
      one.ack(2);
      await flushed;
    });
  });
});
