/** The files of the history: their names, their order, and what is said of files that are no records. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addRecord, readRecords } from '../../../bench/report/history/folder.ts';
import { afterTest } from '../../support/cleanup.ts';
import { recordAt } from './support/records.ts';

/** An empty folder for the test. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'history-'));
  afterTest(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('addRecord()', () => {
  it('writes a file by date and version that can be read again', () => {
    const folder = makeFolder();
    const record = recordAt('2026-11-27', 0.9, 1);
    assert.equal(addRecord(folder, record), '2026-11-27-1.2.3.json');
    assert.deepEqual(readRecords(folder), [{ file: '2026-11-27-1.2.3.json', record }]);
    assert.ok(readFileSync(join(folder, '2026-11-27-1.2.3.json'), 'utf8').endsWith('}\n'));
  });

  it('numbers further runs of the same day and version, and overwrites none', () => {
    const folder = makeFolder();
    const record = recordAt('2026-11-27', 0.9);
    const prerelease = { ...record, version: '1.2.3-2' };
    assert.deepEqual(
      [prerelease, record, record, record].map((each) => addRecord(folder, each)),
      ['2026-11-27-1.2.3-2.json', '2026-11-27-1.2.3.json', '2026-11-27-1.2.3-3.json', '2026-11-27-1.2.3-4.json'],
    );
    assert.equal(readRecords(folder).length, 4);
  });

  it('makes the folder', () => {
    const folder = join(makeFolder(), 'below');
    addRecord(folder, recordAt('2026-11-27', 1));
    assert.equal(readdirSync(folder).length, 1);
  });

  it('writes nothing that could not be read', () => {
    const folder = makeFolder();
    assert.throws(() => addRecord(folder, { ...recordAt('2026-11-27', 1), rounds: Number.NaN }), /rounds/);
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe('readRecords()', () => {
  it('gives the oldest first, by the time of the run, and takes no other files', () => {
    const folder = makeFolder();
    const dates = ['2027-01-01', '2026-11-27', '2026-12-24'];
    for (const [i, date] of dates.entries()) {
      writeFileSync(join(folder, `${i}.json`), JSON.stringify(recordAt(date, 1)));
    }
    writeFileSync(join(folder, 'README.md'), '# No record');
    assert.deepEqual(
      readRecords(folder).map(({ file }) => file),
      ['1.json', '2.json', '0.json'],
    );
  });

  const valid = recordAt('2026-11-27', 1, 1);
  const withTable = (table: object) => ({ ...valid, tables: valid.tables.map((each) => ({ ...each, ...table })) });
  for (const [what, content, message] of [
    ['is not JSON', '{ "version": ', /broken\.json: is not JSON/],
    ['is no object', '[]', /broken\.json: is no record of a run/],
    ['has no date', JSON.stringify({ ...valid, date: undefined }), /broken\.json: .*at date/s],
    ['has another date', JSON.stringify({ ...valid, date: 'yesterday' }), /broken\.json: .*at date/s],
    ['has a commit that is none', JSON.stringify({ ...valid, commit: 'HEAD' }), /broken\.json: .*at commit/s],
    ['has a row without a median', JSON.stringify(withTable({ rows: [{ key: 'ours' }] })), /at tables\[0\]\.rows\[0\]/],
    [
      'has a target that is no number',
      JSON.stringify(withTable({ targets: [{ factor: '1' }] })),
      /targets\[0\]\.factor/,
    ],
  ] as const) {
    it(`names the file that ${what}`, () => {
      const folder = makeFolder();
      addRecord(folder, valid);
      writeFileSync(join(folder, 'broken.json'), content);
      assert.throws(() => readRecords(folder), message);
    });
  }
});
