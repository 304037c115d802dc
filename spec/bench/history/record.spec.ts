/** What the history keeps of a complete run. */
import assert from 'node:assert/strict';
import { recordOf, recordSchema } from '../../../bench/report/history/record.ts';
import type { Target } from '../../../bench/targets.ts';
import { CIRCUMSTANCES, tableOf } from './support/records.ts';

describe('recordOf()', () => {
  const target: Target = { scenario: 'echo', ours: 'other-of-ours', other: 'ws', factor: 1.1 };

  it('has median, smallest and largest of each row, and the ratio of the reference to it within the rounds', () => {
    const { tables, ...rest } = recordOf(CIRCUMSTANCES, [tableOf('echo', { ours: [2, 40, 6], ws: [1, 20, 2] })], []);
    assert.deepEqual(rest, CIRCUMSTANCES);
    assert.deepEqual(tables, [
      {
        name: 'echo',
        title: 'A scenario',
        measure: 'CPU µs per message',
        reference: 'ours',
        rows: [
          { key: 'ours', title: 'title of ours', median: 6, min: 2, max: 40, ratio: 1 },
          { key: 'ws', title: 'title of ws', median: 2, min: 1, max: 20, ratio: 2 },
        ],
        targets: [],
      },
    ]);
  });

  it('has the targets of each table with their ratios, also where the reference is another row', () => {
    const tables = [
      tableOf('echo', { ours: [1], 'other-of-ours': [3, 33], ws: [2, 20] }),
      tableOf('open', { 'other-of-ours': [1], ws: [1] }),
    ];
    const { tables: recorded } = recordOf(CIRCUMSTANCES, tables, [target]);
    assert.deepEqual(
      recorded.map(({ targets }) => targets),
      [[{ ours: 'other-of-ours', other: 'ws', factor: 1.1, ratio: 1.575 }], []],
    );
  });

  it('leaves out targets whose rows were not measured, and limits that compare no rows', () => {
    const limit: Target = { scenario: 'echo', ours: 'ours', factor: 5 };
    const [table] = recordOf(CIRCUMSTANCES, [tableOf('echo', { ours: [1], ws: [2] })], [target, limit]).tables;
    assert.deepEqual(table?.targets, []);
  });

  it('has no ratios where the reference was not measured', () => {
    const [table] = recordOf(CIRCUMSTANCES, [tableOf('echo', { ws: [2] })], []).tables;
    assert.ok(table?.rows.every((row) => !('ratio' in row)));
  });

  it('can be read again where a row is 0, and ratios to it are no numbers', () => {
    const tables = [tableOf('echo', { ours: [1], 'other-of-ours': [0], ws: [0] })];
    const record = recordOf(CIRCUMSTANCES, tables, [target]);
    assert.deepEqual(recordSchema.parse(JSON.parse(JSON.stringify(record))), record);
    assert.deepEqual(record.tables[0]?.targets, []);
  });

  it('rounds to five digits', () => {
    const [table] = recordOf(CIRCUMSTANCES, [tableOf('echo', { ours: [1], ws: [1.23456789] })], []).tables;
    assert.equal(table?.rows[1]?.median, 1.2346);
    assert.equal(table?.rows[1]?.ratio, 0.81);
  });
});
