/**
 * The registry in Redis: the contract of registries with each client of one server, and what it does beyond. The contract
 * behind Sentinel and in Redis Cluster is in `spec/integration/redis-deployments.spec.ts`.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { RedisClient } from '../../../../lib/cluster/redis/client.ts';
import { RedisRegistry, type RedisRegistryOptions } from '../../../../lib/cluster/redis/redis-registry.ts';
import type { ContractCluster } from '../../../../lib/cluster-contract.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { declareRegistryContract } from '../../../support/cluster/registry-contract.ts';
import { CLIENTS, type Connect } from '../../../support/redis/clients.ts';
import { describeWithRedis, type RedisServer, useRedis } from '../../../support/redis/redis-server.ts';

let clusters = 0;

/** The cluster of one test: its name is one that no other test has. */
async function openCluster(server: RedisServer, connect: Connect): Promise<ContractCluster> {
  const { client, close } = await connect({ port: server.port });
  afterTest(close);
  clusters += 1;
  const name = `test-${clusters}`;
  return {
    registry: () => new RedisRegistry(client, { name }),
    elapse: (ms) => server.elapse(ms),
    loseAll: () => server.restart(),
  };
}

describe('new RedisRegistry()', () => {
  const client = { isOpen: true, sendCommand: async () => null };
  const make = (options: object) => new RedisRegistry(client, options as RedisRegistryOptions);

  it('takes names of letters, digits, "_", "." and "-", and a time in ms', () => {
    assert.doesNotThrow(() => make({ name: 'Chat_2.eu-west' }));
    assert.doesNotThrow(() => make({ name: 'chat', prefix: 'my.app', timeout: 0 }));
  });

  it('throws for a name or a prefix that is missing or makes no sense', () => {
    const allowed = /; it must be a string of letters, digits, "_", "." and "-", which no other endpoint/;
    assert.throws(() => make({}), { name: 'TypeError', message: /option "name" is undefined;/ });
    assert.throws(() => make({ name: 7 }), { name: 'TypeError', message: allowed });
    for (const name of ['', 'a b', 'a:b', '{chat}', 'chat\n', '\u00e9']) {
      assert.throws(() => make({ name }), { name: 'RangeError', message: allowed });
      assert.throws(() => make({ name: 'chat', prefix: name }), { name: 'RangeError', message: /option "prefix"/ });
    }
  });

  it('throws for a time that no timer can keep, and for what is no client', () => {
    assert.throws(() => make({ name: 'chat', timeout: -1 }), { name: 'RangeError', message: /option "timeout"/ });
    assert.throws(() => new RedisRegistry({} as RedisClient, { name: 'chat' }), TypeError);
  });

  it('asserts in batches of 200, four at a time, and leaves out sessions that go meanwhile', async () => {
    const sent: { readonly keys: string[]; readonly answer: (taken: number[]) => void }[] = [];
    const registry = new RedisRegistry(
      {
        isOpen: true,
        sendCommand: ([, , count, ...rest]: string[]) =>
          new Promise((answer) => sent.push({ keys: rest.slice(0, Number(count)), answer })),
      },
      { name: 'chat' },
    );
    const sessions = new Map(Array.from({ length: 1001 }, (_, i) => [`${i}`, { nodeId: 'a', reservation: i }]));
    const taken = registry.reassert(sessions, 1);
    assert.deepEqual(
      sent.map(({ keys }) => keys.length),
      [200, 200, 200, 200],
    );
    sessions.delete('0');
    sessions.delete('800');
    sent[3]?.answer([1]);
    await turn();
    assert.equal(sent.length, 5);
    assert.equal(sent[4]?.keys[0], '{sockjs:chat}:s:801');
    for (const { answer } of sent) {
      answer([2]);
    }
    await turn();
    assert.equal(sent.length, 5);
    assert.deepEqual(await taken, ['600', '1', '201', '401', '802']);
  });

  it('stops to assert at the first failure', async () => {
    let batches = 0;
    const registry = new RedisRegistry(
      {
        isOpen: true,
        sendCommand: async () => {
          batches += 1;
          if (batches === 1) {
            throw new Error('LOADING');
          }
          return [];
        },
      },
      { name: 'chat' },
    );
    const sessions = new Map(Array.from({ length: 10_000 }, (_, i) => [`${i}`, { nodeId: 'a', reservation: i }]));
    await assert.rejects(registry.reassert(sessions, 1), /LOADING/);
    await turn();
    assert.equal(batches, 4);
  });

  it('asserts one by one what Redis Cluster has at two servers, and stops at the first failure', async () => {
    const sent: string[][] = [];
    const answers = [
      new Error('TRYAGAIN Multiple keys request during rehashing of slot'),
      [],
      [1],
      new Error('Too many Cluster redirections. Last error: ReplyError: MOVED 866 127.0.0.1:7001'),
      [],
      [],
      new Error('TRYAGAIN, which no command of one key is told'),
    ];
    const registry = new RedisRegistry(
      {
        isOpen: true,
        sendCommand: async ([, , count, ...rest]: string[]) => {
          sent.push(rest.slice(0, Number(count)).map((key) => key.replace(/^.*:/, '')));
          const answer = answers[sent.length - 1];
          if (answer instanceof Error) {
            throw answer;
          }
          return answer;
        },
      },
      { name: 'chat' },
    );
    const marks = (...ids: string[]) => new Map(ids.map((id, i) => [id, { nodeId: 'a', reservation: i }]));
    assert.deepEqual(await registry.reassert(marks('one', 'two'), 1), ['two']);
    assert.deepEqual(sent, [['one', 'two'], ['one'], ['two']]);
    assert.deepEqual(await registry.reassert(marks('one', 'two'), 1), []);
    await assert.rejects(registry.reassert(marks('three'), 1), /TRYAGAIN/);
    assert.equal(sent.length, 7);
  });

  it('ends a session of its own by a command with one key, which Redis Cluster runs where that key is', async () => {
    const counts: (string | undefined)[] = [];
    const registry = new RedisRegistry(
      {
        isOpen: true,
        sendCommand: async ([, , count]: string[]) => {
          counts.push(count);
          return count === '1' ? [null] : null;
        },
      },
      { name: 'chat' },
    );
    const owner = { nodeId: 'a', reservation: 1 };
    const tombstone = { code: 1000, reason: '', identityHash: '' };
    await registry.end('id', owner, tombstone, 1);
    await registry.end('id', owner, tombstone, 1, 'dead');
    assert.deepEqual(counts, ['1', '2']);
  });

  it('rejects an answer that no script gives', async () => {
    const answering = (answer: unknown) =>
      new RedisRegistry({ isOpen: true, sendCommand: async () => answer }, { name: 'chat' });
    const owner = { nodeId: 'a', reservation: 1 };
    await assert.rejects(answering(7).find('id'), /answered 7; give it one without type mappings/);
    await assert.rejects(answering([7]).find('id'), /answered 7; give it one without type mappings/);
    for (const answer of [null, [], [null, null]]) {
      // Not an id that is free.
      await assert.rejects(answering(answer).claim('id', owner, 1), /answered (null|an array); give it one/);
    }
    await assert.rejects(answering({}).reassert(new Map([['id', owner]]), 1), /answered an object;/);
  });
});

describeWithRedis('RedisRegistry', () => {
  const server = useRedis();
  for (const [name, connect] of Object.entries(CLIENTS)) {
    describe(`by ${name}`, () => {
      declareRegistryContract(() => openCluster(server, connect));

      it('gives each step of a turn what it asks for, and no other', async () => {
        const cluster = await openCluster(server, connect);
        const registry = cluster.registry();
        const mark = (reservation: number) => ({ nodeId: 'a', reservation });
        const tombstone = (code: number) => ({ code, reason: `reason ${code}`, identityHash: `hash ${code}` });
        const ended = (code: number) => ({ kind: 'ended', tombstone: tombstone(code) });
        for (const number of [1, 2, 3]) {
          await registry.claim(`own ${number}`, mark(number), 60_000);
        }
        const answers = await Promise.all([
          registry.find('own 1'),
          registry.claim('short', mark(4), 1_000),
          registry.end('own 1', mark(1), tombstone(1001), 1_000),
          registry.end('own 2', mark(2), tombstone(3000), 60_000),
          registry.release('own 3', mark(3)),
          registry.claim('long', mark(5), 60_000),
          registry.find('none'),
        ]);
        const owned = (reservation: number) => ({ kind: 'owned', owner: mark(reservation) });
        assert.deepEqual(answers, [owned(1), undefined, ended(1001), ended(3000), undefined, undefined, undefined]);
        await cluster.elapse(2_000);
        const ids = ['own 1', 'own 2', 'own 3', 'short', 'long'];
        assert.deepEqual(await Promise.all(ids.map((id) => registry.find(id))), [
          undefined,
          ended(3000),
          undefined,
          undefined,
          owned(5),
        ]);
      });
    });
  }
});
