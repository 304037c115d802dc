/** The option `cluster`: its checks, each of which names option, value and remedy, and its defaults. */
import assert from 'node:assert/strict';
import type { ClusterAdapter } from '../../../lib/options/cluster-adapter.ts';
import { assertName, clusterAdapter, resolveCluster } from '../../../lib/options/cluster-settings.ts';
import { MemoryRegistry, memoryStore } from '../../support/cluster/memory-registry.ts';

const registry = new MemoryRegistry(memoryStore());
const TLS = { key: 'key', cert: 'cert', ca: 'ca' };

/** What the check says of an adapter, complete but for what the test gives. */
function messageOf(given: object): string {
  try {
    clusterAdapter('cluster', { name: 'chat', registry, ...given });
    return '';
  } catch (error) {
    assert.ok(error instanceof Error);
    return `${error.name}: ${error.message}`;
  }
}

describe('The option cluster', () => {
  for (const value of [null, 'chat', [], 5]) {
    it(`must not be ${JSON.stringify(value)}`, () => {
      assert.throws(
        () => clusterAdapter('cluster', value),
        /^TypeError: sockjs: option "cluster" is .*; it must be what redisCluster\(\) returns, or another ClusterAdapter$/,
      );
    });
  }

  const wrong: [title: string, given: object, message: string | RegExp][] = [
    [
      'a key that there is not',
      { prefix: 'x' },
      'TypeError: sockjs: option "cluster" has "prefix"; it may have name, registry, listen, advertise, tls, ' +
        'nodeTimeout, maxQueuedBytes, onGap, secret',
    ],
    ['no name', { name: undefined }, /^TypeError: sockjs: option "cluster.name" is undefined; it must be a string of/],
    [
      'an empty name',
      { name: '' },
      /^RangeError: sockjs: option "cluster.name" is ""; it must be .* no other endpoint/,
    ],
    ['a name with a brace', { name: 'a}b' }, /^RangeError: sockjs: option "cluster.name" is "a}b"; /],
    ['a name with a line feed', { name: 'a\n' }, /^RangeError: sockjs: option "cluster.name" is /],
    [
      'no registry',
      { registry: undefined },
      /^TypeError: sockjs: option "cluster.registry" is undefined; it must be .*/,
    ],
    [
      'a registry without a method',
      { registry: { renew() {}, remove() {}, node() {}, claim() {}, find() {}, release() {}, end: 5 } },
      'TypeError: sockjs: option "cluster.registry" has no method end()',
    ],
    [
      'a nodeTimeout of the wrong type',
      { nodeTimeout: '5' },
      /^TypeError: sockjs: option "cluster.nodeTimeout" is "5";/,
    ],
    [
      'a nodeTimeout that is too short',
      { nodeTimeout: 999 },
      'RangeError: sockjs: option "cluster.nodeTimeout" is 999; it must be from 1000 to 3600000 ms',
    ],
    [
      'a nodeTimeout without end',
      { nodeTimeout: Number.POSITIVE_INFINITY },
      'RangeError: sockjs: option "cluster.nodeTimeout" is Infinity; it must be from 1000 to 3600000 ms',
    ],
    [
      'a nodeTimeout that is no number',
      { nodeTimeout: Number.NaN },
      /^RangeError: .*"cluster.nodeTimeout" is NaN; it must/,
    ],
    [
      'a maxQueuedBytes that is too small',
      { maxQueuedBytes: 65_535 },
      'RangeError: sockjs: option "cluster.maxQueuedBytes" is 65535; it must be from 65536 to Infinity bytes',
    ],
    [
      'a maxQueuedBytes of the wrong type',
      { maxQueuedBytes: '1' },
      /^TypeError: .*"cluster.maxQueuedBytes" is "1"; it must/,
    ],
    ['a secret', { secret: 5 }, 'TypeError: sockjs: option "cluster.secret" is 5; it must be a string'],
    [
      'a listen',
      { listen: 8000 },
      /^TypeError: .*"cluster.listen" is 8000; it must be \{ host, port \} or \{ path \}$/,
    ],
    [
      'a listen with a key that there is not',
      { listen: { hostname: 'x' } },
      'TypeError: sockjs: option "cluster.listen" has "hostname"; it may have host, port, path',
    ],
    [
      'a path and a port',
      { listen: { path: '/x', port: 1 } },
      'TypeError: sockjs: option "cluster.listen" has "port"; it may have path',
    ],
    [
      'a path of the wrong type',
      { listen: { path: 5 } },
      'TypeError: sockjs: option "cluster.listen.path" is 5; it must be a string',
    ],
    [
      'an empty path',
      { listen: { path: '' } },
      'RangeError: sockjs: option "cluster.listen.path" has 0 bytes; it must have 1 to 103',
    ],
    [
      'a path that is too long, in bytes',
      { listen: { path: 'ä'.repeat(52) } },
      'RangeError: sockjs: option "cluster.listen.path" has 104 bytes; it must have 1 to 103',
    ],
    [
      'an empty host',
      { listen: { host: '' } },
      /^TypeError: .*"cluster.listen.host" is ""; it must be a host name or an/,
    ],
    [
      'a host of the wrong type',
      { listen: { host: 5 } },
      /^TypeError: .*"cluster.listen.host" is 5; it must be a host name/,
    ],
    [
      'a port',
      { listen: { port: 65_536 } },
      /^RangeError: .*"cluster.listen.port" is 65536; it must be a port from 0 to 65535$/,
    ],
    ['half a port', { listen: { port: 0.5 } }, /^RangeError: .*"cluster.listen.port" is 0.5; /],
    [
      'a host that no other process can reach',
      { listen: { host: '0.0.0.0' } },
      'RangeError: sockjs: option "cluster.listen.host" is "0.0.0.0", which no other process can reach; ' +
        'give an address of this machine, or the option "advertise" as well',
    ],
    ['such a host of IPv6', { listen: { host: '::' } }, /^RangeError: .*"cluster.listen.host" is "::", which no other/],
    [
      'such a host beside a path that is undefined',
      { listen: { host: '::', path: undefined } },
      /^RangeError: .*"cluster.listen.host" is "::", which no other/,
    ],
    [
      'an advertise of the wrong type',
      { advertise: 5 },
      'TypeError: sockjs: option "cluster.advertise" is 5; it must be a string',
    ],
    ...['http://x', 'a b', '::1', '', 'x:', 'x:0', 'x:65536', 'x:99999'].map((advertise): [string, object, RegExp] => [
      `"${advertise}" as advertise`,
      { advertise },
      /^RangeError: sockjs: option "cluster.advertise" is ".*"; it must be "host" or "host:port"$/,
    ]),
    [
      'advertise beside a path',
      { listen: { path: '/x' }, advertise: 'x' },
      'TypeError: sockjs: option "cluster.listen" has a path; leave out "advertise"',
    ],
    [
      'tls beside a path',
      { listen: { path: '/x' }, tls: TLS },
      'TypeError: sockjs: option "cluster.listen" has a path; leave out "tls"',
    ],
    [
      'a tls of the wrong type',
      { tls: true },
      'TypeError: sockjs: option "cluster.tls" is true; it must be an object of key, cert and ca',
    ],
    [
      'tls without an authority',
      { tls: { key: 'x', cert: 'x' } },
      'TypeError: sockjs: option "cluster.tls" has no ca; both ends of a link must show a certificate',
    ],
    [
      'tls without a key',
      { tls: { ca: 'x', cert: 'x' } },
      /^TypeError: .*"cluster.tls" has no key; both ends of a link/,
    ],
    ['tls without a certificate', { tls: { ca: 'x', key: 'x' } }, /^TypeError: .*"cluster.tls" has no cert; both ends/],
    [
      'tls that trusts everything',
      { tls: { ...TLS, rejectUnauthorized: false } },
      'TypeError: sockjs: option "cluster.tls" has "rejectUnauthorized"; it may have key, cert, ca, passphrase, servername',
    ],
    [
      'a servername of the wrong type',
      { tls: { ...TLS, servername: 5 } },
      'TypeError: sockjs: option "cluster.tls.servername" is 5; it must be a string',
    ],
  ];

  for (const [title, given, message] of wrong) {
    it(`refuses ${title}`, () => {
      if (typeof message === 'string') {
        assert.equal(messageOf(given), message);
      } else {
        assert.match(messageOf(given), message);
      }
    });
  }

  for (const given of [
    {},
    { name: 'Chat_1.x-y' },
    { listen: { host: '10.0.0.1' } },
    { listen: { host: '0.0.0.0', port: 0 }, advertise: 'node-1' },
    { listen: { path: 'x'.repeat(103) } },
    { listen: { path: undefined, port: 65_535 }, advertise: 'x:65535' },
    { listen: { host: undefined, port: undefined }, tls: undefined, advertise: undefined },
    { listen: { host: '::' }, advertise: '[fe80::1]:80' },
    { listen: undefined, tls: { ...TLS, servername: 'x', passphrase: 'y' }, advertise: '[fe80::1]' },
    { nodeTimeout: 1000, maxQueuedBytes: 65_536, secret: '' },
    { nodeTimeout: 3_600_000, maxQueuedBytes: Number.POSITIVE_INFINITY },
  ]) {
    it(`takes ${JSON.stringify(given)}`, () => {
      assert.equal(messageOf(given), '');
    });
  }
});

describe('assertName()', () => {
  it('names the option that it was told of', () => {
    assert.throws(
      () => assertName('prefix', 'a:b'),
      /^RangeError: sockjs: option "prefix" is "a:b"; it must be a string/,
    );
    assertName('prefix', 'sockjs');
  });
});

describe('resolveCluster()', () => {
  it('fills the gaps', () => {
    assert.deepEqual(resolveCluster({ name: 'chat', registry }), {
      name: 'chat',
      registry,
      listen: { host: undefined, port: undefined },
      advertise: undefined,
      tls: undefined,
      nodeTimeout: 10_000,
      maxQueuedBytes: 16_777_216,
      onGap: 'close',
      secret: '',
    });
  });

  it('keeps what is given', () => {
    const given: Required<ClusterAdapter> = {
      name: 'chat',
      registry,
      listen: { host: '10.0.0.1', port: 5 },
      advertise: 'x',
      tls: TLS,
      nodeTimeout: 5000,
      maxQueuedBytes: 70_000,
      onGap: 'ignore',
      secret: 's',
    };
    assert.deepEqual(resolveCluster(given), given);
  });

  it('takes a path that is undefined for none', () => {
    const listen = { path: undefined, port: 5 };
    assert.deepEqual(resolveCluster({ name: 'chat', registry, listen } as unknown as ClusterAdapter).listen, {
      host: undefined,
      port: 5,
    });
  });
});
