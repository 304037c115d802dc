/** Medians, their confidence intervals, and ratios of paired values. */

import { createHistogram } from 'node:perf_hooks';

export interface Spread {
  /** In order of measurement. Values at the same index of two spreads were measured next to each other. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Returns the median of the ratios of paired values. Pairs cancel out that a shared machine is slower in one round than
 * in the next.
 *
 * @throws RangeError if there are no pairs
 */
export function ratioOf(own: Spread, other: Spread): number {
  return spreadOf(ratiosOf(own, other)).median;
}

/** Returns the ratios of paired values. */
export function ratiosOf(own: Spread, other: Spread): number[] {
  return own.values.flatMap((value, i) => {
    const beside = other.values[i];
    return beside === undefined ? [] : [value / beside];
  });
}

/** An interval that contains the true median with a confidence of 95 % or more. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** With fewer values there is no interval of 95 %: all of 5 values lie on one side of the median in 1 of 16 cases. */
export const MIN_FOR_INTERVAL = 6;

/**
 * Returns the narrowest interval between two values, equally far from both ends, that contains the median with 95 %
 * confidence or more. It assumes no distribution: each value lies below the median with probability ½, so their number
 * is binomial.
 *
 * @returns undefined for fewer than {@link MIN_FOR_INTERVAL} values
 */
export function medianInterval(values: readonly number[]): Interval | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let outside = 0;
  // The logarithm of the probability that exactly `outside` values lie below the median, and the probability that at
  // most so many do.
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

/** Returns the value below which that part of all values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** Quantiles of latencies, in ms. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly largest: number;
}

/** Returns quantiles of latencies in ms, to three digits. */
export function latenciesOf(times: readonly number[]): Latencies {
  // An HdrHistogram, of µs.
  const histogram = createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
  for (const time of times) {
    histogram.record(Math.max(1, Math.round(time * 1000)));
  }
  return {
    p50: histogram.percentile(50) / 1000,
    p99: histogram.percentile(99) / 1000,
    largest: histogram.max / 1000,
  };
}

/**
 * Returns the median and the range.
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
