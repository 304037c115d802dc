/** What the charts of the history show: for each table the ratios of its runs, with the targets. */
import type { RecordFile } from './folder.ts';
import type { RecordedTable } from './record.ts';

/** What one run measured. */
export interface Point {
  readonly ratio: number;
  /** What the ratio is to be at most. Undefined where the run had no target for it. */
  readonly target: number | undefined;
}

/** One row of a table ÷ another. */
export interface Line {
  readonly label: string;
  /** One for each run of the chart. Undefined where the run did not measure it. */
  readonly points: readonly (Point | undefined)[];
}

/** A run, as an axis and a tooltip name it. */
export interface ChartedRun {
  /** Year, month and day. */
  readonly date: string;
  readonly version: string;
  readonly commit: string;
}

export interface Chart {
  /** The name of its file, without `.svg`; unique. */
  readonly file: string;
  /** The name of the table, then its title and measure, as the last run had them. */
  readonly name: string;
  readonly title: string;
  readonly measure: string;
  /** The runs that have the table, the oldest first. */
  readonly runs: readonly ChartedRun[];
  readonly lines: readonly Line[];
}

/** Two rows of a table. */
interface Pair {
  readonly ours: string;
  readonly other: string;
}

interface Entry {
  readonly run: ChartedRun;
  readonly table: RecordedTable;
}

/**
 * Returns the charts, in the order of the last run. Tables are joined by their name. Where a run has several of one name,
 * as the scenario `growth` has, they are told apart by their titles.
 */
export function chartsOf(records: readonly RecordFile[]): Chart[] {
  const repeated = new Set(records.flatMap(({ record }) => repeatedNames(record.tables)));
  const idOf = ({ name, title }: RecordedTable) => (repeated.has(name) ? `${name} ${title}` : name);
  const entries = new Map<string, Entry[]>();
  // The newest first, since its tables are to come first.
  for (const { record } of records.toReversed()) {
    const run = { date: record.date.slice(0, 10), version: record.version, commit: commitOf(record) };
    for (const table of record.tables) {
      const id = idOf(table);
      entries.set(id, [{ run, table }, ...(entries.get(id) ?? [])]);
    }
  }
  const takeName = uniqueNames();
  return [...entries].flatMap(([id, runs]) => {
    const chart = chartOf(runs);
    return chart === undefined ? [] : [{ file: takeName(id), ...chart }];
  });
}

/** The commit as text. */
export function commitOf({ commit }: RecordFile['record']): string {
  return commit === undefined ? 'unknown commit' : `${commit.hash}${commit.dirty ? ' with changes' : ''}`;
}

function repeatedNames(tables: readonly RecordedTable[]): string[] {
  return tables.map(({ name }) => name).filter((name, i, all) => all.indexOf(name) !== i);
}

/** Returns undefined where the table has no ratios. */
function chartOf(entries: readonly Entry[]): Omit<Chart, 'file'> | undefined {
  const tables = entries.map(({ table }) => table);
  const last = tables.at(-1);
  const lines = pairsOf(tables.toReversed()).map(
    (pair): Line => ({
      label: `${pair.ours} ÷ ${pair.other}`,
      points: tables.map((table) => pointOf(table, pair)),
    }),
  );
  if (last === undefined || lines.length === 0) {
    return undefined;
  }
  const { name, title, measure } = last;
  return { name, title, measure, runs: entries.map(({ run }) => run), lines };
}

/** Returns what the targets compare; without targets, the row of reference with each other row. */
function pairsOf(tables: readonly RecordedTable[]): Pair[] {
  const targets = unique(tables.flatMap((table) => table.targets));
  if (targets.length > 0) {
    return targets;
  }
  return unique(
    tables.flatMap(({ reference, rows }) =>
      rows
        .filter(({ key, ratio }) => key !== reference && ratio !== undefined)
        .map(({ key }) => ({ ours: reference, other: key })),
    ),
  );
}

function unique(pairs: readonly Pair[]): Pair[] {
  return [...new Map(pairs.map(({ ours, other }) => [JSON.stringify([ours, other]), { ours, other }])).values()];
}

function pointOf({ reference, rows, targets }: RecordedTable, { ours, other }: Pair): Point | undefined {
  const target = targets.find((each) => each.ours === ours && each.other === other);
  if (target !== undefined) {
    return { ratio: target.ratio, target: target.factor };
  }
  // A run from before the target was set has the ratio of the reference all the same.
  const ratio = ours === reference ? rows.find(({ key }) => key === other)?.ratio : undefined;
  return ratio === undefined ? undefined : { ratio, target: undefined };
}

/** Returns a function that makes names of files. Different texts never get the same name. */
function uniqueNames(): (text: string) => string {
  const taken = new Set<string>();
  return (text) => {
    const stem =
      text
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-|-$/g, '') || 'chart';
    let name = stem;
    for (let count = 2; taken.has(name); count += 1) {
      name = `${stem}-${count}`;
    }
    taken.add(name);
    return name;
  };
}
