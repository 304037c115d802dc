/** Bounds for maps and sets that remember. */
import assert from 'node:assert/strict';
import { forgetFirst } from '../../../lib/util/forget-first.ts';

describe('forgetFirst()', () => {
  it('leaves those of a set that came last', () => {
    const set = new Set([1, 2, 3, 4]);
    forgetFirst(set, 2);
    assert.deepEqual([...set], [3, 4]);
  });

  it('leaves those of a map that came last', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    forgetFirst(map, 1);
    assert.deepEqual([...map.keys()], ['b']);
  });

  it('deletes nothing where there is room, and all where there is none', () => {
    const set = new Set([1, 2]);
    forgetFirst(set, 2);
    assert.equal(set.size, 2);
    forgetFirst(set, 0);
    assert.equal(set.size, 0);
  });
});
