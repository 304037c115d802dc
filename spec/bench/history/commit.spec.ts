/** Which commit the history names for a run. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitAt } from '../../../bench/report/history/commit.ts';
import { afterTest } from '../../support/cleanup.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'commit-'));
  afterTest(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8' });
}

/** A repository with files of the package and of the benchmark. */
function repository(): string {
  const root = makeFolder();
  mkdirSync(join(root, 'bench/history'), { recursive: true });
  for (const file of ['index.ts', 'bench/RESULTS.md', 'bench/history/README.md']) {
    writeFileSync(join(root, file), 'committed');
  }
  git(root, 'init', '--quiet');
  git(root, 'add', '.');
  git(root, '-c', 'user.name=spec', '-c', 'user.email=spec@localhost', 'commit', '--quiet', '--message', 'First');
  return root;
}

describe('commitAt()', () => {
  before(function () {
    if (spawnSync('git', ['--version']).error !== undefined) {
      this.skip();
    }
  });

  it('gives the short hash, and that nothing has changed', () => {
    const root = repository();
    const hash = git(root, 'rev-parse', 'HEAD').slice(0, 10);
    assert.deepEqual(commitAt(root), { hash, dirty: false });
  });

  it('says that a file has changed', () => {
    const root = repository();
    writeFileSync(join(root, 'index.ts'), 'changed');
    assert.equal(commitAt(root)?.dirty, true);
  });

  it('overlooks what the benchmark writes, and files that git does not know', () => {
    const root = repository();
    for (const file of ['bench/RESULTS.md', 'bench/history/README.md', 'bench/history/new.json', 'notes.txt']) {
      writeFileSync(join(root, file), 'changed');
    }
    assert.equal(commitAt(root)?.dirty, false);
  });

  it('gives none outside of a repository', () => {
    assert.equal(commitAt(makeFolder()), undefined);
  });
});
