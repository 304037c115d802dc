/** The registry in Redis beside the one in memory: both get the same calls of several processes, and answer the same. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RedisRegistry } from '../../lib/cluster/redis/redis-registry.ts';
import type { ClusterRegistry, NodeRecord, OwnerMark, Tombstone } from '../../lib/options/cluster-adapter.ts';
import { MemoryRegistry, memoryStore } from '../support/cluster/memory-registry.ts';
import { property, sequence } from '../support/property.ts';
import { CLIENTS } from '../support/redis/clients.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';

/** Longer than a test takes. What runs out is in the contract. */
const LIFE = 3_600_000;

const NODES = ['a', 'b', 'c'];
const IDS = ['1', '{2}', '3\ud800'];
const RESERVATIONS = [1, 2, 10];

/** Processes that get answers. A call of a further one stands for an answer that is lost. */
const PROCESSES = 2;

type Step =
  | readonly [method: 'renew' | 'remove' | 'node', node: string]
  | readonly [method: 'claim' | 'release', id: string, owner: OwnerMark]
  | readonly [method: 'find', id: string]
  | readonly [method: 'end', id: string, owner: OwnerMark, code: number, deadNode: string | undefined]
  | readonly [method: 'reassert', sessions: readonly (readonly [id: string, owner: OwnerMark])[]];

const NODE = fc.constantFrom(...NODES);
const ID = fc.constantFrom(...IDS);
const OWNER: fc.Arbitrary<OwnerMark> = fc
  .tuple(NODE, fc.constantFrom(...RESERVATIONS))
  .map(([nodeId, reservation]) => ({ nodeId, reservation }));
const CODE = fc.constantFrom(1000, 1012);

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom('renew', 'remove', 'node'), NODE),
  fc.tuple(fc.constantFrom('claim', 'release'), ID, OWNER),
  fc.tuple(fc.constant('find' as const), ID),
  fc.tuple(fc.constant('end' as const), ID, OWNER, CODE, fc.option(NODE, { nil: undefined })),
  fc.tuple(fc.constant('reassert' as const), fc.array(fc.tuple(ID, OWNER), { maxLength: 3 })),
);

const recordOf = (id: string): NodeRecord => ({ id, address: `${id}:1`, token: 't', machine: 'm', versions: [1, 1] });

/** Does one step, and returns the answer in a form that does not depend on the order of lists. */
async function run(registry: ClusterRegistry, step: Step): Promise<unknown> {
  switch (step[0]) {
    case 'renew': {
      const { hadLease, nodes } = await registry.renew(recordOf(step[1]), LIFE);
      return { hadLease, nodes: [...nodes].sort((one, two) => one.id.localeCompare(two.id)) };
    }
    case 'remove':
      return registry.remove(step[1]);
    case 'node':
      return registry.node(step[1]);
    case 'claim':
      return registry.claim(step[1], step[2], LIFE);
    case 'release':
      return registry.release(step[1], step[2]);
    case 'find':
      return registry.find(step[1]);
    case 'end': {
      const [, id, owner, code, deadNode] = step;
      const tombstone: Tombstone = { code, reason: '"', identityHash: '' };
      return registry.end(id, owner, tombstone, LIFE, deadNode);
    }
    case 'reassert':
      return [...(await registry.reassert(new Map(step[1]), LIFE))].sort();
  }
}

describeWithRedis('the registry in Redis beside the one in memory', () => {
  const server = useRedis();
  let clusters = 0;

  for (const name of ['node-redis 6', 'ioredis 6']) {
    property(`answers the same: by ${name}`, 200, sequence(fc.tuple(fc.nat(PROCESSES), STEP), 40), async (steps) => {
      const { client, close } = await (CLIENTS[name]?.({ port: server.port }) ?? assert.fail());
      try {
        const store = memoryStore();
        clusters += 1;
        const options = { name: `test-${clusters}` };
        const makers: readonly (() => ClusterRegistry)[] = [
          () => new MemoryRegistry(store),
          () => new RedisRegistry(client, options),
        ];
        const [inMemory = [], inRedis = []] = makers.map((make) => Array.from({ length: PROCESSES }, make));
        for (const [process, step] of steps) {
          const [expected, actual] = await Promise.all([
            run(inMemory[process] ?? new MemoryRegistry(store), step),
            run(inRedis[process] ?? new RedisRegistry(client, options), step),
          ]);
          assert.deepEqual(actual, expected, JSON.stringify(step));
        }
      } finally {
        await close();
      }
    });
  }
});
