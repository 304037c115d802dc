/** Medians and spreads. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [min, max, high, low] = [0, sorted.length - 1, middle, sorted.length - 1 - middle].map((i) => sorted[i]);
  if (min === undefined || max === undefined || high === undefined || low === undefined) {
    throw new RangeError('no values');
  }
  return { median: (low + high) / 2, min, max };
}
