/** Scripts by a client that does what the test says: deadline, bound, fallback and errors. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Commands, MAX_KEYS_IN_FLIGHT } from '../../../../lib/cluster/redis/commands.ts';
import { RENEW, RIGHTS, type Script, STEPS } from '../../../../lib/cluster/redis/scripts.ts';
import { promiseWithResolvers } from '../../../../lib/util/promises.ts';
import { stopClock } from '../../../support/clock.ts';

const TIMEOUT = 1000;
const SCRIPT: Script = { source: 'return 1', sha: '0123' };

const NOSCRIPT = new Error('NOSCRIPT No matching script. Please use EVAL.');

/** A command that the client has been given. */
interface Sent {
  readonly key: string | undefined;
  readonly args: readonly string[];
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** A client that records commands until the test answers them. */
function fakeClient(): { readonly sent: Sent[]; readonly commands: Commands } {
  const sent: Sent[] = [];
  const commands = new Commands((key, args) => {
    const { promise, resolve, reject } = promiseWithResolvers<unknown>();
    sent.push({ key, args, resolve, reject });
    return promise;
  }, TIMEOUT);
  return { sent, commands };
}

describe('Commands', () => {
  it('sends one EVALSHA, routed by its first key, and settles with the answer', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = commands.run(SCRIPT, ['key', 'other'], ['text', 17]);
    assert.deepEqual(
      sent.map(({ key, args }) => ({ key, args })),
      [{ key: 'key', args: ['EVALSHA', '0123', '2', 'key', 'other', 'text', '17'] }],
    );
    sent[0]?.resolve(['raw']);
    assert.deepEqual(await answer, ['raw']);
    assert.deepEqual([sent.length, commands.keysInFlight, clock.countTimers()], [1, 0, 0]);
  });

  it('sends the source where Redis does not know the script', async () => {
    const { sent, commands } = fakeClient();
    const answer = commands.run(SCRIPT, ['key'], ['text']);
    sent[0]?.reject(NOSCRIPT);
    await turn();
    assert.deepEqual(sent[1]?.args, ['EVAL', 'return 1', '1', 'key', 'text']);
    sent[1]?.resolve('done');
    assert.equal(await answer, 'done');
    assert.equal(commands.keysInFlight, 0);
  });

  it('does not send the source after any other error, nor a second time', async () => {
    const { sent, commands } = fakeClient();
    const one = assert.rejects(commands.run(SCRIPT, ['key'], []), /ERR about NOSCRIPT/);
    sent[0]?.reject(new Error('ERR about NOSCRIPT'));
    await one;
    assert.equal(sent.length, 1);
    const two = assert.rejects(commands.run(SCRIPT, ['key'], []), /NOSCRIPT/);
    sent[1]?.reject(NOSCRIPT);
    await turn();
    sent[2]?.reject(NOSCRIPT);
    await two;
    assert.equal(sent.length, 3);
  });

  it('rejects at the deadline, and counts the command until the client settles it', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = commands.run(SCRIPT, ['key'], []);
    let isSettled = false;
    answer.catch(() => {
      isSettled = true;
    });
    clock.tick(TIMEOUT - 1);
    await turn();
    assert.equal(isSettled, false);
    clock.tick(1);
    await assert.rejects(answer, { message: 'sockjs: Redis has not answered within 1000 ms' });
    assert.equal(commands.keysInFlight, 1);
    sent[0]?.resolve('late');
    await turn();
    assert.deepEqual([commands.keysInFlight, clock.countTimers()], [0, 0]);
  });

  // Mocha's root hook fails the test for an unhandled rejection.
  it('ignores an error after the deadline', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = assert.rejects(commands.run(SCRIPT, ['key'], []), /within 1000 ms/);
    clock.tick(TIMEOUT);
    await answer;
    sent[0]?.reject(new Error('late'));
    await turn();
    assert.equal(commands.keysInFlight, 0);
  });

  it('leaves it to the client whom to ask for a renewal once Redis was silent, until it answers', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const run = (script = RENEW) => commands.run(script, ['key'], []);
    const late = assert.rejects(run(), /within 1000 ms/);
    const other = run();
    clock.tick(TIMEOUT - 1);
    sent[1]?.resolve('in time');
    await other;
    clock.tick(1);
    await late;
    const refused = run();
    sent[2]?.reject(NOSCRIPT);
    await turn();
    sent[3]?.reject(new Error('CLUSTERDOWN'));
    await assert.rejects(refused, /CLUSTERDOWN/);
    // A replica would answer it.
    void run(STEPS);
    const answered = run();
    sent[5]?.resolve('answer');
    await answered;
    void run();
    assert.deepEqual(
      sent.map(({ key }) => key),
      ['key', 'key', undefined, undefined, 'key', undefined, 'key'],
    );
    for (const { resolve } of sent) {
      resolve('');
    }
  });

  it('does not run a script after the deadline that Redis did not know before it', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = assert.rejects(commands.run(SCRIPT, ['key'], []), /within 1000 ms/);
    clock.tick(TIMEOUT);
    await answer;
    sent[0]?.reject(NOSCRIPT);
    await turn();
    assert.deepEqual([sent.length, commands.keysInFlight], [1, 0]);
  });

  it('has one deadline for both commands of a script that Redis does not know', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = assert.rejects(commands.run(SCRIPT, ['key'], []), /within 1000 ms/);
    clock.tick(TIMEOUT - 1);
    sent[0]?.reject(NOSCRIPT);
    await turn();
    clock.tick(1);
    await answer;
  });

  it('takes an answer that Node reads right after the timer, as after a stall of the event loop', async () => {
    const clock = stopClock();
    const { sent, commands } = fakeClient();
    const answer = commands.run(SCRIPT, ['key'], []);
    clock.tick(10 * TIMEOUT);
    sent[0]?.resolve('in time');
    assert.equal(await answer, 'in time');
  });

  it(`sends commands with ${MAX_KEYS_IN_FLIGHT} keys at a time, and rejects all others at once`, async () => {
    const { sent, commands } = fakeClient();
    const keys = Array.from({ length: MAX_KEYS_IN_FLIGHT / 2 }, (_, i) => `${i}`);
    const first = [keys, keys.slice(1), ['key']].map((some) => commands.run(SCRIPT, some, []));
    await assert.rejects(commands.run(SCRIPT, ['key'], []), /too many commands wait for Redis; this one was not sent/);
    assert.deepEqual([sent.length, commands.keysInFlight], [3, MAX_KEYS_IN_FLIGHT]);
    sent[2]?.resolve('');
    await first[2];
    await assert.rejects(commands.run(SCRIPT, ['key', 'other'], []), /this one was not sent/);
    const next = commands.run(SCRIPT, ['key'], []);
    assert.equal(sent.length, 4);
    for (const { resolve } of sent) {
      resolve('');
    }
    await Promise.all([...first, next]);
    assert.equal(commands.keysInFlight, 0);
  });

  it('takes null for an answer, but undefined for none', async () => {
    const { sent, commands } = fakeClient();
    const nothing = commands.run(SCRIPT, ['key'], []);
    sent[0]?.resolve(null);
    assert.equal(await nothing, null);
    const none = commands.run(SCRIPT, ['key'], []);
    sent[1]?.resolve(undefined);
    await assert.rejects(none, /answers nothing; give it client.duplicate\(\{ legacyMode: false \}\)/);
  });

  it('rejects where the client throws', async () => {
    const commands = new Commands(() => {
      throw new Error('thrown');
    }, TIMEOUT);
    await assert.rejects(commands.run(SCRIPT, ['key'], []), /^Error: sockjs: the cluster's Redis: thrown$/);
    assert.equal(commands.keysInFlight, 0);
  });

  for (const [said, remedy] of [
    ["NOPERM this user has no permissions to run the 'evalsha' command", RIGHTS],
    ["ERR The user executing the script can't run this command or subcommand script", RIGHTS],
    ["ERR The user executing the script can't access at least one of the keys", RIGHTS],
    ["READONLY You can't write against a read only replica.", 'connect the client to the primary'],
    [
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      'connect the client to the primary',
    ],
    ['MOVED 866 127.0.0.1:7001', 'createCluster() of node-redis, or new Cluster() of ioredis'],
    [
      "ERR unknown command 'EVALSHA', with args beginning with: 'e0e1f9fa' '1'",
      'createSentinel() of node-redis, or new Redis({ sentinels, name }) of ioredis',
    ],
    ['NOAUTH Authentication required.', 'the user name and the password'],
    ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'raise maxmemory'],
    ['Connection in subscriber mode, only subscriber commands may be used', 'client.duplicate()'],
    ['Cannot send commands in PubSub mode', 'client.duplicate()'],
    [
      "ERR Can't execute 'evalsha': only (P|S)SUBSCRIBE / PING / QUIT are allowed in this context",
      'client.duplicate()',
    ],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'keyPrefix'],
    ['The client is closed', 'connect the client before the router'],
    ['Connection is closed.', 'connect the client before the router'],
  ] as const) {
    it(`names the remedy for "${said}"`, async () => {
      const { sent, commands } = fakeClient();
      const cause = new Error(said);
      const answer = commands.run(SCRIPT, ['key'], []);
      sent[0]?.reject(cause);
      await assert.rejects(answer, (error: Error) => {
        assert.ok(error.message.startsWith(`sockjs: the cluster's Redis: ${said}; `), error.message);
        assert.ok(error.message.slice(said.length).includes(remedy), error.message);
        assert.equal(error.cause, cause);
        return true;
      });
    });
  }

  for (const said of ['LOADING Redis is loading the dataset in memory', 'CLUSTERDOWN The cluster is down', 'other']) {
    it(`passes "${said}" on as it is`, async () => {
      const { sent, commands } = fakeClient();
      const answer = commands.run(SCRIPT, ['key'], []);
      sent[0]?.reject(said);
      await assert.rejects(answer, { message: `sockjs: the cluster's Redis: ${said}` });
    });
  }
});
