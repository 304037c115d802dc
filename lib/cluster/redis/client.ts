/** The Redis clients that a registry takes, by the methods that it calls. No package of Redis is imported. */
import { describe } from '../../options/checks.ts';
import { withHelp } from '../../util/help.ts';

/** A client of node-redis 4 or newer: `createClient()` or `createClientPool()`. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  sendCommand(args: string[]): Promise<unknown>;
}

/** A cluster client of node-redis 4 or newer: `createCluster()`. */
export interface NodeRedisCluster {
  readonly isOpen?: boolean;
  readonly masters: readonly unknown[];
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
}

/** A Sentinel client of node-redis 5 or newer: `createSentinel()`. */
export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  getMasterNode(): unknown;
  sendCommand(isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
}

/** A client of ioredis 5 or newer, or of iovalkey: `Redis` or `Cluster`. */
export interface IoRedisClient {
  readonly status: string;
  call(command: string, args: string[]): Promise<unknown>;
}

/** The client of the application, which it has made and connected, and which it closes. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient;

/**
 * Sends a command to the primary that has `key`, and settles with its raw answer. May throw instead of rejecting. Without a
 * key, a cluster client of node-redis asks any server, and learns from it which one that is.
 */
export type SendCommand = (key: string | undefined, args: string[]) => Promise<unknown>;

const CLIENTS = 'a client of node-redis 4 or newer, ioredis 5 or newer, or iovalkey';

/**
 * Finds out how commands are sent by a client.
 *
 * @throws TypeError for anything but a client that is known
 * @throws Error for a client that was not connected, or was closed
 */
export function sendBy(client: RedisClient): SendCommand {
  // The types do not hold in JavaScript.
  const given: unknown = client;
  if (typeof given !== 'object' || given === null || !('call' in given || 'sendCommand' in given)) {
    throw withHelp(
      'the-client-of-rediscluster',
      new TypeError(`sockjs: the client of redisCluster() is ${describe(given)}; it must be ${CLIENTS}`),
    );
  }
  if ('call' in client) {
    if (client.status === 'end') {
      throw withHelp(
        'the-client-of-rediscluster',
        new Error('sockjs: the client of redisCluster() is closed; make a new one'),
      );
    }
    return (_key, [command = '', ...args]) => client.call(command, args);
  }
  if (!('isOpen' in client)) {
    throw withHelp(
      'the-client-of-rediscluster',
      new TypeError(`sockjs: the client of redisCluster() is of a release that is not known; it must be ${CLIENTS}`),
    );
  }
  if (!client.isOpen) {
    throw withHelp(
      'the-client-of-rediscluster',
      new Error('sockjs: the client of redisCluster() is not connected; call await client.connect() first'),
    );
  }
  if ('masters' in client) {
    return (key, args) => client.sendCommand(key, false, args);
  }
  if ('getMasterNode' in client) {
    return (_key, args) => client.sendCommand(false, args);
  }
  return (_key, args) => client.sendCommand(args);
}
