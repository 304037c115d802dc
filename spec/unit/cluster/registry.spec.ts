/** The contract of registries, over the one in memory; and the faults that models put before it. */
import assert from 'node:assert/strict';
import type { NodeRecord } from '../../../lib/options/cluster-adapter.ts';
import { stopClock } from '../../support/clock.ts';
import { type Fault, FaultyRegistry, remember } from '../../support/cluster/faulty-registry.ts';
import { MemoryRegistry, memoryStore } from '../../support/cluster/memory-registry.ts';
import { declareRegistryContract } from '../../support/cluster/registry-contract.ts';

const NODE: NodeRecord = { id: 'a', address: 'a:1', token: 'token', machine: 'machine', versions: [1, 1] };
const OWNER = { nodeId: 'a', reservation: 1 };
const OWNED = { kind: 'owned', owner: OWNER } as const;
const LIFE = 1000;

describe('MemoryRegistry', () => {
  declareRegistryContract(() => {
    const clock = stopClock();
    const store = memoryStore();
    const forget = remember(store);
    return {
      registry: () => new MemoryRegistry(store),
      elapse: async (ms) => {
        clock.tick(ms);
      },
      loseAll: async () => forget(),
    };
  });

  it('counts the very end of a lease and of a life as over', async () => {
    const clock = stopClock();
    const registry = new MemoryRegistry(memoryStore());
    await registry.renew(NODE, LIFE);
    await registry.claim('id', OWNER, LIFE);
    clock.tick(LIFE - 1);
    assert.deepEqual(await registry.node(NODE.id), NODE);
    assert.deepEqual(await registry.find('id'), OWNED);
    clock.tick(1);
    assert.equal(await registry.node(NODE.id), undefined);
    assert.equal(await registry.find('id'), undefined);
  });
});

describe('FaultyRegistry without faults', () => {
  declareRegistryContract(() => {
    const clock = stopClock();
    const store = memoryStore();
    const forget = remember(store);
    return {
      registry: () => new FaultyRegistry(() => new MemoryRegistry(store)),
      elapse: async (ms) => {
        clock.tick(ms);
      },
      loseAll: async () => forget(),
    };
  });
});

describe('FaultyRegistry', () => {
  function faulty(...faults: Fault[]): { readonly registry: FaultyRegistry; readonly sound: MemoryRegistry } {
    const store = memoryStore();
    const registry = new FaultyRegistry(() => new MemoryRegistry(store));
    registry.nextFault = () => faults.shift() ?? 'none';
    return { registry, sound: new MemoryRegistry(store) };
  }

  it('does nothing while it is away', async () => {
    const { registry, sound } = faulty('away');
    await assert.rejects(registry.claim('id', OWNER, LIFE), /away/);
    assert.equal(await sound.find('id'), undefined);
    assert.equal(await registry.claim('id', OWNER, LIFE), undefined);
  });

  it('does the work where the answer is lost', async () => {
    const { registry, sound } = faulty('answer lost');
    await assert.rejects(registry.claim('id', OWNER, LIFE), /answer lost/);
    assert.deepEqual(await sound.find('id'), OWNED);
  });

  it('does not let the caller know of a lease whose answer was lost', async () => {
    const { registry } = faulty('answer lost');
    await assert.rejects(registry.renew(NODE, LIFE), /answer lost/);
    assert.equal((await registry.renew(NODE, LIFE)).hadLease, false);
  });

  it('does late calls when the test says so, in any order', async () => {
    const { registry, sound } = faulty('late', 'late');
    await assert.rejects(registry.claim('id', OWNER, LIFE), /late/);
    await assert.rejects(registry.release('id', OWNER), /late/);
    assert.equal(registry.late, 2);
    await registry.runLate(1);
    assert.equal(await sound.find('id'), undefined);
    await registry.runLate();
    assert.deepEqual(await sound.find('id'), OWNED);
    assert.equal(registry.late, 0);
  });

  it('forgets what was written since it was to remember, and names another epoch', async () => {
    const store = memoryStore();
    const registry = new MemoryRegistry(store);
    const { epoch } = await registry.renew(NODE, LIFE);
    await registry.claim('before', OWNER, LIFE);
    const forget = remember(store);
    await registry.claim('after', OWNER, LIFE);
    await registry.release('before', OWNER);
    forget();
    assert.deepEqual([await registry.find('before'), await registry.find('after')], [OWNED, undefined]);
    assert.notEqual((await registry.renew(NODE, LIFE)).epoch, epoch);
  });
});
