/** The queue of messages to the rooms of one other node. spec/models/broadcasts.spec.ts has it lose links at random. */
import assert from 'node:assert/strict';
import type { Link } from '../../../lib/cluster/link.ts';
import type { RequesterMessage } from '../../../lib/cluster/messages.ts';
import {
  type KeptBytes,
  MAX_KEPT_BYTES,
  MAX_KEPT_BYTES_IN_ALL,
  OutgoingBroadcasts,
} from '../../../lib/cluster/outgoing-broadcasts.ts';

class TestLink implements Link<RequesterMessage> {
  readonly peer = 'peer';
  isFull = false;
  /** A text that the link does not take. */
  tooLarge: string | undefined;
  readonly sent: RequesterMessage[] = [];

  send(message: RequesterMessage): void {
    if (message.type === 'message' && message.text === this.tooLarge) {
      throw new RangeError('too large');
    }
    this.sent.push(message);
  }

  delivered(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {}
}

/** A queue with a link on which the other node has said that it has nothing. */
function linked(kept: KeptBytes = { total: 0 }): { queue: OutgoingBroadcasts; link: TestLink } {
  const queue = new OutgoingBroadcasts(kept);
  const link = new TestLink();
  queue.onLink(link);
  queue.onAck(0);
  return { queue, link };
}

const message = (text: string, room?: string) => ({ type: 'message', room, text }) as const;
const close = (room?: string) => ({ type: 'close', room, code: 3000, reason: '' }) as const;

/** The numbers of what was sent. */
const numbers = ({ sent }: TestLink) => sent.map((each) => ('seq' in each ? each.seq : undefined));

describe('OutgoingBroadcasts', () => {
  it('sends messages with their numbers, from 1 upwards', () => {
    const { queue, link } = linked();
    queue.post(message('a', 'room'));
    queue.post(close());
    assert.deepEqual(link.sent, [
      { type: 'message', room: 'room', text: 'a', seq: 1 },
      { type: 'close', room: undefined, code: 3000, reason: '', seq: 2 },
    ]);
  });

  it('sends nothing before the other node has said what it has', () => {
    const queue = new OutgoingBroadcasts({ total: 0 });
    const link = new TestLink();
    queue.onLink(link);
    queue.post(message('a'));
    assert.deepEqual(link.sent, []);
    queue.onAck(0);
    assert.deepEqual(numbers(link), [1]);
  });

  it('sends nothing on a full link, and the rest once it is writable', () => {
    const { queue, link } = linked();
    link.isFull = true;
    queue.post(message('a'));
    queue.post(message('b'));
    assert.deepEqual(link.sent, []);
    link.isFull = false;
    queue.pump();
    assert.deepEqual(numbers(link), [1, 2]);
  });

  it('sends again on the next link what was not acknowledged', () => {
    const { queue, link } = linked();
    for (const text of ['a', 'b', 'c']) {
      queue.post(message(text));
    }
    queue.onAck(1);
    queue.onLinkEnd(link);
    queue.post(message('d'));
    const next = new TestLink();
    queue.onLink(next);
    queue.onAck(2);
    assert.deepEqual(numbers(next), [3, 4]);
  });

  it('takes no notice of the end of a link that another has replaced', () => {
    const { queue, link } = linked();
    const next = new TestLink();
    queue.onLink(next);
    queue.onAck(0);
    queue.onLinkEnd(link);
    queue.post(message('a'));
    assert.deepEqual(numbers(next), [1]);
  });

  it('tells of a gap where a message is larger than a link takes', async () => {
    const { queue, link } = linked();
    link.tooLarge = 'large';
    queue.post(message('large', 'room'));
    queue.post(message('a'));
    assert.deepEqual(link.sent.slice(0, 1), [{ type: 'gap', seq: 1, isForAll: false, hasClose: false }]);
    assert.deepEqual(numbers(link), [1, 2]);
  });

  it('does not tell of a loss again that the other node knows of', () => {
    const { queue, link } = linked();
    link.tooLarge = 'large';
    queue.post(message('large'));
    queue.onAck(1);
    queue.post(close('room'));
    queue.onAck(2);
    link.tooLarge = 'larger';
    queue.post(message('larger', 'room'));
    assert.deepEqual(link.sent.at(-1), { type: 'gap', seq: 3, isForAll: false, hasClose: false });
  });

  it('tells of a gap, of all kinds, where the other node has more than was sent', () => {
    const queue = new OutgoingBroadcasts({ total: 0 });
    const link = new TestLink();
    queue.onLink(link);
    queue.onAck(7);
    assert.deepEqual(link.sent, [{ type: 'gap', seq: 8, isForAll: true, hasClose: true }]);
    queue.post(message('a'));
    assert.deepEqual(numbers(link), [8, 9]);
  });

  it('tells a node that comes back of what it has missed', () => {
    const { queue, link } = linked();
    queue.post(message('a', 'room'));
    queue.onAck(1);
    queue.onLinkEnd(link);
    queue.drop();
    queue.skip({ isForAll: false, hasClose: false });
    const next = new TestLink();
    queue.onLink(next);
    queue.onAck(1);
    assert.deepEqual(next.sent, [{ type: 'gap', seq: 2, isForAll: false, hasClose: false }]);
  });

  it('confirms what was acknowledged, and says of what was lost that it was not', async () => {
    const { queue, link } = linked();
    const first = queue.confirm(close('room'));
    const second = queue.confirm(close('room'));
    queue.onAck(1);
    queue.onLinkEnd(link);
    queue.drop();
    assert.deepEqual(await Promise.all([first, second]), [true, false]);
  });

  it('confirms nothing that it has lost at once, or that the other node misses', async () => {
    const { queue, link } = linked();
    link.tooLarge = 'large';
    assert.equal(await queue.confirm(message('large', 'room')), false);
    const next = new TestLink();
    queue.onLinkEnd(link);
    const waiting = queue.confirm(close('room'));
    queue.drop();
    queue.onLink(next);
    queue.onAck(1);
    assert.deepEqual(next.sent, [{ type: 'gap', seq: 2, isForAll: false, hasClose: true }]);
    queue.onAck(2);
    assert.equal(await waiting, false);
    assert.equal(queue.isEmpty, true);
  });

  it('confirms nothing that was sent, but of which the other node is told that it has missed it', async () => {
    const { queue, link } = linked();
    const sent = queue.confirm(close('room'));
    queue.onLinkEnd(link);
    queue.post(message('x'.repeat(MAX_KEPT_BYTES), 'room'));
    queue.onLink(new TestLink());
    queue.onAck(0);
    queue.onAck(2);
    assert.equal(await sent, false);
  });

  it('confirms nothing where the other node has more than was sent', async () => {
    const queue = new OutgoingBroadcasts({ total: 0 });
    queue.onLink(new TestLink());
    const waiting = queue.confirm(close('room'));
    queue.onAck(100);
    assert.equal(await waiting, false);
  });

  it('confirms what was sent before a gap', async () => {
    const { queue, link } = linked();
    const sent = queue.confirm(close('room'));
    link.isFull = true;
    queue.post(message('x'.repeat(MAX_KEPT_BYTES), 'room'));
    const last = queue.confirm(message('last', 'room'));
    link.isFull = false;
    queue.pump();
    assert.deepEqual(link.sent.slice(1, 2), [{ type: 'gap', seq: 2, isForAll: false, hasClose: true }]);
    queue.onAck(3);
    assert.deepEqual(await Promise.all([sent, last]), [true, true]);
  });

  it('keeps the last message, however large it is', () => {
    const { queue, link } = linked();
    queue.onLinkEnd(link);
    queue.post(message('x'.repeat(MAX_KEPT_BYTES), 'room'));
    const next = new TestLink();
    queue.onLink(next);
    queue.onAck(0);
    assert.deepEqual(numbers(next), [1]);
  });

  it('throws what a link throws that is not about the size', () => {
    const { queue, link } = linked();
    link.send = () => {
      throw new TypeError('no message');
    };
    assert.throws(() => queue.post(message('a')), TypeError);
  });

  it('has a sync confirmed behind all before it, and nothing lost with one', async () => {
    const { queue, link } = linked();
    queue.post(message('a'));
    const synced = queue.confirm({ type: 'sync' });
    assert.deepEqual(link.sent.at(-1), { type: 'sync', seq: 2 });
    queue.onAck(1);
    queue.onAck(2);
    assert.equal(await synced, true);
    void queue.confirm({ type: 'sync' });
    queue.onLinkEnd(link);
    queue.drop();
    const next = new TestLink();
    queue.onLink(next);
    queue.onAck(2);
    assert.deepEqual(next.sent, [{ type: 'gap', seq: 3, isForAll: false, hasClose: false }]);
  });

  it('calls back when it tells of a gap', () => {
    let gaps = 0;
    const queue = new OutgoingBroadcasts({ total: 0 }, () => {
      gaps += 1;
    });
    queue.skip({ isForAll: true, hasClose: false });
    queue.onLink(new TestLink());
    assert.equal(gaps, 0);
    queue.onAck(0);
    queue.onAck(1);
    assert.equal(gaps, 1);
  });

  it('throws for acknowledgements that no node sends', () => {
    const { queue } = linked();
    queue.post(message('a'));
    queue.onAck(1);
    queue.onAck(0);
    assert.throws(() => queue.onAck(2), { name: 'LinkError' });
    queue.onLink(new TestLink());
    assert.throws(() => queue.onAck(Number.MAX_SAFE_INTEGER), { name: 'LinkError' });
  });

  it('keeps no more than 16 MiB for all nodes together', () => {
    const kept = { total: MAX_KEPT_BYTES_IN_ALL - 1000 };
    const { queue, link } = linked(kept);
    queue.onLinkEnd(link);
    queue.post(message('x'.repeat(1000)));
    queue.post(message('y'));
    assert.equal(kept.total, MAX_KEPT_BYTES_IN_ALL - 1000 + 202);
  });
});
