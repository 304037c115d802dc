/** What the system says about packets that it has dropped. */
import assert from 'node:assert/strict';
import { sumOfDropped } from '../../bench/measure/dropped.ts';

describe('sumOfDropped()', () => {
  it('adds the hexadecimal counters of all processors, and no other column', () => {
    const counters = '0d7d867d 000000ff 00000019 00000001\n0d910d77 00000010 0000000e 00000000\n';
    assert.equal(sumOfDropped(counters), 271);
  });

  it('is 0 where no packet was dropped', () => {
    assert.equal(sumOfDropped('0d7d867d 00000000 00000019\n'), 0);
  });
});
