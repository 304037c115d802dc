/** `setupPrimary()`: has a primary of `node:cluster` keep the registry of its workers. */

import { withHelp } from '../../util/help.ts';
import { cluster } from './cluster-module.ts';
import { makeLinkPaths } from './link-paths.ts';
import { Primary } from './primary.ts';
import { LINKS_VARIABLE } from './worker-setup.ts';

let isSetUp = false;

/**
 * Has this process, the primary of `node:cluster`, keep what its workers share by `nodeCluster()`: which of them there are,
 * and which of them has a session. To be called before `cluster.fork()`. A second call does nothing.
 *
 * It makes a folder for the sockets of the workers in the folder for temporary files, and removes it when the primary
 * exits. A primary that a signal ends leaves the folder behind: have it handle SIGTERM and SIGINT.
 *
 * @throws Error in a worker, and where the folder cannot be made or has too long a path
 *
 * @experimental It may change in any release.
 */
export function setupPrimary(): void {
  if (!cluster.isPrimary) {
    throw withHelp(
      'setupprimary-in-a-worker',
      new Error('sockjs: setupPrimary() is for the primary process; this is a worker, which calls nodeCluster()'),
    );
  }
  if (isSetUp) {
    return;
  }
  const paths = makeLinkPaths();
  isSetUp = true;
  // Workers inherit it, and know where to listen before they have asked.
  process.env[LINKS_VARIABLE] = paths.prefix;
  const primary = new Primary(paths);
  cluster.on('message', (worker, message: unknown) => primary.onMessage(worker, message));
  cluster.on('fork', () => paths.restore());
  // The first of the two is the death of the worker.
  cluster.on('exit', (worker) => primary.onGone(worker));
  cluster.on('disconnect', (worker) => primary.onGone(worker));
  process.on('exit', () => paths.remove());
}
