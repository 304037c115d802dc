/** What has come from another node, given to the sessions of this one. */
import assert from 'node:assert/strict';
import { deliver } from '../../../lib/cluster/deliver-broadcast.ts';
import type { SessionState } from '../../../lib/index.ts';
import { makeOwner } from '../../support/cluster/owner.ts';

/** Two sessions, one of which is in a room. */
function setUp() {
  const { sessions, open } = makeOwner();
  const inside = open('inside');
  const outside = open('outside');
  inside.join('room');
  const states = (): SessionState[] => [inside.state, outside.state];
  return { sessions, inside, outside, states };
}

const gap = (isForAll: boolean, hasClose: boolean) => ({ type: 'gap', seq: 1, isForAll, hasClose }) as const;

describe('deliver()', () => {
  it('sends a message to the members of its room, or to all', () => {
    const { sessions, inside, outside } = setUp();
    deliver({ type: 'message', seq: 1, room: 'room', text: 'x' }, sessions, 'close');
    assert.deepEqual([inside.bufferedAmount > 0, outside.bufferedAmount > 0], [true, false]);
    deliver({ type: 'message', seq: 2, room: undefined, text: 'x' }, sessions, 'close');
    assert.equal(outside.bufferedAmount > 0, true);
  });

  it('closes the members of a room, or all', () => {
    const { sessions, states } = setUp();
    deliver({ type: 'close', seq: 1, room: 'room', code: 3000, reason: '' }, sessions, 'ignore');
    assert.deepEqual(states(), ['closing', 'active']);
    deliver({ type: 'close', seq: 2, room: undefined, code: 3000, reason: '' }, sessions, 'ignore');
    assert.deepEqual(states(), ['closing', 'closing']);
  });

  it('ends at a gap those in rooms, and all where a message may have been for all', () => {
    const { sessions, states } = setUp();
    deliver(gap(false, false), sessions, 'close');
    assert.deepEqual(states(), ['closing', 'active']);
    deliver(gap(true, false), sessions, 'close');
    assert.deepEqual(states(), ['closing', 'closing']);
  });

  it('ignores a gap where the application says so, unless a close may have been lost', () => {
    const { sessions, states } = setUp();
    deliver(gap(true, false), sessions, 'ignore');
    assert.deepEqual(states(), ['active', 'active']);
    deliver(gap(false, true), sessions, 'ignore');
    assert.deepEqual(states(), ['closing', 'active']);
  });
});
