/** Addresses of link listeners. */
import assert from 'node:assert/strict';
import { formatAddress, parseAddress } from '../../../lib/cluster/address.ts';

describe('parseAddress()', () => {
  for (const [address, expected] of [
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['node-1.internal:65535', { host: 'node-1.internal', port: 65_535 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['/tmp/a/s', { path: '/tmp/a/s' }],
    ['/tmp/a:80', { path: '/tmp/a:80' }],
    ['/tmp/a b%20#?', { path: '/tmp/a b%20#?' }],
    ['s', { path: 's' }],
    ['host:0', undefined],
    ['host:65536', undefined],
  ] as const) {
    it(`takes ${address} for ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(parseAddress(address), expected);
    });
  }
});

describe('formatAddress()', () => {
  it('is what parseAddress() takes', () => {
    assert.equal(formatAddress({ address: '127.0.0.1', family: 'IPv4', port: 80 }), '127.0.0.1:80');
    assert.equal(formatAddress({ address: '::1', family: 'IPv6', port: 80 }), '[::1]:80');
    assert.equal(formatAddress('/tmp/a/s'), '/tmp/a/s');
  });

  it('is empty where a server does not listen', () => {
    assert.equal(formatAddress(null), '');
  });
});
