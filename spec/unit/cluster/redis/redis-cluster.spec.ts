/** What `redisCluster()` takes, what it makes of it, and what it refuses. Its registry has specs of its own. */
import assert from 'node:assert/strict';
import type { Clock } from '@sinonjs/fake-timers';
import { redisCluster } from '../../../../lib/cluster/redis/redis-cluster.ts';
import { type SockjsRouter, sockjs } from '../../../../lib/index.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { stopClock } from '../../../support/clock.ts';
import { until } from '../../../support/link-nodes.ts';

/** A client that answers nothing, and writes down what it was asked. */
function silentClient() {
  const asked: string[][] = [];
  const sendCommand = (args: string[]) => {
    asked.push(args);
    return new Promise<unknown>(() => {});
  };
  return { isOpen: true, asked, sendCommand };
}

type Options = Parameters<typeof redisCluster>[1];

/** Options as JavaScript may give them. */
function make(options: unknown) {
  return redisCluster(silentClient(), options as Options);
}

describe('redisCluster()', () => {
  for (const options of [undefined, null, 'chat']) {
    it(`refuses ${JSON.stringify(options)} as options`, () => {
      assert.throws(
        () => make(options),
        /^TypeError: sockjs: the options of redisCluster\(\) are .*; they must be an object$/,
      );
    });
  }

  for (const [title, options, message] of [
    ['no name', {}, /^TypeError: sockjs: option "name" is undefined; it must be a string of letters/],
    ['a name with a brace', { name: '{x}' }, /^RangeError: sockjs: option "name" is "\{x\}"; it must be a string of/],
    [
      'a prefix with a colon',
      { name: 'x', prefix: 'a:b' },
      /^RangeError: sockjs: option "prefix" is "a:b"; it must be/,
    ],
    [
      'a nodeTimeout',
      { name: 'x', nodeTimeout: 5 },
      /^RangeError: .*"redisCluster.nodeTimeout" is 5; it must be from 1000/,
    ],
    [
      'an advertise',
      { name: 'x', advertise: 'a b' },
      /^RangeError: .*"redisCluster.advertise" is "a b"; it must be "host"/,
    ],
    ['a listen', { name: 'x', listen: 5 }, /^TypeError: .*"redisCluster.listen" is 5; it must be/],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.throws(() => make(options), message);
    });
  }

  it('refuses a client that is not connected, and what is none', () => {
    assert.throws(
      () => redisCluster({ ...silentClient(), isOpen: false }, { name: 'x' }),
      /call await client\.connect\(\)/,
    );
    assert.throws(
      () => redisCluster(undefined as never, { name: 'x' }),
      /^TypeError: .* the client of redisCluster\(\)/,
    );
  });

  it('makes an adapter of all that it was given but the prefix, and asks Redis for nothing', () => {
    const client = silentClient();
    const { registry, ...rest } = redisCluster(client, { name: 'x', prefix: 'y', nodeTimeout: 2000, secret: 's' });
    assert.equal(typeof registry.renew, 'function');
    assert.deepEqual(rest, { name: 'x', nodeTimeout: 2000, secret: 's' });
    assert.deepEqual(client.asked, []);
  });

  it('keeps its keys under prefix and name', async () => {
    const client = silentClient();
    for (const options of [{ name: 'x' }, { name: 'x', prefix: 'y' }]) {
      redisCluster(client, options)
        .registry.find('session')
        .catch(() => {});
    }
    await new Promise(setImmediate);
    assert.match(String(client.asked[0]), /\{sockjs:x\}/);
    assert.match(String(client.asked[1]), /\{y:x\}/);
  });

  describe('with a clock', () => {
    let clock: Clock;
    beforeEach(() => {
      clock = stopClock();
    });

    for (const [nodeTimeout, wait] of [
      [undefined, 5000],
      [2000, 1000],
    ] as const) {
      it(`waits ${wait} ms for Redis where nodeTimeout is ${nodeTimeout}`, async () => {
        const { registry } = redisCluster(silentClient(), { name: 'x', nodeTimeout });
        let error: unknown;
        registry.find('session').catch((thrown: unknown) => {
          error = thrown;
        });
        // What is asked in one turn leaves at its end.
        await new Promise(setImmediate);
        clock.tick(wait - 1);
        await new Promise(setImmediate);
        assert.equal(error, undefined);
        clock.tick(1);
        await until(() => error !== undefined);
        assert.equal(clock.countTimers(), 0);
      });
    }

    it('makes an adapter for one router', () => {
      const cluster = redisCluster(silentClient(), { name: 'only-one' });
      const router: SockjsRouter = sockjs({ cluster }, () => {});
      afterTest(async () => {
        let isOver = false;
        const closed = router.close({ timeout: 0 }).then(() => {
          isOver = true;
        });
        await until(() => {
          clock.tick(100);
          return isOver;
        });
        await closed;
      });
      assert.throws(() => sockjs({ cluster: { ...cluster } }, () => {}), /is that of another router/);
    });
  });
});
