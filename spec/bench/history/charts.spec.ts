/** What the charts of the history show of the records. */
import assert from 'node:assert/strict';
import { chartsOf } from '../../../bench/report/history/charts.ts';
import { recordOf } from '../../../bench/report/history/record.ts';
import { CIRCUMSTANCES, filesOf, recordAt, tableOf } from './support/records.ts';

describe('chartsOf()', () => {
  it('has a point for each run, with the target that the run had', () => {
    const [chart] = chartsOf(filesOf(recordAt('2026-11-27', 0.9, 1.2), recordAt('2026-11-28', 0.8, 1.1)));
    assert.equal(chart?.file, 'echo');
    assert.deepEqual(
      chart?.runs.map(({ date, version, commit }) => [date, version, commit]),
      [
        ['2026-11-27', '1.2.3', '0123456789'],
        ['2026-11-28', '1.2.3', '0123456789'],
      ],
    );
    assert.deepEqual(chart?.lines, [
      {
        label: 'ours ÷ ws',
        points: [
          { ratio: 0.9, target: 1.2 },
          { ratio: 0.8, target: 1.1 },
        ],
      },
    ]);
  });

  it('has the ratios of the reference from before there was a target', () => {
    const [chart] = chartsOf(filesOf(recordAt('2026-11-27', 0.9), recordAt('2026-11-28', 0.8, 1.1)));
    assert.deepEqual(chart?.lines[0]?.points, [
      { ratio: 0.9, target: undefined },
      { ratio: 0.8, target: 1.1 },
    ]);
  });

  it('has a line for each target, of each row that has one', () => {
    const table = tableOf('echo', { ours: [1], too: [3], ws: [2], sockjs: [4] });
    const targets = [
      { scenario: 'echo', ours: 'ours', other: 'ws', factor: 1 },
      { scenario: 'echo', ours: 'too', other: 'sockjs', factor: 0.7 },
    ];
    const [chart] = chartsOf(filesOf(recordOf(CIRCUMSTANCES, [table], targets)));
    assert.deepEqual(chart?.lines, [
      { label: 'ours ÷ ws', points: [{ ratio: 0.5, target: 1 }] },
      { label: 'too ÷ sockjs', points: [{ ratio: 0.75, target: 0.7 }] },
    ]);
  });

  it('divides the reference by each other row where there are no targets', () => {
    const table = tableOf('echo', { ours: [1], ws: [2], sockjs: [4] });
    const [chart] = chartsOf(filesOf(recordOf(CIRCUMSTANCES, [table], [])));
    assert.deepEqual(
      chart?.lines.map(({ label }) => label),
      ['ours ÷ ws', 'ours ÷ sockjs'],
    );
  });

  it('has no chart for a table without ratios', () => {
    const table = { ...tableOf('echo', { ws: [1] }), reference: '' };
    assert.deepEqual(chartsOf(filesOf(recordOf(CIRCUMSTANCES, [table], []))), []);
  });

  it('has a gap where a run did not measure a row, and no place for runs without the table', () => {
    const run = (...rows: string[]) =>
      recordOf(CIRCUMSTANCES, [tableOf('echo', Object.fromEntries(rows.map((key) => [key, [1]])))], []);
    const other = recordOf(CIRCUMSTANCES, [tableOf('open', { ours: [1], ws: [1] })], []);
    const charts = chartsOf(filesOf(run('ours', 'ws', 'go'), run('ours', 'ws'), other, run('ours', 'ws', 'go')));
    const echo = charts.find(({ name }) => name === 'echo');
    const point = { ratio: 1, target: undefined };
    assert.deepEqual(echo?.lines, [
      { label: 'ours ÷ ws', points: [point, point, point] },
      { label: 'ours ÷ go', points: [point, undefined, point] },
    ]);
  });

  it('keeps a table together whose title has changed, and shows the last one', () => {
    const run = (title: string) => recordOf(CIRCUMSTANCES, [tableOf('echo', { ours: [1], ws: [1] }, title)], []);
    const charts = chartsOf(filesOf(run('Old'), run('New')));
    assert.deepEqual(
      charts.map(({ title, runs }) => [title, runs.length]),
      [['New', 2]],
    );
  });

  it('tells tables of one name apart by their titles, in all runs', () => {
    const growth = (title: string) => tableOf('growth', { ours: [1], ws: [1] }, title);
    const first = recordOf(CIRCUMSTANCES, [growth('Echo, 16 B')], []);
    const both = recordOf(CIRCUMSTANCES, [growth('Echo, 16 B'), growth('Echo, 64 KiB')], []);
    assert.deepEqual(
      chartsOf(filesOf(first, both)).map(({ file, title, runs }) => [file, title, runs.length]),
      [
        ['growth-echo-16-b', 'Echo, 16 B', 2],
        ['growth-echo-64-kib', 'Echo, 64 KiB', 1],
      ],
    );
  });

  it('gives tables whose names differ only in what files cannot have names of their own', () => {
    const tables = ['a/b', 'A b', 'a-b', '…'].map((name) => tableOf(name, { ours: [1], ws: [1] }));
    assert.deepEqual(
      chartsOf(filesOf(recordOf(CIRCUMSTANCES, tables, []))).map(({ file }) => file),
      ['a-b', 'a-b-2', 'a-b-3', 'chart'],
    );
  });

  it('begins with the tables of the last run, in its order', () => {
    const run = (...names: string[]) =>
      recordOf(
        CIRCUMSTANCES,
        names.map((name) => tableOf(name, { ours: [1], ws: [1] })),
        [],
      );
    assert.deepEqual(
      chartsOf(filesOf(run('gone', 'a', 'b'), run('b', 'a'))).map(({ name }) => name),
      ['b', 'a', 'gone'],
    );
  });
});
