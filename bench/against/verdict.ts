/** Decides from ratios whether the present checkout costs more than a revision. */
import { type Interval, medianInterval, spreadOf } from '../measure/statistics.ts';

/** Differences below this share of the revision count as none. */
const MARGIN = 0.02;

/**
 * - `dearer`, `cheaper`: the whole interval lies beyond the margin
 * - `same`: the whole interval lies within the margin
 * - `undecided`: the interval contains a bound of the margin
 * - `too few rounds`: there is no interval
 */
export type Verdict = 'dearer' | 'cheaper' | 'same' | 'undecided' | 'too few rounds';

export interface Judgement {
  /** The median ratio: above 1, the present checkout costs more. */
  readonly ratio: number;
  readonly interval: Interval | undefined;
  readonly verdict: Verdict;
}

/**
 * Judges the ratios of one row, present checkout ÷ revision, one ratio for each round.
 *
 * @throws RangeError if there are none
 */
export function judge(ratios: readonly number[]): Judgement {
  const interval = medianInterval(ratios);
  return { ratio: spreadOf(ratios).median, interval, verdict: verdictOf(interval) };
}

function verdictOf(interval: Interval | undefined): Verdict {
  if (interval === undefined) {
    return 'too few rounds';
  }
  const { low, high } = interval;
  if (low > 1 + MARGIN) {
    return 'dearer';
  }
  if (high < 1 - MARGIN) {
    return 'cheaper';
  }
  return low >= 1 - MARGIN && high <= 1 + MARGIN ? 'same' : 'undecided';
}
