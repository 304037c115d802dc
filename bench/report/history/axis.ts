/** The axis of the ratios. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

/** Ratios are never shown closer than this, so that noise does not look like a change. */
const MIN_SPAN = 0.2;

/** About how many steps an axis has. */
const STEPS = 6;

/** Returns an axis that contains all values, from one tick to another. */
export function axisOf(values: readonly number[]): Axis {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(0.05 * (max - min), (MIN_SPAN - (max - min)) / 2);
  const from = Math.max(0, min - margin);
  const to = Math.max(max + margin, from + MIN_SPAN);
  const step = stepOf((to - from) / STEPS);
  const [first, last] = [Math.floor(from / step), Math.ceil(to / step)];
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const label = ((first + i) * step).toFixed(places);
    return { value: Number(label), label };
  });
  return { low: first * step, high: last * step, ticks };
}

/** Returns 1, 2 or 5 times a power of ten, at least as large as `size`. */
function stepOf(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  const factor = [1, 2, 5].find((each) => each * power >= size) ?? 10;
  return factor * power;
}
