/** The option `cluster`: its check, its defaults, and where the node is to listen. */

import { withHelp } from '../util/help.ts';
import { type Check, count, describe, milliseconds } from './checks.ts';
import type { ClusterAdapter, ClusterOptions, ClusterRegistry, LinkListen } from './cluster-adapter.ts';

/** A {@link ClusterAdapter} with every gap filled. */
export interface ClusterSettings {
  readonly nodeTimeout: number;
  readonly maxQueuedBytes: number;
  readonly secret: string;
  readonly onGap: 'close' | 'ignore';
  readonly name: string;
  readonly registry: ClusterRegistry;
  readonly listen: LinkListen;
  readonly advertise: ClusterOptions['advertise'];
  readonly tls: ClusterOptions['tls'];
}

export const DEFAULT_NODE_TIMEOUT = 10_000;
const DEFAULT_MAX_QUEUED_BYTES = 16_777_216;

/** The least `nodeTimeout`: pings and renewals come four times as often. */
const MIN_NODE_TIMEOUT = 1000;

/** The least `maxQueuedBytes`: one window of a response. */
const MIN_QUEUED_BYTES = 65_536;

const METHODS = [
  'renew',
  'remove',
  'node',
  'claim',
  'find',
  'release',
  'end',
  'reassert',
] as const satisfies readonly (keyof ClusterRegistry)[];

const SETTINGS = ['name', 'registry', 'listen', 'advertise', 'tls', 'nodeTimeout', 'maxQueuedBytes', 'onGap', 'secret'];

/** The longest path of a Unix socket that all systems take, in bytes. */
const MAX_PATH = 103;

/** `host` or `host:port`, where an IPv6 address stands in brackets. */
const ADVERTISED = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/;

/** Checks what the option `cluster` is given. */
export const clusterAdapter: Check = (option, value) => {
  assertObject(option, value, 'what redisCluster() returns, or another ClusterAdapter');
  assertKnown(option, value, SETTINGS);
  const { name, registry } = value;
  assertName(`${option}.name`, name);
  assertRegistry(`${option}.registry`, registry);
  assertClusterOptions(option, value);
};

/**
 * Checks how the processes of an endpoint reach one another.
 *
 * @param of what these are options of, for the messages
 * @throws TypeError or RangeError for one that makes no sense
 */
export function assertClusterOptions(of: string, options: Readonly<Record<string, unknown>>): void {
  const given = (name: string, check: Check) => {
    if (options[name] !== undefined) {
      check(`${of}.${name}`, options[name]);
    }
  };
  given('nodeTimeout', (name, value) => {
    milliseconds(name, value);
    assertRange(name, value, MIN_NODE_TIMEOUT, 3_600_000, 'ms');
  });
  given('maxQueuedBytes', (name, value) => {
    count(name, value);
    assertRange(name, value, MIN_QUEUED_BYTES, Number.POSITIVE_INFINITY, 'bytes');
  });
  given('onGap', (name, value) => {
    if (value !== 'close' && value !== 'ignore') {
      throw withHelp(
        'an-option-has-another-value-than-it-may-have',
        new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must be "close" or "ignore"`),
      );
    }
  });
  given('secret', assertString);
  given('listen', assertListen);
  given('advertise', (name, value) => {
    assertString(name, value);
    const match = ADVERTISED.exec(String(value));
    // A port that there is not leads nowhere: no process could dial this one.
    if (match === null || (match[2] !== undefined && !isPort(Number(match[2]), 1))) {
      throw withHelp(
        'an-option-has-another-value-than-it-may-have',
        new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must be "host" or "host:port"`),
      );
    }
  });
  given('tls', (name, value) => assertTls(name, value));
  const { listen = {}, tls, advertise } = options as ClusterOptions;
  if (hasPath(listen)) {
    if (tls !== undefined || advertise !== undefined) {
      throw withHelp(
        'a-setting-of-the-adapter',
        new TypeError(`sockjs: option "${of}.listen" has a path; leave out "${tls ? 'tls' : 'advertise'}"`),
      );
    }
  } else if (advertise === undefined && isWildcard(listen.host)) {
    throw withHelp(
      'a-setting-of-the-adapter',
      new RangeError(
        `sockjs: option "${of}.listen.host" is ${describe(listen.host)}, which no other process can reach; ` +
          'give an address of this machine, or the option "advertise" as well',
      ),
    );
  }
}

/**
 * Checks a part of the keys in a registry.
 *
 * @throws TypeError or RangeError for one that could be mistaken for another
 */
export function assertName(option: string, value: unknown): void {
  if (typeof value !== 'string' || !/^[\w.-]+$/.test(value)) {
    const Kind = typeof value === 'string' ? RangeError : TypeError;
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new Kind(
        `sockjs: option "${option}" is ${describe(value)}; it must be a string of letters, digits, "_", "." and "-", ` +
          'which no other endpoint in this registry has',
      ),
    );
  }
}

/** Fills the gaps of an adapter that was checked. */
export function resolveCluster(adapter: ClusterAdapter): ClusterSettings {
  const { name, registry, advertise, tls } = adapter;
  const { nodeTimeout, maxQueuedBytes, onGap, secret, listen = {} } = adapter;
  return {
    name,
    registry,
    advertise,
    tls,
    nodeTimeout: nodeTimeout ?? DEFAULT_NODE_TIMEOUT,
    maxQueuedBytes: maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES,
    secret: secret ?? '',
    onGap: onGap ?? 'close',
    listen: hasPath(listen) ? listen : { host: listen.host, port: listen.port },
  };
}

function assertObject(name: string, value: unknown, allowed: string): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be ${allowed}`),
    );
  }
}

function assertKnown(name: string, value: object, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw withHelp(
      'a-setting-of-the-adapter',
      new TypeError(`sockjs: option "${name}" has "${unknown}"; it may have ${known.join(', ')}`),
    );
  }
}

function assertString(name: string, value: unknown): void {
  if (typeof value !== 'string') {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(`sockjs: option "${name}" is ${describe(value)}; it must be a string`),
    );
  }
}

function assertRange(name: string, value: unknown, from: number, to: number, unit: string): void {
  if (Number(value) < from || Number(value) > to) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(`sockjs: option "${name}" is ${describe(value)}; it must be from ${from} to ${to} ${unit}`),
    );
  }
}

function assertRegistry(name: string, value: unknown): void {
  assertObject(name, value, `an object with the methods ${METHODS.join(', ')}`);
  const missing = METHODS.find((method) => typeof value[method] !== 'function');
  if (missing !== undefined) {
    throw withHelp('a-setting-of-the-adapter', new TypeError(`sockjs: option "${name}" has no method ${missing}()`));
  }
}

function assertListen(name: string, value: unknown): void {
  assertObject(name, value, '{ host, port } or { path }');
  const { host, port, path } = value;
  if (path !== undefined) {
    assertKnown(name, value, ['path']);
    assertString(`${name}.path`, path);
    const { length } = Buffer.from(String(path));
    if (length === 0 || length > MAX_PATH) {
      throw withHelp(
        'a-setting-of-the-adapter',
        new RangeError(`sockjs: option "${name}.path" has ${length} bytes; it must have 1 to ${MAX_PATH}`),
      );
    }
    return;
  }
  assertKnown(name, value, ['host', 'port', 'path']);
  if (host !== undefined && (typeof host !== 'string' || host === '')) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new TypeError(
        `sockjs: option "${name}.host" is ${describe(host)}; it must be a host name or an address of this machine`,
      ),
    );
  }
  if (port !== undefined && !isPort(port, 0)) {
    throw withHelp(
      'an-option-has-another-value-than-it-may-have',
      new RangeError(`sockjs: option "${name}.port" is ${describe(port)}; it must be a port from 0 to 65535`),
    );
  }
}

function assertTls(name: string, value: unknown): void {
  assertObject(name, value, 'an object of key, cert and ca');
  assertKnown(name, value, ['key', 'cert', 'ca', 'passphrase', 'servername']);
  const missing = ['key', 'cert', 'ca'].find((part) => value[part] === undefined);
  if (missing !== undefined) {
    throw withHelp(
      'a-setting-of-the-adapter',
      new TypeError(`sockjs: option "${name}" has no ${missing}; both ends of a link must show a certificate`),
    );
  }
  const { servername } = value;
  if (servername !== undefined) {
    assertString(`${name}.servername`, servername);
  }
}

/** Whether a path is given: in JavaScript, one that is undefined is none. */
function hasPath(listen: LinkListen): listen is Extract<LinkListen, { path: string }> {
  return 'path' in listen && listen.path !== undefined;
}

function isPort(value: unknown, from: number): boolean {
  return Number.isInteger(value) && Number(value) >= from && Number(value) <= 65_535;
}

/** Whether a server that listens there is reached by many addresses, none of which it knows. */
function isWildcard(host: string | undefined): boolean {
  return host !== undefined && /^(0\.0\.0\.0|\[?::\]?)$/.test(host);
}
