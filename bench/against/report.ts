/** Formats comparisons with a revision. */
import { MIN_FOR_INTERVAL } from '../measure/statistics.ts';
import { digits, markdown } from '../report/table.ts';
import type { Compared, Comparison } from './comparison.ts';

/** Explains the columns. */
export const LEGEND = `present ÷ revision: the median of the ratios of all rounds, and the interval that holds the true one with 95 % confidence.
dearer: the whole interval lies above 1.02. cheaper: it lies below 0.98. same: it lies between. undecided: it reaches
across one of them; more rounds make it narrower.`;

/** Formats a comparison as a table in Markdown. */
export function writeComparison({ name, title, measure }: Comparison, rows: readonly Compared[]): string {
  const head = ['Server', `present, ${measure}`, 'revision', 'present ÷ revision', '95 % interval', 'verdict'];
  const cells = rows.map(({ title, present, revision, ratio, interval, verdict }) => [
    title,
    digits(present),
    digits(revision),
    ratio.toFixed(3),
    interval === undefined
      ? `needs ${MIN_FOR_INTERVAL} rounds`
      : `${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}`,
    verdict,
  ]);
  return `### \`${name}\`: ${title}\n\n${markdown(head, cells)}\n`;
}
