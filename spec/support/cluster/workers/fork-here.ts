/** Workers whose primary is the process of the specs. */
import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { LINKS_VARIABLE } from '../../../../lib/cluster/ipc/worker-setup.ts';
import { setupPrimary } from '../../../../lib/cluster.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** What workers inherit. */
let links: string | undefined;

/** Forks a program as a worker. It gets these file descriptors behind the channel to this process. */
export function forkHere(program: string, args: readonly string[], descriptors: readonly number[]): ChildProcess {
  if (links === undefined) {
    setupPrimary();
    links = process.env[LINKS_VARIABLE];
    // Programs of other specs must not inherit it.
    delete process.env[LINKS_VARIABLE];
  }
  cluster.setupPrimary({
    exec: program,
    args: [...args],
    execArgv: ['--import', 'tsx/esm', '--throw-deprecation'],
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...descriptors],
  });
  return cluster.fork({ [LINKS_VARIABLE]: links }).process;
}
