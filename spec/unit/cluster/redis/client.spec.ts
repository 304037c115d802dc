/** How commands are sent by each kind of client, and what is no client. */
import assert from 'node:assert/strict';
import { type RedisClient, sendBy } from '../../../../lib/cluster/redis/client.ts';

/** Records the arguments of a call. */
function recorder(): { readonly calls: unknown[][]; readonly record: (...args: unknown[]) => Promise<unknown> } {
  const calls: unknown[][] = [];
  return {
    calls,
    record: async (...args) => {
      calls.push(args);
      return 'answer';
    },
  };
}

const ARGS = ['GET', 'key'];

describe('sendBy()', () => {
  for (const [title, members, method, expected] of [
    ['by a client of node-redis', { isOpen: true }, 'sendCommand', [ARGS]],
    [
      'by a cluster client of node-redis, to the primary of the key',
      { isOpen: true, masters: [] },
      'sendCommand',
      ['key', false, ARGS],
    ],
    [
      'by a Sentinel client of node-redis, to the primary',
      { isOpen: true, getMasterNode: () => undefined },
      'sendCommand',
      [false, ARGS],
    ],
    ['by a client of ioredis', { status: 'ready', sendCommand: () => {} }, 'call', ['GET', ['key']]],
    ['by a client of ioredis that has not connected yet', { status: 'wait' }, 'call', ['GET', ['key']]],
    ['by a cluster client of ioredis', { status: 'connecting', isCluster: true }, 'call', ['GET', ['key']]],
  ] as const) {
    it(`sends ${title}`, async () => {
      const { calls, record } = recorder();
      const client = { ...members, [method]: record } as unknown as RedisClient;
      assert.equal(await sendBy(client)('key', [...ARGS]), 'answer');
      assert.deepEqual(calls, [expected]);
    });
  }

  it('has a cluster client of node-redis ask any server where no key is given', async () => {
    const { calls, record } = recorder();
    await sendBy({ isOpen: true, masters: [], sendCommand: record })(undefined, [...ARGS]);
    assert.deepEqual(calls, [[undefined, false, ARGS]]);
  });

  it('keeps `this`', async () => {
    class Client {
      readonly isOpen = true;
      async sendCommand(args: string[]): Promise<unknown> {
        return [this.isOpen, args];
      }
    }
    assert.deepEqual(await sendBy(new Client())('key', [...ARGS]), [true, ARGS]);
  });

  for (const [title, value, message] of [
    ['undefined', undefined, /client of redisCluster\(\) is undefined; it must be a client of node-redis 4 or newer/],
    ['null', null, /is null; it must be/],
    ['a URL', 'redis://localhost', /is "redis:\/\/localhost"; it must be/],
    ['an object of options', { url: 'redis://localhost' }, /is an object; it must be/],
    ['a client of node-redis 3', { connected: true, sendCommand: () => {} }, /of a release that is not known/],
  ] as const) {
    it(`throws for ${title}`, () => {
      assert.throws(() => sendBy(value as unknown as RedisClient), { name: 'TypeError', message });
    });
  }

  it('throws for a client that is not connected, or was closed', () => {
    const sendCommand = async () => undefined;
    assert.throws(() => sendBy({ isOpen: false, sendCommand }), /not connected; call await client.connect\(\) first/);
    assert.throws(() => sendBy({ status: 'end', call: sendCommand }), /is closed; make a new one/);
  });
});
