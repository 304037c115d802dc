/** Checks a revision of this repository out beside the present checkout, for the length of a run. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onCleanup } from '../measure/cleanup.ts';
import type { Checkout } from '../measure/participant.ts';
import { ROOT } from '../measure/run.ts';

/** The code that is measured. */
const CODE = 'lib/index.ts';

/**
 * Checks a revision out into a temporary folder, which the end of the run removes. The server programs and the packages
 * in it are those of the present checkout: only `lib/` differs.
 *
 * @param root the present checkout
 * @throws Error if there is no such revision, or no `lib/index.ts` in it
 */
export function checkOut(revision: string, root = ROOT): Checkout {
  const commit = commitOf(revision, root);
  const folder = mkdtempSync(join(tmpdir(), 'express-sockjs-'));
  onCleanup(() => remove(folder, root));
  git(root, 'worktree', 'add', '--quiet', '--detach', folder, commit);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  rmSync(join(folder, 'bench'), { recursive: true, force: true });
  cpSync(join(root, 'bench/servers'), join(folder, 'bench/servers'), { recursive: true });
  return { suffix: `@${commit.slice(0, 10)}`, root: `${folder}/` };
}

function commitOf(revision: string, root: string): string {
  let commit: string;
  try {
    commit = git(root, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  } catch (cause) {
    throw new Error(`--against ${revision}: git knows no such revision here`, { cause });
  }
  try {
    git(root, 'cat-file', '-e', `${commit}:${CODE}`);
  } catch (cause) {
    throw new Error(`--against ${revision}: this revision has no ${CODE}`, { cause });
  }
  return commit;
}

/** Synchronous, since the process may be about to end. */
function remove(folder: string, root: string): void {
  // `git worktree remove` would refuse a worktree whose creation was interrupted. `prune` forgets one without a folder.
  rmSync(folder, { recursive: true, force: true });
  git(root, 'worktree', 'prune');
}

function git(root: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
