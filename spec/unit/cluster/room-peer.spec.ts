/** Another node, as far as rooms are concerned. */
import assert from 'node:assert/strict';
import type { Room } from '../../../lib/cluster/room-announcements.ts';
import { RoomPeer } from '../../../lib/cluster/room-peer.ts';
import { MemoryLink } from '../../support/cluster/memory-link.ts';

const pair = () => MemoryLink.pair('self', 'other', () => {}).requester;

/** A peer with a link on which it has told of all its rooms. */
function linked(...rooms: readonly (readonly [Room, number])[]) {
  const peer = new RoomPeer({ total: 0 }, () => {});
  const link = pair();
  const tell = (room: Room, count: number) => peer.onMessage({ type: 'rooms', room, count });
  peer.onLink(link);
  for (const room of rooms) {
    tell(...room);
  }
  peer.onMessage({ type: 'ack', seq: 0 });
  return { peer, link, tell };
}

const message = (room: Room) => ({ type: 'message', room, text: 'x' }) as const;

describe('RoomPeer', () => {
  it('may have every room until it has told of all', () => {
    const peer = new RoomPeer({ total: 0 }, () => {});
    assert.deepEqual([peer.mayHave('a'), peer.countOf('a')], [true, 0]);
    peer.onLink(pair());
    peer.onMessage({ type: 'rooms', room: 'b', count: 2 });
    assert.deepEqual([peer.mayHave('a'), peer.countOf('b')], [true, 0]);
    peer.onMessage({ type: 'ack', seq: 0 });
    assert.deepEqual([peer.mayHave('a'), peer.mayHave('b'), peer.countOf('b')], [false, true, 2]);
  });

  it('has the rooms that it has told of', () => {
    const { peer, tell } = linked(['a', 1]);
    tell('b', 2);
    tell('a', 0);
    assert.deepEqual([peer.mayHave('a'), peer.countOf('a'), peer.countOf('b')], [false, 0, 2]);
  });

  it('keeps its rooms without a link, and until the next list is whole', () => {
    const { peer, link } = linked(['a', 2]);
    peer.onLinkEnd(link);
    assert.deepEqual([peer.countOf('a'), peer.mayHave('b')], [2, true]);
    peer.onLink(pair());
    peer.onMessage({ type: 'rooms', room: 'b', count: 1 });
    assert.deepEqual([peer.countOf('a'), peer.countOf('b'), peer.mayHave('c')], [2, 0, true]);
    peer.onMessage({ type: 'ack', seq: 0 });
    assert.deepEqual([peer.countOf('a'), peer.countOf('b'), peer.mayHave('c')], [0, 1, false]);
  });

  it('takes no notice of the end of a link that another has replaced', () => {
    const { peer, link } = linked(['a', 1]);
    const next = pair();
    peer.onLink(next);
    peer.onMessage({ type: 'ack', seq: 0 });
    peer.onLinkEnd(link);
    peer.outgoing.post(message('a'));
    assert.equal(next.sent.length, 1);
  });

  it('has gone after two renewals without lease and link, and after seven without a link', () => {
    const { peer, link } = linked();
    const renewals = (count: number) => Array.from({ length: count }, () => peer.countRenewal());
    assert.deepEqual(renewals(9), Array(9).fill(false));
    peer.onLinkEnd(link);
    assert.deepEqual(renewals(7), [...Array(6).fill(false), true]);
    peer.comeBack({ all: 0, forAll: 0, closes: 0 });
    peer.isAlive = false;
    assert.deepEqual(renewals(2), [false, true]);
  });

  it('is told of a gap when it comes back, where something was posted meanwhile', () => {
    const { peer, link } = linked(['a', 1]);
    peer.onLinkEnd(link);
    peer.leave({ all: 3, forAll: 3, closes: 2 });
    assert.equal(peer.countOf('a'), 0);
    const gapAfter = (all: number, forAll: number, closes: number) => {
      peer.comeBack({ all, forAll, closes });
      const next = pair();
      peer.onLink(next);
      peer.onMessage({ type: 'ack', seq: 0 });
      return next.sent.map((each) => each.type === 'gap' && [each.isForAll, each.hasClose]);
    };
    assert.deepEqual(gapAfter(3, 3, 2), []);
    assert.deepEqual(gapAfter(4, 3, 2), [[false, false]]);
  });

  for (const [forAll, closes, gap] of [
    [2, 1, { isForAll: true, hasClose: false }],
    [1, 2, { isForAll: false, hasClose: true }],
  ] as const) {
    it(`is told of a gap with ${JSON.stringify(gap)}`, () => {
      const { peer, link } = linked();
      peer.onLinkEnd(link);
      peer.leave({ all: 1, forAll: 1, closes: 1 });
      peer.comeBack({ all: 2, forAll, closes });
      const next = pair();
      peer.onLink(next);
      peer.onMessage({ type: 'ack', seq: 0 });
      assert.deepEqual(next.sent, [{ type: 'gap', seq: 1, ...gap }]);
    });
  }
});
