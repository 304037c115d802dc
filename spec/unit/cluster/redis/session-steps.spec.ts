/** Steps of sessions that share a command. What each step does is in the contract of registries. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Commands } from '../../../../lib/cluster/redis/commands.ts';
import { STEPS } from '../../../../lib/cluster/redis/scripts.ts';
import { APART, isSplit, SessionSteps, type Step } from '../../../../lib/cluster/redis/session-steps.ts';
import { stopClock } from '../../../support/clock.ts';

const FIND: Step = ['find', '', '', ''];

describe('SessionSteps', () => {
  /** Commands that answer by `answer`, and the keys and arguments of each. */
  function start(answer: (keys: readonly string[]) => unknown = (keys) => keys.map((key) => `entry of ${key}`)) {
    const sent: { readonly keys: readonly string[]; readonly args: readonly (string | number)[] }[] = [];
    const run: Commands['run'] = async (script, keys, args) => {
      assert.equal(script, STEPS);
      sent.push({ keys, args });
      return answer(keys);
    };
    return { sent, steps: new SessionSteps({ run }) };
  }

  const keysOf = (sent: readonly { readonly keys: readonly string[] }[]) => sent.map(({ keys }) => keys);

  it('run as one command for all of a turn, in their order, and each gets its own entry', async () => {
    const { sent, steps } = start();
    const claim: Step = ['claim', 'a:1', '', 5];
    const answers = [steps.run('one', claim), steps.run('two', FIND), steps.run('one', ['release', 'a:1', '', ''])];
    assert.deepEqual(sent, []);
    assert.deepEqual(await Promise.all(answers), ['entry of one', 'entry of two', 'entry of one']);
    assert.deepEqual(sent, [{ keys: ['one', 'two', 'one'], args: [...claim, ...FIND, 'release', 'a:1', '', ''] }]);
    await steps.run('three', FIND);
    assert.deepEqual(keysOf(sent.slice(1)), [['three']]);
  });

  it('run in commands of at most 200 keys', async () => {
    const { sent, steps } = start();
    const keys = Array.from({ length: 401 }, (_, i) => `${i}`);
    const answers = keys.map((key) => steps.run(key, FIND));
    assert.deepEqual(
      sent.map(({ keys: { length } }) => length),
      [200, 200],
    );
    assert.deepEqual(
      await Promise.all(answers),
      keys.map((key) => `entry of ${key}`),
    );
    assert.equal(sent.length, 3);
    await turn();
    assert.equal(sent.length, 3);
  });

  for (const message of [
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'Too many Cluster redirections. Last error: ReplyError: MOVED 866 127.0.0.1:7001',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'NOREPLICAS Not enough good replicas to write.',
    'MISCONF Redis is configured to save RDB snapshots, but it is unable to',
  ]) {
    it(`run one by one after ${message.slice(0, 8)}, which only some of the keys have caused`, async () => {
      const { sent, steps } = start((keys) => {
        if (keys.includes('bad')) {
          throw new Error(`sockjs: the cluster's Redis: ${message}`);
        }
        return keys.map(() => null);
      });
      const answers = await Promise.allSettled(['one', 'bad', 'two'].map((key) => steps.run(key, FIND)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual(keysOf(sent), [['one', 'bad', 'two'], ['one'], ['bad'], ['two']]);
    });
  }

  it('run one by one for 5 s after a command for many has failed, and together again after that', async () => {
    const clock = stopClock();
    let hasFailed = false;
    const { sent, steps } = start((keys) => {
      if (!hasFailed) {
        hasFailed = true;
        throw new Error('not in time');
      }
      return keys.map(() => null);
    });
    const run = () => Promise.allSettled(['one', 'two'].map((key) => steps.run(key, FIND)));
    await run();
    await run();
    clock.tick(APART - 1);
    await run();
    clock.tick(1);
    await run();
    const apart = [['one'], ['two']];
    assert.deepEqual(keysOf(sent), [['one', 'two'], ...apart, ...apart, ['one', 'two']]);
  });

  it('stay together after one that failed alone', async () => {
    const { sent, steps } = start((keys) => {
      assert.ok(keys.length > 1, 'alone');
      return keys.map(() => null);
    });
    await assert.rejects(steps.run('one', FIND), /alone/);
    await Promise.all(['one', 'two'].map((key) => steps.run(key, FIND)));
    assert.deepEqual(keysOf(sent), [['one'], ['one', 'two']]);
  });

  it('fail together for any other reason, without another command', async () => {
    const { sent, steps } = start(() => {
      throw new Error('LOADING');
    });
    const answers = ['one', 'two'].map((key) => assert.rejects(steps.run(key, FIND), /LOADING/));
    await Promise.all(answers);
    assert.equal(sent.length, 1);
  });

  it('reject an answer without an entry for each, which must not be taken for ids that are free', async () => {
    for (const answer of [null, 'text', [], [null], [null, null, null]]) {
      const { steps } = start(() => answer);
      const answers = ['one', 'two'].map((key) => assert.rejects(steps.run(key, FIND), /answered .*type mappings/));
      await Promise.all(answers);
    }
  });
});

describe('isSplit()', () => {
  it('tells of keys at two servers from other failures', () => {
    assert.equal(isSplit(new Error('TRYAGAIN')), true);
    assert.equal(isSplit(new Error('Too many Cluster redirections')), true);
    assert.equal(isSplit(new Error('WRONGTYPE')), false);
    assert.equal(isSplit('TRYAGAIN'), false);
  });
});
