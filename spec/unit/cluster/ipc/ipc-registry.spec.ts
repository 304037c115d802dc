/** The registry of a worker, over a channel in this process; and that of real workers. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { NodeRecord } from '../../../../lib/options/cluster-adapter.ts';
import { Child, spawnChild } from '../../../support/child-process.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { stopClock } from '../../../support/clock.ts';
import { FakeWorker, fakePrimary } from '../../../support/cluster/ipc.ts';
import { declareContractOfLastingLeases } from '../../../support/cluster/registry-contract.ts';

const PROGRAM = fileURLToPath(new URL('../../../support/cluster/workers/contract-program.ts', import.meta.url));

const A: NodeRecord = { id: 'a', address: '/folder/a', token: 'token', machine: 'machine', versions: [1, 1] };
const B: NodeRecord = { ...A, id: 'b', address: '/folder/b' };
const LIFE = 3_600_000;
const LEASE = 15_000;

const markOf = ({ id }: NodeRecord, reservation = 1) => ({ nodeId: id, reservation });

describe('IpcRegistry', () => {
  declareContractOfLastingLeases(() => {
    const clock = stopClock();
    const primary = fakePrimary();
    return {
      registry: () => new FakeWorker(primary).registry(),
      elapse: async (ms) => {
        clock.tick(ms);
      },
    };
  });

  it('keeps the contract between real workers and their primary', async () => {
    const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM];
    const child = new Child('the primary', spawnChild(process.execPath, args), true);
    afterTest(() => child.kill());
    const [failures] = await child.line(/^failed: (.*)$/);
    assert.equal(failures, '[]');
    assert.deepEqual(await child.ended, { code: 0, signal: null }, child.stderr);
  });

  it('has a lease last, however long the primary does not read of renewals', async () => {
    const clock = stopClock();
    const primary = fakePrimary();
    const [one, other] = [new FakeWorker(primary), new FakeWorker(primary)];
    const [registry, observer] = [one.registry(), other.registry()];
    await registry.renew(A, LEASE);
    await registry.claim('id', markOf(A), LIFE);
    clock.tick(10 * LEASE);
    assert.deepEqual(await observer.node(A.id), A);
    assert.equal(
      (await observer.end('id', markOf(A), { code: 1012, reason: '', identityHash: '' }, 1, A.id))?.kind,
      'owned',
    );
    assert.equal((await registry.renew(A, LEASE)).hadLease, true);
  });

  it('keeps endpoints of different names apart', async () => {
    const worker = new FakeWorker(fakePrimary());
    await worker.registry('one').claim('id', markOf(A), LIFE);
    await worker.registry('one').renew(A, LEASE);
    assert.equal(await worker.registry('two').find('id'), undefined);
    assert.deepEqual((await worker.registry('two').renew(B, LEASE)).nodes, [B]);
  });

  it('tells a worker without a primary each time that it is cut off for good', async () => {
    const worker = new FakeWorker(fakePrimary());
    const registry = worker.registry();
    await registry.renew(A, LEASE);
    await registry.claim('id', markOf(A), LIFE);
    worker.disconnect();
    for (let renewals = 0; renewals < 2; renewals += 1) {
      assert.equal((await registry.renew(A, LEASE)).isCutOff, true);
    }
    const commands: readonly (() => Promise<unknown>)[] = [
      () => registry.reassert(new Map([['id', markOf(A)]]), LIFE),
      () => registry.remove(A.id),
      () => registry.node(A.id),
      () => registry.claim('id', markOf(A), LIFE),
      () => registry.find('id'),
      () => registry.release('id', markOf(A)),
      () => registry.end('id', markOf(A), { code: 1000, reason: '', identityHash: '' }, LIFE),
    ];
    for (const command of commands) {
      await assert.rejects(command, /^Error: sockjs: this worker has been disconnected from its primary$/);
    }
  });
});
