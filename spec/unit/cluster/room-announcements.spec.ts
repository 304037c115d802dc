/** What a node tells the others of its rooms. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { type Room, RoomAnnouncements } from '../../../lib/cluster/room-announcements.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryLink } from '../../support/cluster/memory-link.ts';

let clock: Clock;

function make(local: readonly (readonly [Room, number])[] = []) {
  const rooms = new Map(local);
  const announcements = new RoomAnnouncements(new TimerQueue(), {
    names: () => rooms.keys(),
    sizeOf: (room) => rooms.get(room) ?? 0,
  });
  const change = (room: Room, count: number) => {
    if (count === 0) {
      rooms.delete(room);
    } else {
      rooms.set(room, count);
    }
    announcements.onChange(room);
  };
  /** A link, with what it was told since the last call. */
  const link = (isFull = false) => {
    const { owner } = MemoryLink.pair('other', 'self', () => {});
    owner.isFull = isFull;
    const listed = { isOver: false };
    announcements.add(owner, () => {
      listed.isOver = true;
    });
    const told = () => owner.sent.splice(0).map((each) => each.type === 'rooms' && [each.room, each.count]);
    return { owner, told, listed };
  };
  return { announcements, change, link };
}

describe('RoomAnnouncements', () => {
  beforeEach(() => {
    clock = stopClock();
  });

  it('give a new link the list of all rooms', () => {
    const { link } = make([
      [undefined, 3],
      ['a', 2],
    ]);
    const { told, listed } = link();
    assert.deepEqual(told(), [
      [undefined, 3],
      ['a', 2],
    ]);
    assert.equal(listed.isOver, true);
  });

  it('tell of the first member at once, of other changes within a second, and of none that has passed', () => {
    const { link, change } = make();
    const { told } = link();
    change('a', 1);
    assert.deepEqual(told(), [['a', 1]]);
    change('a', 2);
    change('a', 3);
    change('b', 1);
    change('b', 2);
    change('b', 1);
    assert.deepEqual(told(), [['b', 1]]);
    clock.tick(1000);
    assert.deepEqual(told(), [['a', 3]]);
    change('a', 0);
    assert.deepEqual(told(), []);
    clock.tick(1000);
    assert.deepEqual(told(), [['a', 0]]);
    change('a', 1);
    assert.deepEqual(told(), [['a', 1]]);
    assert.equal(clock.countTimers(), 0);
  });

  it('tell of all changes when they are asked to', () => {
    const { announcements, link, change } = make([['a', 1]]);
    const { told } = link();
    told();
    change('a', 2);
    announcements.flush();
    assert.deepEqual(told(), [['a', 2]]);
    assert.equal(clock.countTimers(), 0);
  });

  it('have the same for all links, however their changes and lists cross', () => {
    const { announcements, link, change } = make([['a', 2]]);
    link();
    change('a', 3);
    const { told } = link();
    change('a', 2);
    announcements.flush();
    assert.deepEqual(told(), [['a', 2]]);
  });

  it('send a long list as fast as the link takes it, with the changes of that time', () => {
    const { announcements, link, change } = make([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
    const { owner, told, listed } = link(true);
    assert.deepEqual(told(), []);
    change('d', 1);
    change('a', 0);
    change('b', 5);
    announcements.flush();
    assert.deepEqual([told(), listed.isOver, announcements.isTold(owner)], [[], false, false]);
    owner.isFull = false;
    announcements.onWritable(owner);
    assert.deepEqual(told(), [
      ['a', 0],
      ['b', 5],
      ['c', 1],
      ['d', 1],
    ]);
    assert.deepEqual([listed.isOver, announcements.isTold(owner)], [true, true]);
    announcements.onWritable(owner);
    assert.deepEqual(told(), []);
  });

  it('tell a full link of changes once it takes them, of each room once', () => {
    const { announcements, link, change } = make();
    const { owner, told, listed } = link();
    listed.isOver = false;
    owner.isFull = true;
    change('a', 1);
    change('a', 2);
    change('b', 1);
    announcements.flush();
    assert.deepEqual([told(), announcements.isTold(owner)], [[], false]);
    owner.isFull = false;
    announcements.onWritable(owner);
    assert.deepEqual(told(), [
      ['a', 2],
      ['b', 1],
    ]);
    assert.equal(listed.isOver, true);
  });

  it('forget what links were told that have ended', () => {
    const { announcements, link, change } = make([['a', 1]]);
    const first = link();
    change('a', 2);
    announcements.delete(first.owner);
    assert.equal(clock.countTimers(), 0);
    change('a', 0);
    change('b', 1);
    const { told } = link();
    assert.deepEqual(told(), [['b', 1]]);
    change('a', 1);
    assert.deepEqual(told(), [['a', 1]]);
  });
});
