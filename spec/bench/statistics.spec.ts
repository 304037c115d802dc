/** The benchmark's medians, their intervals, and ratios of what was measured side by side. */
import assert from 'node:assert/strict';
import { MIN_FOR_INTERVAL, medianInterval, quantile, ratioOf, spreadOf } from '../../bench/measure/statistics.ts';

/** 1, 2, … in an order that is not theirs. */
function shuffled(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1).sort((a, b) => (a % 3) - (b % 3) || b - a);
}

describe('spreadOf()', () => {
  it('gives the value in the middle of an odd number, in any order', () => {
    assert.deepEqual(spreadOf([5, 1, 9]), { values: [5, 1, 9], median: 5, min: 1, max: 9 });
  });

  it('gives the mean of the two in the middle of an even number', () => {
    assert.equal(spreadOf([10, 1, 4, 2]).median, 3);
  });

  it('compares as numbers, not as text', () => {
    assert.equal(spreadOf([10, 9, 100]).median, 10);
  });

  it('gives a single value as it is', () => {
    assert.deepEqual(spreadOf([3]), { values: [3], median: 3, min: 3, max: 3 });
  });

  it('refuses to speak of no values', () => {
    assert.throws(() => spreadOf([]), RangeError);
  });
});

describe('quantile()', () => {
  it('gives the value that has that part of all others below it, in any order', () => {
    assert.equal(quantile(shuffled(100), 0.99), 100);
    assert.equal(quantile(shuffled(200), 0.99), 199);
    assert.equal(quantile(shuffled(101), 0.5), 51);
  });

  it('gives the largest value for the whole', () => {
    assert.equal(quantile([3, 1, 2], 1), 3);
  });

  it('is no number where there are no values', () => {
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });
});

describe('ratioOf()', () => {
  it('divides round by round before it takes the median', () => {
    // The medians by themselves are 6 and 2.
    assert.equal(ratioOf(spreadOf([2, 40, 6]), spreadOf([1, 20, 2])), 2);
  });

  it('does not see that a round was slow for both', () => {
    assert.equal(ratioOf(spreadOf([3, 30, 300, 3]), spreadOf([2, 20, 200, 2])), 1.5);
  });

  it('leaves out rounds that the other does not have', () => {
    assert.equal(ratioOf(spreadOf([2, 2, 900]), spreadOf([1, 1])), 2);
  });
});

describe('medianInterval()', () => {
  it('gives none for too few values', () => {
    for (let count = 0; count < MIN_FOR_INTERVAL; count += 1) {
      assert.equal(medianInterval(shuffled(count)), undefined, String(count));
    }
  });

  it('reaches from the smallest to the largest of just enough', () => {
    assert.deepEqual(medianInterval([3, 1, 2, 6, 5, 4]), { low: 1, high: 6 });
  });

  // Tables of the sign test: which value from either end bounds the interval of 95 %.
  for (const [count, place] of [
    [6, 1],
    [8, 1],
    [9, 2],
    [11, 2],
    [12, 3],
    [15, 4],
    [17, 5],
    [20, 6],
    [21, 6],
    [25, 8],
    [50, 18],
    [100, 40],
  ] as const) {
    it(`leaves out ${place - 1} of ${count} values at either end`, () => {
      assert.deepEqual(medianInterval(shuffled(count)), { low: place, high: count + 1 - place });
    });
  }

  it('is as wide as it must be in any number, and no wider', () => {
    for (let count = MIN_FOR_INTERVAL; count <= 60; count += 1) {
      const { low = 0 } = medianInterval(shuffled(count)) ?? {};
      assert.ok(outside(count, low - 1) <= 0.05, `${count}: ${low}`);
      assert.ok(outside(count, low) > 0.05, `${count}: ${low} could be more`);
    }
  });

  it('holds for numbers of values of which a single one has no probability that a double could tell', () => {
    const { low = 0, high = 0 } = medianInterval(shuffled(2000)) ?? {};
    // The normal approximation: 1.96 times half the root of the number, about the middle.
    assert.equal(low, 956);
    assert.equal(high, 1045);
  });
});

/** How probable it is that so many or fewer of the values lie on one side of the median, counted one by one with integers. */
function outside(count: number, most: number): number {
  let ways = 1n;
  let sum = 0n;
  for (let below = 0; below <= most; below += 1) {
    sum += ways;
    ways = (ways * BigInt(count - below)) / BigInt(below + 1);
  }
  return Number((sum * 2n * 10n ** 12n) / 2n ** BigInt(count)) / 1e12;
}
