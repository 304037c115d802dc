/** What an application sees of its cluster. */
import assert from 'node:assert/strict';
import { ClusterState, type ClusterStatus } from '../../../lib/cluster/cluster-state.ts';
import { catchUncaught } from '../../support/uncaught.ts';

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve));

function make() {
  const peers: string[] = [];
  let synced: () => Promise<void> = () => Promise.resolve();
  const state = new ClusterState('node', { peers: () => peers, synced: () => synced() });
  const heard: ClusterStatus[] = [];
  state.on('status', (status) => heard.push(status));
  return {
    state,
    peers,
    heard,
    setSynced: (work: () => Promise<void>) => {
      synced = work;
    },
  };
}

describe('ClusterState', () => {
  it('is down at first, and has the peers of the moment', () => {
    const { state, peers } = make();
    assert.deepEqual([state.nodeId, state.status, state.peers], ['node', 'down', []]);
    peers.push('other');
    assert.deepEqual(state.peers, ['other']);
  });

  it('tells each change, after the code that has caused it', async () => {
    const { state, heard } = make();
    state.setStatus('degraded');
    state.setStatus('up');
    assert.equal(state.status, 'up');
    assert.deepEqual(heard, []);
    await tick();
    assert.deepEqual(heard, ['degraded', 'up']);
  });

  it('tells nothing where nothing has changed', async () => {
    const { state, heard } = make();
    state.setStatus('down');
    state.setStatus('up');
    state.setStatus('up');
    await tick();
    assert.deepEqual(heard, ['up']);
  });

  it('has synced() settle as that of its node', async () => {
    const { state, setSynced } = make();
    await state.synced();
    const error = new Error('not confirmed');
    setSynced(() => Promise.reject(error));
    await assert.rejects(state.synced(), error);
  });

  it('is not stopped by a listener that throws', async () => {
    const uncaught: unknown[] = [];
    catchUncaught((error) => uncaught.push(error));
    const { state } = make();
    const error = new Error('of the application');
    state.on('status', () => {
      throw error;
    });
    state.setStatus('up');
    assert.equal(state.status, 'up');
    await new Promise(setImmediate);
    assert.deepEqual(uncaught, [error]);
  });
});
