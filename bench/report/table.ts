/** Tables of servers, and their Markdown. */
import { ratioOf, type Spread } from '../measure/statistics.ts';

export interface Row {
  /** Unique in the table. */
  readonly key: string;
  readonly title: string;
  readonly value: Spread;
  /** Units per second of wall time. */
  readonly throughput?: Spread;
}

export interface Table {
  /** Name of the scenario. */
  readonly name: string;
  readonly title: string;
  /** What the values measure, with the unit. */
  readonly measure: string;
  /** The key of the row that the ratios refer to. */
  readonly reference: string;
  readonly rows: readonly Row[];
}

/** Returns a row, if it was measured. */
export function findRow(tables: readonly Table[], name: string, key: string): Row | undefined {
  return tables.find((table) => table.name === name)?.rows.find((row) => row.key === key);
}

/** Formats a table as Markdown, aligned for terminals. */
export function writeTable({ name, title, measure, reference, rows }: Table): string {
  const own = rows.find(({ key }) => key === reference);
  const hasThroughput = rows.some(({ throughput }) => throughput !== undefined);
  const cells = rows.map(({ title, value, throughput }) => [
    title,
    digits(value.median),
    `${digits(value.min)} to ${digits(value.max)}`,
    own === undefined ? '–' : ratioOf(own.value, value).toFixed(2),
    ...(hasThroughput ? [throughput === undefined ? '–' : String(Math.round(throughput.median))] : []),
  ]);
  const head = ['Server', measure, 'rounds', 'ours ÷ this', ...(hasThroughput ? ['units per s'] : [])];
  return `### \`${name}\`: ${title}\n\n${markdown(head, cells)}\n`;
}

/** Columns of equal width; all but the first are numbers. */
export function markdown(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = head.map((text, i) => Math.max(3, text.length, ...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...cells.map(line)].join('\n');
}

/** Formats a value with about four digits. */
export function digits(value: number): string {
  return value.toFixed(value < 100 ? 2 : 1);
}
