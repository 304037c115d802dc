/** What the answer to `INFO` tells of a Redis. */
import assert from 'node:assert/strict';
import { assertServer, epochOf, parseInfo } from '../../../../lib/cluster/redis/server-info.ts';

const SOUND = {
  redis_version: '7.0.15',
  run_id: '7c1b',
  role: 'master',
  master_replid: '8d2c',
  maxmemory: '0',
  maxmemory_policy: 'noeviction',
};

/** The text of `INFO` with these fields. */
function info(fields: Readonly<Record<string, string>>): string {
  return `# Server\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}\r\n# Keyspace\r\n`;
}

const check = (changes: Readonly<Record<string, string>>) => assertServer(parseInfo(info({ ...SOUND, ...changes })));

describe('parseInfo()', () => {
  it('returns the fields, without the ends of lines', () => {
    assert.deepEqual(Object.fromEntries(parseInfo(info({ ...SOUND, executable: '/a:b' }))), {
      ...SOUND,
      executable: '/a:b',
    });
    assert.equal(parseInfo('').size, 0);
  });
});

describe('epochOf()', () => {
  it('changes with the run and with the history of replication', () => {
    const epochs = [{}, { run_id: '1' }, { master_replid: '1' }].map((changes) =>
      epochOf(parseInfo(info({ ...SOUND, ...changes }))),
    );
    assert.equal(new Set(epochs).size, 3);
    assert.equal(epochOf(parseInfo(info({ ...SOUND, maxmemory: '1' }))), epochs[0]);
  });

  it('is undefined where nothing is known', () => {
    assert.equal(epochOf(parseInfo('')), undefined);
  });
});

describe('assertServer()', () => {
  for (const changes of [
    {},
    { redis_version: '8.2.0' },
    { redis_version: '10.0.0' },
    { redis_version: '7.2.4', valkey_version: '8.0.1' },
    { maxmemory: '1000000' },
    { maxmemory_policy: 'allkeys-lru' },
  ]) {
    it(`takes ${JSON.stringify(changes)}`, () => {
      assert.doesNotThrow(() => check(changes));
    });
  }

  it('takes a Redis of which nothing is known', () => {
    assert.doesNotThrow(() => assertServer(parseInfo('')));
  });

  for (const [changes, message] of [
    [{ redis_version: '6.2.14' }, /is 6.2.14; it must be 7.0 or newer, or Valkey/],
    [{ redis_version: '255.255.255', role: 'slave' }, /is a replica; connect the client to the primary/],
    [{ maxmemory: '1', maxmemory_policy: 'volatile-lru' }, /maxmemory-policy volatile-lru.*set maxmemory-policy noev/],
  ] as const) {
    it(`refuses ${JSON.stringify(changes)}`, () => {
      assert.throws(() => check(changes), message);
    });
  }
});
