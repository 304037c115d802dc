/** The page of the history. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRecord, readRecords } from '../../../bench/report/history/folder.ts';
import { pageOf, writePage } from '../../../bench/report/history/page.ts';
import { afterTest } from '../../support/cleanup.ts';
import { filesOf, recordAt } from './support/records.ts';

const HISTORY = fileURLToPath(new URL('../../../bench/history/', import.meta.url));

/** Cells of the rows of all tables, without padding. */
function rowsOf(markdown: string): string[][] {
  return [...markdown.matchAll(/^\| (.+) \|$/gm)].map(([, cells = '']) =>
    cells.split(' | ').map((cell) => cell.trim()),
  );
}

describe('pageOf()', () => {
  it('has the runs, the newest first, with commit, Node and machine', () => {
    const dirty = { ...recordAt('2026-11-28', 0.8, 0.7), commit: { hash: 'abcdef0123', dirty: true } };
    const { text } = pageOf(filesOf(recordAt('2026-11-27', 0.9, 1), dirty));
    const runs = rowsOf(text).filter(([first]) => first?.startsWith('[2026'));
    const machine = '2 cores, AMD EPYC, 23.5 GiB, Linux 6.18 x64';
    assert.deepEqual(runs, [
      ['[2026-11-28 18:00](1.json)', '1.2.3', 'abcdef0123 with changes', '26.12.0', '3', machine],
      ['[2026-11-27 18:00](0.json)', '1.2.3', '0123456789', '26.12.0', '3', machine],
    ]);
  });

  it('has a chart for each table, with the ratios of the last two runs and the verdict', () => {
    const { text, charts } = pageOf(filesOf(recordAt('2026-11-27', 0.9, 1), recordAt('2026-11-28', 0.8, 0.5)));
    assert.match(text, /^## `echo`: A scenario$/m);
    assert.match(text, /!\[.+\]\(charts\/echo\.svg\)/);
    assert.deepEqual([...charts.keys()], ['echo.svg']);
    assert.deepEqual(rowsOf(text).at(-1), ['ours ÷ ws', '0.90', '0.80', '≤ 0.50', 'missed by 60.0 %']);
  });

  it('has no run before a single one, and no verdict without a target', () => {
    const { text } = pageOf(filesOf(recordAt('2026-11-27', 0.9)));
    assert.deepEqual(rowsOf(text).at(-1), ['ours ÷ ws', '–', '0.90', '–', '–']);
  });

  it('says so where there are no runs', () => {
    const { text, charts } = pageOf([]);
    assert.match(text, /There is none yet\./);
    assert.equal(charts.size, 0);
  });

  it('says that the commit is unknown where there was no git', () => {
    const { commit, ...record } = recordAt('2026-11-27', 0.9);
    assert.ok(commit);
    assert.match(pageOf(filesOf(record)).text, /unknown commit/);
  });
});

describe('writePage()', () => {
  const makeFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), 'history-'));
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  it('writes the page and the files that it shows, and removes charts of tables that no record has', () => {
    const folder = makeFolder();
    const file = addRecord(folder, { ...recordAt('2026-11-27', 0.9), tables: renamed('gone') });
    writePage(folder);
    assert.deepEqual(readdirSync(join(folder, 'charts')), ['gone.svg']);
    rmSync(join(folder, file));
    addRecord(folder, recordAt('2026-11-28', 0.9));
    writePage(folder);
    assert.deepEqual(readdirSync(join(folder, 'charts')), ['echo.svg']);
    const page = readFileSync(join(folder, 'README.md'), 'utf8');
    const targets = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const here = targets.filter((target) => !target.startsWith('..'));
    assert.equal(here.length, 2);
    assert.ok(here.every((target) => existsSync(join(folder, target))));
  });

  it('leaves the page as it is where a file is no record', () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'README.md'), 'as it was');
    writeFileSync(join(folder, 'broken.json'), '{}');
    assert.throws(() => writePage(folder), /broken\.json/);
    assert.equal(readFileSync(join(folder, 'README.md'), 'utf8'), 'as it was');
  });

  function renamed(name: string) {
    return recordAt('2026-11-27', 0.9).tables.map((table) => ({ ...table, name }));
  }
});

describe('bench/history/', () => {
  it('has the page and the charts of its files (`npm run bench -- --charts` writes them)', () => {
    const { text, charts } = pageOf(readRecords(HISTORY));
    assert.equal(readFileSync(join(HISTORY, 'README.md'), 'utf8'), text);
    const folder = join(HISTORY, 'charts');
    const names = existsSync(folder) ? readdirSync(folder) : [];
    assert.deepEqual(names.sort(), [...charts.keys()].sort());
    for (const [name, svg] of charts) {
      assert.equal(readFileSync(join(folder, name), 'utf8'), svg, name);
    }
  });
});
