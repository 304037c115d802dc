/** Medians and spreads. */

export interface Spread {
  /** As they were measured: what has the same place in another spread was measured next to it. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * How large one is in terms of the other: the median of the ratios of what was measured side by side, since a machine that
 * has others to serve as well is slower in one round than in the next.
 */
export function ratioOf(own: Spread, other: Spread): number {
  const ratios = own.values.flatMap((value, i) => {
    const beside = other.values[i];
    return beside === undefined ? [] : [value / beside];
  });
  return spreadOf(ratios).median;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [min, max, high, low] = [0, sorted.length - 1, middle, sorted.length - 1 - middle].map((i) => sorted[i]);
  if (min === undefined || max === undefined || high === undefined || low === undefined) {
    throw new RangeError('no values');
  }
  return { values, median: (low + high) / 2, min, max };
}
