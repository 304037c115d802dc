/** Whether this process can use `nodeCluster()`, and what to do where it cannot. */
import { withHelp } from '../../util/help.ts';

/** The environment variable by which `setupPrimary()` tells workers where to listen for links. */
export const LINKS_VARIABLE = 'EXPRESS_SOCKJS_LINKS';

/** What there is to know about a process. */
export interface ProcessSetup {
  readonly isWorker: boolean;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

/**
 * The prefix of paths for links.
 *
 * @throws Error in a process that is no worker, or whose primary was not set up
 */
export function linkPrefixOf({ isWorker, env }: ProcessSetup): string {
  if (!isWorker) {
    throw withHelp(
      'nodecluster-is-for-workers',
      new Error(
        'sockjs: nodeCluster() is for workers of node:cluster; this process is none. The primary calls setupPrimary() and ' +
          'cluster.fork(); a process that runs alone leaves out the option "cluster"',
      ),
    );
  }
  const prefix = env[LINKS_VARIABLE];
  if (prefix !== undefined && prefix !== '') {
    return prefix;
  }
  // PM2 sets them in all of its processes. Those that its cluster mode has forked have its daemon for a primary.
  if (env['pm_id'] !== undefined && env['exec_mode'] !== 'fork_mode') {
    throw withHelp(
      'nodecluster-under-pm2',
      new Error(
        'sockjs: nodeCluster() needs a primary of your own, and PM2 is the primary of this worker; use redisCluster() of ' +
          'express-sockjs/redis',
      ),
    );
  }
  throw withHelp(
    'the-primary-has-not-called-setupprimary',
    new Error(
      'sockjs: the primary of this worker has not called setupPrimary(); call setupPrimary() of express-sockjs/cluster in ' +
        'the primary before cluster.fork(), or use redisCluster() of express-sockjs/redis under a primary of another program',
    ),
  );
}
