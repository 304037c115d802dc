/** What is kept of a complete run: its tables, without the single rounds, and what the ratios were. */
import * as z from 'zod';
import { ratioOf } from '../../measure/statistics.ts';
import type { Target } from '../../targets.ts';
import type { Row, Table } from '../table.ts';

const name = z.string().min(1);
const ratio = z.number().nonnegative();

const row = z.object({
  key: name,
  title: z.string(),
  median: z.number(),
  min: z.number(),
  max: z.number(),
  /** The row of reference ÷ this row: the median of the ratios within each round. */
  ratio: ratio.optional(),
});

/** A target against another row of the table, with what was measured. */
const target = z.object({
  ours: name,
  other: name,
  /** `ours` ÷ `other` is to be at most this. */
  factor: z.number().positive(),
  /** `ours` ÷ `other`: the median of the ratios within each round. */
  ratio,
});

const table = z.object({
  name,
  title: name,
  measure: z.string(),
  /** The key of a row, or empty. */
  reference: z.string(),
  rows: z.array(row).min(1),
  targets: z.array(target),
});

/** A file of the history. */
export const recordSchema = z.object({
  /** Of this package. */
  version: name,
  /** When the run ended. */
  date: z.iso.datetime(),
  commit: z
    .object({
      hash: z.string().regex(/^[0-9a-f]{7,40}$/),
      /** Whether the measured files differed from those of the commit. */
      dirty: z.boolean(),
    })
    .optional(),
  node: name,
  machine: z.object({
    cores: z.int().positive(),
    cpu: z.string(),
    memoryGiB: z.number().positive(),
    system: z.string(),
  }),
  rounds: z.int().positive(),
  tables: z.array(table),
});

export type RunRecord = z.infer<typeof recordSchema>;
export type RecordedTable = z.infer<typeof table>;

/** What a run was made with. */
export type Circumstances = Omit<RunRecord, 'tables'>;

/** Returns what is kept of a run. Targets without another row are limits, not ratios, and are left out. */
export function recordOf(run: Circumstances, tables: readonly Table[], targets: readonly Target[]): RunRecord {
  return { ...run, tables: tables.map((each) => recordTable(each, targets)) };
}

function recordTable({ name, title, measure, reference, rows }: Table, targets: readonly Target[]): RecordedTable {
  const find = (key: string | undefined) => rows.find((each) => each.key === key);
  const base = find(reference);
  return {
    name,
    title,
    measure,
    reference,
    rows: rows.map((each) => {
      const { key, title, value } = each;
      const ratio = base === undefined ? undefined : medianRatio(base, each);
      return {
        key,
        title,
        median: rounded(value.median),
        min: rounded(value.min),
        max: rounded(value.max),
        ...(ratio === undefined ? {} : { ratio }),
      };
    }),
    targets: targets.flatMap(({ scenario, ours, other, factor }) => {
      const [own, beside] = [find(ours), find(other)];
      if (scenario !== name || own === undefined || beside === undefined || other === undefined) {
        return [];
      }
      const ratio = medianRatio(own, beside);
      return ratio === undefined ? [] : [{ ours, other, factor: rounded(factor), ratio }];
    }),
  };
}

/** Returns undefined where the other row is 0: JSON has no infinity. */
function medianRatio(own: Row, other: Row): number | undefined {
  const ratio = ratioOf(own.value, other.value);
  return Number.isFinite(ratio) ? rounded(ratio) : undefined;
}

/** Rounds to five digits; no figure is more exact than that. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
