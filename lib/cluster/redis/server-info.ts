/** What the answer of Redis to `INFO` tells: whether this Redis may hold a cluster, and whether it is still the same. */
import { withHelp } from '../../util/help.ts';

/** The lowest release that the registry is tested with. */
const LOWEST_VERSION = 7;

/** The fields of the text that `INFO` answers. Empty where the user of Redis may not ask for it. */
export type ServerInfo = ReadonlyMap<string, string>;

/** Takes the text of `INFO` apart. */
export function parseInfo(text: string): ServerInfo {
  return new Map(Array.from(text.matchAll(/^(\w+):(.*?)\r?$/gm), ([, name = '', value = '']) => [name, value]));
}

/** Changes when Redis has started anew, or another one has taken its place. Undefined where that is not known. */
export function epochOf(info: ServerInfo): string | undefined {
  const run = info.get('run_id');
  return run === undefined ? undefined : `${run} ${info.get('master_replid')}`;
}

/**
 * Checks whether a Redis may hold a cluster. What is not known is not checked.
 *
 * @throws Error for one that is a replica, is too old, or may drop keys
 */
export function assertServer(info: ServerInfo): void {
  const version = info.get('redis_version');
  if (version !== undefined && Number.parseInt(version, 10) < LOWEST_VERSION) {
    throw withHelp(
      'the-server-is-not-one-that-can-be-used',
      new Error(`sockjs: the cluster's Redis is ${version}; it must be ${LOWEST_VERSION}.0 or newer, or Valkey`),
    );
  }
  if (info.get('role') === 'slave') {
    throw withHelp(
      'the-server-is-not-one-that-can-be-used',
      new Error("sockjs: the cluster's Redis is a replica; connect the client to the primary"),
    );
  }
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction' && info.get('maxmemory') !== '0') {
    throw withHelp(
      'the-server-is-not-one-that-can-be-used',
      new Error(
        `sockjs: the cluster's Redis may drop keys (maxmemory-policy ${policy}), and with them the owners of sessions; ` +
          'set maxmemory-policy noeviction, or give the cluster a Redis of its own',
      ),
    );
  }
}
