/** What a point says of its target. */
import type { Line, Point } from './charts.ts';

/** Returns the point of the last run that measured the line. */
export function lastPoint({ points }: Line): Point | undefined {
  return points.findLast((point) => point !== undefined);
}

/** Returns `met`, or by how much the target was missed. */
export function verdictOf({ ratio, target }: Point): string {
  if (target === undefined) {
    return '–';
  }
  return ratio <= target ? 'met' : `missed by ${((ratio / target - 1) * 100).toFixed(1)} %`;
}

/** Formats a ratio as other tables of the benchmark do. */
export function writeRatio(ratio: number | undefined): string {
  return ratio === undefined ? '–' : ratio.toFixed(2);
}

/** Formats a target. */
export function writeTarget(target: number | undefined): string {
  return target === undefined ? '–' : `≤ ${target.toFixed(2)}`;
}
