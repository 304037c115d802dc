/** What the benchmark makes of the rounds of two revisions. */
import assert from 'node:assert/strict';
import { Comparison } from '../../bench/against/comparison.ts';
import { judge } from '../../bench/against/verdict.ts';
import { spreadOf } from '../../bench/measure/statistics.ts';
import type { Table } from '../../bench/report/table.ts';

/** A round of a table: values of each row by its key. */
function round(values: Readonly<Record<string, readonly number[]>>): Table {
  const rows = Object.entries(values).map(([key, value]) => ({
    key,
    title: `title of ${key}`,
    value: spreadOf(value),
  }));
  return { name: 'scenario', title: 'A scenario', measure: 'CPU', reference: 'a', rows };
}

describe('judge()', () => {
  for (const [verdict, ratios] of [
    ['dearer', [1.03, 1.04, 1.05, 1.06, 1.07, 1.021]],
    ['undecided', [1.03, 1.04, 1.05, 1.06, 1.07, 1.02]],
    ['cheaper', [0.97, 0.96, 0.95, 0.94, 0.93, 0.979]],
    ['undecided', [0.97, 0.96, 0.95, 0.94, 0.93, 0.98]],
    ['same', [0.98, 1, 1, 1, 1, 1.02]],
    ['undecided', [0.97, 1, 1, 1, 1, 1.03]],
    ['too few rounds', [1.5, 1.5, 1.5, 1.5, 1.5]],
  ] as const) {
    it(`says ${verdict} of ${ratios.join(', ')}`, () => {
      assert.equal(judge(ratios).verdict, verdict);
    });
  }

  it('gives the median and its interval, in which an outlier among nine does not count', () => {
    assert.deepEqual(judge([1.01, 1, 9, 0.99, 1, 1.005, 1, 0.1, 0.995]), {
      ratio: 1,
      interval: { low: 0.99, high: 1.01 },
      verdict: 'same',
    });
  });

  it('gives the median without an interval for too few', () => {
    assert.deepEqual(judge([1.2, 1.1]), { ratio: 1.15, interval: undefined, verdict: 'too few rounds' });
  });
});

describe('Comparison', () => {
  it('pairs what was measured in the same round, whichever came first', () => {
    const comparison = new Comparison(round({}), '@abc');
    for (let slowness = 1; slowness <= 6; slowness += 1) {
      const [present, revision] = [[11 * slowness], [10 * slowness]];
      comparison.add(round(slowness % 2 === 0 ? { a: present, 'a@abc': revision } : { 'a@abc': revision, a: present }));
    }
    assert.deepEqual(comparison.rows(), [
      {
        key: 'a',
        title: 'title of a',
        present: 38.5,
        revision: 35,
        ratio: 1.1,
        interval: { low: 1.1, high: 1.1 },
        verdict: 'dearer',
      },
    ]);
  });

  it('counts a round once, by the median of the ratios in it', () => {
    const comparison = new Comparison(round({}), '@abc');
    comparison.add(round({ a: [2, 40, 6], 'a@abc': [1, 20, 2] }));
    comparison.add(round({ a: [4, 4, 4], 'a@abc': [1, 1, 1] }));
    const [row] = comparison.rows();
    assert.equal(row?.ratio, 3);
    assert.equal(row?.verdict, 'too few rounds');
  });

  it('keeps rows apart, and leaves out those that have no counterpart', () => {
    const comparison = new Comparison(round({}), '@abc');
    comparison.add(round({ a: [1], b: [2], 'b@abc': [1], c: [1], 'c@abc': [4], 'd@abc': [1] }));
    assert.deepEqual(
      comparison.rows().map(({ key, ratio }) => [key, ratio]),
      [
        ['b', 2],
        ['c', 0.25],
      ],
    );
  });
});
