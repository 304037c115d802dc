/** The commit of a checkout. */
import { execFileSync } from 'node:child_process';
import type { RunRecord } from './record.ts';

/** What the benchmark writes itself. */
const OWN_FILES = [':(exclude)bench/RESULTS.md', ':(exclude)bench/history'];

/** Returns the commit, and whether files differ from it. Undefined where there is no git, or no repository. */
export function commitAt(root: string): RunRecord['commit'] {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return {
      hash: git('rev-parse', '--short=10', 'HEAD'),
      // As `git describe --dirty` has it, files that git does not know do not count.
      dirty: git('status', '--porcelain', '--untracked-files=no', '--', '.', ...OWN_FILES) !== '',
    };
  } catch {
    return undefined;
  }
}
