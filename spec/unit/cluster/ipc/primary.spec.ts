/** What the primary does with messages of workers, sound and malformed, and with workers that go. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { AnswerMessage } from '../../../../lib/cluster/ipc/messages.ts';
import type { WorkerEnd } from '../../../../lib/cluster/ipc/primary.ts';
import { FakeWorker, fakePrimary } from '../../../support/cluster/ipc.ts';

const A = { id: 'a', address: '/folder/a', token: 'token', machine: 'machine', versions: [1, 1] } as const;
const B = { ...A, id: 'b', address: '/folder/b' } as const;
const LIFE = 3_600_000;
const LEASE = 15_000;
const LOST = { kind: 'ended', tombstone: { code: 1012, reason: 'Session lost', identityHash: '' } };

const markOf = ({ id }: { readonly id: string }, reservation = 1) => ({ nodeId: id, reservation });

/** A worker that writes down what it is sent. */
class RawWorker implements WorkerEnd {
  readonly sent: AnswerMessage[] = [];
  connected = true;

  isConnected(): boolean {
    return this.connected;
  }

  send(message: AnswerMessage, callback: (error: Error | null) => void): void {
    this.sent.push(message);
    callback(new Error('EPIPE'));
  }
}

describe('Primary', () => {
  const sound = { type: 'sockjs:command', name: 'chat', id: 1, command: { method: 'find', sessionId: 'id' } };

  it('answers a command, and does not mind that the answer cannot be written', () => {
    const worker = new RawWorker();
    fakePrimary().onMessage(worker, sound);
    assert.deepEqual(worker.sent, [{ type: 'sockjs:answer', id: 1 }]);
  });

  it('sends nothing to a worker that is not connected', () => {
    const worker = new RawWorker();
    worker.connected = false;
    fakePrimary().onMessage(worker, sound);
    assert.deepEqual(worker.sent, []);
  });

  for (const message of [undefined, null, 5, 'text', [], {}, { type: 'sockjs:answer', id: 1 }, { type: 'command' }]) {
    it(`ignores ${JSON.stringify(message)}, which is of the application`, () => {
      const worker = new RawWorker();
      fakePrimary().onMessage(worker, message);
      assert.deepEqual(worker.sent, []);
    });
  }

  const owner = markOf(A);
  const tombstone = { code: 1000, reason: '', identityHash: '' };
  for (const command of [
    undefined,
    null,
    'renew',
    { method: 'constructor' },
    { method: 'renew' },
    { method: 'renew', node: null },
    { method: 'renew', node: { ...A, id: 5 } },
    { method: 'renew', node: { ...A, versions: 1 } },
    { method: 'remove', nodeId: {} },
    { method: 'node' },
    { method: 'claim', sessionId: 'id', owner, life: null },
    { method: 'claim', sessionId: 'id', owner, life: 0 },
    { method: 'claim', sessionId: 'id', owner: { nodeId: 'a', reservation: 1.5 }, life: 1 },
    { method: 'claim', sessionId: 5, owner, life: 1 },
    { method: 'find', sessionId: ['id'] },
    { method: 'release', sessionId: 'id', owner: 'a:1' },
    { method: 'end', sessionId: 'id', owner, tombstone: { ...tombstone, reason: 5 }, life: 1 },
    { method: 'end', sessionId: 'id', owner, tombstone, life: 1, deadNode: 5 },
    { method: 'reassert', sessions: {}, life: 1 },
    { method: 'reassert', sessions: [['id', null]], life: 1 },
    { method: 'reassert', sessions: [5], life: 1 },
  ]) {
    it(`refuses the command ${JSON.stringify(command)}`, () => {
      const worker = new RawWorker();
      fakePrimary().onMessage(worker, { ...sound, command });
      assert.deepEqual(worker.sent, [
        { type: 'sockjs:answer', id: 1, error: 'sockjs: the primary does not understand this command' },
      ]);
    });
  }

  it('refuses a command without a name, and ignores one without a number', () => {
    const worker = new RawWorker();
    fakePrimary().onMessage(worker, { ...sound, name: undefined });
    fakePrimary().onMessage(worker, { ...sound, id: undefined });
    assert.deepEqual(
      worker.sent.map(({ id, error }) => [id, error !== undefined]),
      [[1, true]],
    );
  });

  it('takes a worker that has gone for dead at once: its nodes, its sessions, its sockets', async () => {
    const removed: string[] = [];
    const primary = fakePrimary(removed);
    const [dying, living] = [new FakeWorker(primary), new FakeWorker(primary)];
    const [lost, second, observer] = [dying.registry(), dying.registry('other'), living.registry()];
    await lost.renew(A, LEASE);
    await second.renew({ ...A, id: 'a2', address: '/folder/a2' }, LEASE);
    await observer.renew(B, LEASE);
    await lost.claim('id', markOf(A), LIFE);
    await second.claim('id', markOf({ id: 'a2' }), LIFE);
    await observer.claim('mine', markOf(B), LIFE);
    primary.onGone(dying.end);
    primary.onGone(dying.end);
    assert.deepEqual(removed, ['/folder/a', '/folder/a2']);
    assert.equal(await observer.node(A.id), undefined);
    assert.deepEqual((await observer.renew(B, LEASE)).nodes, [B]);
    assert.deepEqual(await observer.claim('id', markOf(B), LIFE), LOST);
    assert.deepEqual(await living.registry('other').find('id'), LOST);
    assert.deepEqual(await observer.find('mine'), { kind: 'owned', owner: markOf(B) });
  });

  it('does nothing that a worker has asked for before it went, and does not answer it', async () => {
    const primary = fakePrimary();
    const [dying, living] = [new FakeWorker(primary), new FakeWorker(primary)];
    const observer = living.registry();
    dying.isStalled = true;
    const asked = [dying.registry().renew(A, LEASE), dying.registry().claim('id', markOf(A), LIFE)];
    await turn();
    primary.onGone(dying.end);
    dying.flush();
    dying.disconnect();
    await Promise.allSettled(asked);
    assert.equal(dying.answers, 0);
    assert.equal(await observer.node(A.id), undefined);
    assert.equal(await observer.find('id'), undefined);
  });

  it('leaves the sockets of a node alone that has left by itself, or that another worker takes for dead', async () => {
    const removed: string[] = [];
    const primary = fakePrimary(removed);
    const [one, other] = [new FakeWorker(primary), new FakeWorker(primary)];
    await one.registry().renew(A, LEASE);
    await one.registry().claim('id', markOf(A), LIFE);
    await other.registry().renew(B, LEASE);
    await other.registry().remove(B.id);
    primary.onGone(other.end);
    assert.deepEqual(removed, []);
    const third = new FakeWorker(primary);
    await third.registry().remove(A.id);
    assert.deepEqual(removed, []);
    // It is still known whose node that was.
    primary.onGone(one.end);
    assert.deepEqual(removed, [A.address]);
    assert.deepEqual(await third.registry().find('id'), LOST);
  });
});
