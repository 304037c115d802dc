/** `nodeCluster()`: an adapter for the option `cluster`, for workers of `node:cluster`. */
import { describe } from '../../options/checks.ts';
import type { ClusterAdapter, ClusterOptions } from '../../options/cluster-adapter.ts';
import { assertClusterOptions, assertName, DEFAULT_NODE_TIMEOUT } from '../../options/cluster-settings.ts';
import { withHelp } from '../../util/help.ts';
import { cluster } from './cluster-module.ts';
import { IpcRegistry } from './ipc-registry.ts';
import { newLinkPath } from './link-paths.ts';
import { PrimaryCalls, type PrimaryEnd } from './primary-calls.ts';
import { linkPrefixOf } from './worker-setup.ts';

/** Options of `nodeCluster()`. Links are Unix sockets, or named pipes on Windows, so they have no address to be given. */
export interface NodeClusterOptions extends Pick<ClusterOptions, 'nodeTimeout' | 'maxQueuedBytes' | 'onGap'> {
  /**
   * The name of the endpoint, the same in all workers, and of no other endpoint of theirs: letters, digits, `_`, `.` and
   * `-`.
   */
  readonly name: string;
}

/** What other adapters take, and this one does not. */
const OPTIONS_OF_NETWORKS = ['listen', 'advertise', 'tls', 'secret'] as const;

/** The primary has so much of `nodeTimeout` to answer. */
const ANSWER_WITHIN = 0.5;

/** The channel of `node:cluster` in this worker. */
const PRIMARY: PrimaryEnd = {
  isConnected: () => process.connected,
  send: (message, callback) => {
    process.send?.(message, undefined, undefined, callback);
  },
  listen: (onMessage, onGone) => {
    process.on('message', onMessage);
    process.once('disconnect', onGone);
  },
};

/** Shared by all routers of this worker. */
let calls: PrimaryCalls | undefined;

/**
 * Shares the sessions of an endpoint among the workers of `node:cluster`, which listen on one port. The primary, which must
 * have called `setupPrimary()`, says which workers there are and which of them has a session; messages travel on links
 * between the workers. Nothing has to be installed.
 *
 * @returns what the option `cluster` of one router takes
 * @throws TypeError or RangeError for an option that is missing or makes no sense
 * @throws Error in a process that is no worker, and where its primary has not called `setupPrimary()`, such as PM2
 *
 * @example
 * const cluster = nodeCluster({ name: 'chat' });
 * app.use('/chat', sockjs({ cluster }, onSession));
 *
 * @experimental It may change in any release.
 */
export function nodeCluster(options: NodeClusterOptions): ClusterAdapter {
  if (typeof options !== 'object' || options === null) {
    throw withHelp(
      'the-options-of-nodecluster',
      new TypeError(`sockjs: the options of nodeCluster() are ${describe(options)}; they must be an object`),
    );
  }
  const { name, nodeTimeout = DEFAULT_NODE_TIMEOUT } = options;
  assertName('nodeCluster.name', name);
  const unused = OPTIONS_OF_NETWORKS.find((option) => option in options);
  if (unused !== undefined) {
    throw withHelp(
      'the-options-of-nodecluster',
      new TypeError(`sockjs: option "nodeCluster.${unused}" is for links over a network; leave it out`),
    );
  }
  const path = newLinkPath(linkPrefixOf({ isWorker: cluster.isWorker, env: process.env }));
  const settings = { ...options, listen: { path } };
  assertClusterOptions('nodeCluster', settings);
  calls ??= new PrimaryCalls(PRIMARY);
  return { ...settings, registry: new IpcRegistry(calls, { name, timeout: nodeTimeout * ANSWER_WITHIN }) };
}
