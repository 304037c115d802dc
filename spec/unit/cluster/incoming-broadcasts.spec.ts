/** The messages of one other node to the rooms of this one. spec/models/broadcasts.spec.ts has links break at random. */
import assert from 'node:assert/strict';
import { type IncomingBroadcast, IncomingBroadcasts } from '../../../lib/cluster/incoming-broadcasts.ts';
import { MemoryLink } from '../../support/cluster/memory-link.ts';

/** The messages of a node that is linked. */
function linked() {
  const delivered: IncomingBroadcast[] = [];
  const incoming = new IncomingBroadcasts((broadcast) => delivered.push(broadcast));
  const { owner } = MemoryLink.pair('requester', 'owner', () => {});
  incoming.onTold(owner);
  /** The numbers that were acknowledged since the last call. */
  const acked = () => owner.sent.splice(0).map((message) => (message.type === 'ack' ? message.seq : message.type));
  return { incoming, delivered, acked };
}

const message = (seq: number, text = 'x') => ({ type: 'message', seq, room: undefined, text }) as const;

describe('IncomingBroadcasts', () => {
  it('says on a new link what it has', () => {
    const { incoming, acked } = linked();
    assert.deepEqual(acked(), [0]);
    incoming.onBroadcast(message(1));
    const { owner: next } = MemoryLink.pair('requester', 'owner', () => {});
    incoming.onTold(next);
    assert.deepEqual(next.sent, [{ type: 'ack', seq: 1 }]);
  });

  it('acknowledges a close and a sync at once, long messages when they are 64 KiB together, and the rest when it is asked to', () => {
    const { incoming, acked } = linked();
    acked();
    incoming.onBroadcast({ type: 'close', seq: 1, room: 'room', code: 3000, reason: '' });
    assert.deepEqual(acked(), [1]);
    incoming.onBroadcast({ type: 'sync', seq: 2 });
    assert.deepEqual(acked(), [2]);
    incoming.onBroadcast(message(3, 'x'.repeat(65_336 - 1)));
    assert.deepEqual(acked(), []);
    incoming.onBroadcast(message(4));
    assert.deepEqual(acked(), [4]);
    incoming.onBroadcast(message(5));
    incoming.acknowledge();
    incoming.acknowledge();
    assert.deepEqual(acked(), [5]);
  });

  it('throws for a number out of turn, and delivers nothing', () => {
    const { incoming, delivered } = linked();
    incoming.onBroadcast(message(1));
    for (const seq of [0, 1, 3]) {
      assert.throws(() => incoming.onBroadcast(message(seq)), { name: 'LinkError' });
    }
    assert.throws(() => incoming.onBroadcast({ type: 'gap', seq: 1, isForAll: true, hasClose: true }), {
      name: 'LinkError',
    });
    assert.deepEqual(delivered, [message(1)]);
  });

  it('goes on behind a gap', () => {
    const { incoming, delivered } = linked();
    incoming.onBroadcast({ type: 'gap', seq: 5, isForAll: false, hasClose: false });
    incoming.onBroadcast(message(6));
    assert.equal(delivered.length, 2);
  });
});
