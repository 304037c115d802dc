/** Records of runs for specs. */
import { spreadOf } from '../../../../bench/measure/statistics.ts';
import type { RecordFile } from '../../../../bench/report/history/folder.ts';
import { type Circumstances, type RunRecord, recordOf } from '../../../../bench/report/history/record.ts';
import type { Table } from '../../../../bench/report/table.ts';
import type { Target } from '../../../../bench/targets.ts';

export const CIRCUMSTANCES: Circumstances = {
  version: '1.2.3',
  date: '2026-11-27T18:00:00.000Z',
  commit: { hash: '0123456789', dirty: false },
  node: '26.12.0',
  machine: { cores: 2, cpu: 'AMD EPYC', memoryGiB: 23.5, system: 'Linux 6.18 x64' },
  rounds: 3,
};

/** A table of these rounds of each row. */
export function tableOf(name: string, rows: Readonly<Record<string, readonly number[]>>, title = 'A scenario'): Table {
  return {
    name,
    title,
    measure: 'CPU µs per message',
    reference: 'ours',
    rows: Object.entries(rows).map(([key, values]) => ({ key, title: `title of ${key}`, value: spreadOf(values) })),
  };
}

/** A record of one table `echo`, in which ours costs this part of `ws`. */
export function recordAt(date: string, ratio: number, factor?: number): RunRecord {
  const targets: Target[] = factor === undefined ? [] : [{ scenario: 'echo', ours: 'ours', other: 'ws', factor }];
  return recordOf(
    { ...CIRCUMSTANCES, date: `${date}T18:00:00.000Z` },
    [tableOf('echo', { ours: [ratio], ws: [1] })],
    targets,
  );
}

/** Records as they are read. */
export function filesOf(...records: readonly RunRecord[]): RecordFile[] {
  return records.map((record, i) => ({ file: `${i}.json`, record }));
}
