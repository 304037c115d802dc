/** The revision that the benchmark compares with: what its folder holds, and that it goes again. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkOut } from '../../bench/against/checkout.ts';
import { cleanUp } from '../../bench/measure/cleanup.ts';
import { afterTest } from '../support/cleanup.ts';

/** A repository with these files committed. */
function repository(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'repository-'));
  afterTest(() => rmSync(root, { recursive: true, force: true }));
  git(root, 'init', '--quiet');
  write(root, files);
  git(root, 'add', '.');
  git(root, '-c', 'user.name=spec', '-c', 'user.email=spec@localhost', 'commit', '--quiet', '--message', 'First');
  return root;
}

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8' });
}

describe('checkOut()', () => {
  before(function () {
    if (spawnSync('git', ['--version']).error !== undefined) {
      this.skip();
    }
  });

  it('takes lib/ from the revision, and server programs and packages from the present checkout', async () => {
    const root = repository({ 'lib/index.ts': 'old', 'bench/servers/ours.ts': 'old', 'bench/servers/gone.ts': 'old' });
    rmSync(join(root, 'bench/servers/gone.ts'));
    write(root, { 'lib/index.ts': 'new', 'bench/servers/ours.ts': 'new', 'node_modules/ws/index.js': 'ws' });
    const { root: folder, suffix } = checkOut('HEAD', root);
    afterTest(cleanUp);
    const read = (path: string) => readFileSync(join(folder, path), 'utf8');
    assert.equal(read('lib/index.ts'), 'old');
    assert.equal(read('bench/servers/ours.ts'), 'new');
    assert.ok(!existsSync(join(folder, 'bench/servers/gone.ts')));
    assert.equal(read('node_modules/ws/index.js'), 'ws');
    assert.equal(suffix, `@${git(root, 'rev-parse', 'HEAD').slice(0, 10)}`);
  });

  it('leaves no folder and no worktree when the run ends, and the packages where they are', async () => {
    const root = repository({ 'lib/index.ts': '', 'bench/servers/ours.ts': '' });
    write(root, { 'node_modules/ws/index.js': 'ws' });
    const { root: folder } = checkOut('HEAD', root);
    await cleanUp();
    assert.ok(!existsSync(folder));
    assert.equal(git(root, 'worktree', 'list').trim().split('\n').length, 1);
    assert.ok(existsSync(join(root, 'node_modules/ws/index.js')));
  });

  it('says that a revision is unknown', () => {
    const root = repository({ 'lib/index.ts': '' });
    assert.throws(() => checkOut('nowhere', root), /--against nowhere: git knows no such revision here/);
    assert.throws(() => checkOut('--all', root), /--against --all: git knows no such revision here/);
  });

  it('says that a revision has nothing to measure', () => {
    const root = repository({ 'README.md': '' });
    assert.throws(() => checkOut('HEAD', root), /--against HEAD: this revision has no lib\/index\.ts/);
  });
});
