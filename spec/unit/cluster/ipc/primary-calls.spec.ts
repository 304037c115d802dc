/** Commands to a primary that answers, stalls, goes, or was never set up. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { ANSWER, type CommandMessage } from '../../../../lib/cluster/ipc/messages.ts';
import { MAX_IN_FLIGHT, PrimaryCalls, type PrimaryEnd } from '../../../../lib/cluster/ipc/primary-calls.ts';
import { stopClock } from '../../../support/clock.ts';
import { FakeWorker, fakePrimary } from '../../../support/cluster/ipc.ts';

const TIMEOUT = 5_000;

/** Settles with the message of the error by which a command fails. */
async function failureOf(command: Promise<unknown>): Promise<string> {
  const failure = await command.then(
    () => 'no failure',
    (error: unknown) => String(error),
  );
  return failure;
}

describe('PrimaryCalls', () => {
  const find = (worker: FakeWorker) => worker.calls.call('chat', 'find', { sessionId: 'id' }, TIMEOUT);

  it('settles commands by their numbers, and leaves no timer', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    const claim = { sessionId: 'id', owner: { nodeId: 'a', reservation: 1 }, life: 1_000 };
    const answers = [worker.calls.call('chat', 'claim', claim, TIMEOUT), find(worker)];
    assert.equal(worker.calls.inFlight, 2);
    assert.deepEqual(await Promise.all(answers), [undefined, { kind: 'owned', owner: claim.owner }]);
    assert.deepEqual([worker.calls.inFlight, clock.countTimers()], [0, 0]);
  });

  it('does not take the answers of another copy of the module for its own', async () => {
    const sent: CommandMessage[] = [];
    const listeners: ((message: unknown) => void)[] = [];
    const channel: PrimaryEnd = {
      isConnected: () => true,
      send: (message, callback) => {
        sent.push(message);
        callback(null);
      },
      listen: (onMessage) => listeners.push(onMessage),
    };
    const copies = [new PrimaryCalls(channel), new PrimaryCalls(channel)];
    const answers = copies.map((copy) => copy.call('chat', 'find', { sessionId: 'id' }, TIMEOUT));
    const entries = [0, 1].map((reservation) => ({ kind: 'owned', owner: { nodeId: 'a', reservation } }));
    for (const [index, { id }] of sent.entries()) {
      for (const listener of listeners) {
        listener({ type: ANSWER, id, answer: entries[index] });
      }
    }
    assert.deepEqual(await Promise.all(answers), entries);
  });

  it('names setupPrimary() where the primary has never answered', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    worker.isStalled = true;
    const failure = failureOf(find(worker));
    clock.tick(TIMEOUT);
    assert.match(
      await failure,
      /has not answered within 5000 ms; the program of the primary must call setupPrimary\(\)/,
    );
  });

  it('says that the primary stalls where it has answered before, and counts the command until it is answered', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    await find(worker);
    worker.isStalled = true;
    const failure = failureOf(find(worker));
    clock.tick(TIMEOUT);
    assert.match(await failure, /has not answered within 5000 ms; it stalls, or has too much to do/);
    assert.equal(worker.calls.inFlight, 1);
    worker.isStalled = false;
    worker.flush();
    await turn();
    assert.deepEqual([worker.calls.inFlight, clock.countTimers()], [0, 0]);
    assert.equal(await find(worker), undefined);
  });

  it('takes an answer that has waited while this process stalled', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    worker.isStalled = true;
    const answer = find(worker);
    await turn();
    clock.tick(TIMEOUT);
    worker.flush();
    worker.flush();
    assert.equal(await answer, undefined);
  });

  it(`refuses further commands while ${MAX_IN_FLIGHT} have no answer`, async () => {
    const worker = new FakeWorker(fakePrimary());
    worker.isStalled = true;
    const answers = Array.from({ length: MAX_IN_FLIGHT }, () => find(worker));
    assert.match(await failureOf(find(worker)), /too many commands wait for the primary/);
    worker.isStalled = false;
    worker.flush();
    await Promise.all(answers);
    assert.equal(await find(worker), undefined);
  });

  it('fails all commands at once when the channel ends, and further ones without sending them', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    worker.isStalled = true;
    const failures = [failureOf(find(worker)), failureOf(find(worker))];
    worker.disconnect();
    for (const failure of [...failures, failureOf(find(worker))]) {
      assert.match(await failure, /this worker has been disconnected from its primary/);
    }
    assert.deepEqual([worker.calls.isConnected, worker.calls.inFlight, clock.countTimers()], [false, 0, 0]);
  });

  it('fails a command that cannot be written', async () => {
    const clock = stopClock();
    const worker = new FakeWorker(fakePrimary());
    worker.sendError = new Error('write EPIPE');
    assert.match(await failureOf(find(worker)), /the primary cannot be reached: write EPIPE/);
    assert.deepEqual([worker.calls.inFlight, clock.countTimers()], [0, 0]);
  });

  it('fails a command that the primary refuses', async () => {
    const worker = new FakeWorker(fakePrimary());
    const malformed = worker.calls.call('chat', 'find', { sessionId: 5 as unknown as string }, TIMEOUT);
    assert.match(await failureOf(malformed), /the primary does not understand this command/);
  });

  it('ignores messages of the application, and answers that nothing waits for', async () => {
    const worker = new FakeWorker(fakePrimary());
    for (const message of [undefined, null, 'text', { type: 'sockjs:answer' }, { type: 'sockjs:answer', id: 99 }]) {
      worker.receive(message);
    }
    assert.equal(await find(worker), undefined);
  });
});
