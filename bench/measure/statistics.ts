/** Medians, spreads, and how far a median can be trusted. */

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
 *
 * @throws RangeError if nothing was measured side by side
 */
export function ratioOf(own: Spread, other: Spread): number {
  const ratios = own.values.flatMap((value, i) => {
    const beside = other.values[i];
    return beside === undefined ? [] : [value / beside];
  });
  return spreadOf(ratios).median;
}

/** Where the true median lies, with a confidence of 95 % or more. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Fewer values tell nothing of the median with 95 % confidence: it is beyond all of 5 in one case of 16. */
export const MIN_FOR_INTERVAL = 6;

/**
 * The narrowest interval between two of the values, as far from the smallest as from the largest, that holds the median
 * with a confidence of 95 % or more. It supposes nothing of how the values are distributed: each lies below the median
 * with a probability of one half, so that their number there is binomial.
 *
 * @returns undefined for fewer than {@link LEAST_FOR_INTERVAL} values
 */
export function medianInterval(values: readonly number[]): Interval | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let outside = 0;
  // The logarithm of the probability that just so many values lie below the median, and the probability that so many or
  // fewer do.
  let exactly = count * Math.log(0.5);
  let atMost = Math.exp(exactly);
  while (atMost <= 0.025) {
    outside += 1;
    exactly += Math.log((count - outside + 1) / outside);
    atMost += Math.exp(exactly);
  }
  const [low, high] = [sorted[outside - 1], sorted[count - outside]];
  return low === undefined || high === undefined ? undefined : { low, high };
}

/**
 * Median and range.
 *
 * @throws RangeError if there are no values
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [min, max, high, low] = [0, sorted.length - 1, middle, sorted.length - 1 - middle].map((i) => sorted[i]);
  if (min === undefined || max === undefined || high === undefined || low === undefined) {
    throw new RangeError('no values');
  }
  return { values, median: (low + high) / 2, min, max };
}
