/** What a store does beyond the contract of registries, which `ipc-registry.spec.ts` runs over it. */
import assert from 'node:assert/strict';
import { MemoryStore } from '../../../../lib/cluster/ipc/memory-store.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { stopClock } from '../../../support/clock.ts';

const A = { id: 'a', address: '/folder/a', token: 'token', machine: 'machine', versions: [1, 1] } as const;
const B = { ...A, id: 'b' } as const;
const LIFE = 1_000;
const LOST = { kind: 'ended', tombstone: { code: 1012, reason: 'Session lost', identityHash: '' } };

const markOf = ({ id }: { readonly id: string }, reservation = 1) => ({ nodeId: id, reservation });

describe('MemoryStore', () => {
  it('makes tombstones of the sessions of a dead node, and of no others', () => {
    const store = new MemoryStore();
    store.renew(A);
    store.renew(B);
    store.claim('lost', markOf(A), LIFE);
    store.claim('kept', markOf(B), LIFE);
    store.claim('ended', markOf(A), LIFE);
    store.end('ended', markOf(A), { code: 3000, reason: 'over', identityHash: 'x' }, LIFE);
    store.bury(A.id);
    assert.equal(store.node(A.id), undefined);
    assert.deepEqual(store.renew(B).nodes, [B]);
    assert.deepEqual(store.find('lost'), LOST);
    assert.deepEqual(store.claim('lost', markOf(B), LIFE), LOST);
    assert.deepEqual(store.find('kept'), { kind: 'owned', owner: markOf(B) });
    assert.equal(store.find('ended')?.kind, 'ended');
    assert.notDeepEqual(store.find('ended'), LOST);
  });

  it('remembers a lost session for a minute', () => {
    const clock = stopClock();
    const store = new MemoryStore();
    store.claim('id', markOf(A), LIFE);
    store.bury(A.id);
    clock.tick(59_999);
    assert.deepEqual(store.find('id'), LOST);
    clock.tick(1);
    assert.equal(store.find('id'), undefined);
  });

  it('does not bring back an entry whose time was over when its node died', () => {
    const clock = stopClock();
    const store = new MemoryStore();
    store.claim('id', markOf(A), LIFE);
    clock.tick(LIFE);
    store.bury(A.id);
    assert.equal(store.find('id'), undefined);
  });

  it('forgets entries that no client asks for, once there are many', () => {
    const clock = stopClock();
    const store = new MemoryStore();
    let most = 0;
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 1_000; i += 1) {
        store.claim(`${round}-${i}`, markOf(A), LIFE);
        most = Math.max(most, store.size);
      }
      clock.tick(LIFE);
    }
    assert.ok(most <= 2_048, `${most} entries`);
    store.claim('kept', markOf(A), 10 * LIFE);
    for (let i = 0; i < 5_000; i += 1) {
      store.claim(`live-${i}`, markOf(A), LIFE);
    }
    assert.ok(store.size >= 5_001);
    assert.equal(store.find('kept')?.kind, 'owned');
    assert.equal(store.find('live-0')?.kind, 'owned');
  });

  it('does not look at all entries again before there are twice as many', () => {
    const { [Symbol.iterator]: iterate } = Map.prototype;
    let looks = 0;
    Map.prototype[Symbol.iterator] = function () {
      looks += 1;
      return iterate.call(this);
    };
    afterTest(() => {
      Map.prototype[Symbol.iterator] = iterate;
    });
    const store = new MemoryStore();
    for (let i = 0; i < 16_384; i += 1) {
      store.claim(`live-${i}`, markOf(A), LIFE);
    }
    assert.equal(store.size, 16_384);
    // At 1024, 2048, 4096, 8192 and 16384.
    assert.equal(looks, 5);
  });
});
