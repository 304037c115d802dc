/** The channels about the cluster: when they publish, and what a subscriber can do. */
import assert from 'node:assert/strict';
import {
  type ClusterGapMessage,
  type ClusterLinkMessage,
  type ClusterNodeMessage,
  type ClusterStatusMessage,
  publishGap,
  publishLink,
  publishNode,
  publishStatus,
} from '../../../lib/cluster/cluster-channels.ts';
import { afterTest } from '../../support/cleanup.ts';
import { listenTo } from '../../support/published.ts';
import { catchUncaught } from '../../support/uncaught.ts';

const OF = { name: 'chat', nodeId: 'here' };
const STATUS: ClusterStatusMessage = { ...OF, status: 'up', previous: 'down' };
const NODE: ClusterNodeMessage = { ...OF, peer: 'there', address: '127.0.0.1:1', event: 'joined' };
const LINK: ClusterLinkMessage = { ...OF, peer: 'there', direction: 'dialled', event: 'ended', cause: 'silent' };
const GAP: ClusterGapMessage = { ...OF, peer: 'there', direction: 'out', isForAll: true, hasClose: false };

const CHANNELS: readonly [name: string, publish: () => void, message: unknown][] = [
  ['sockjs:cluster:status', () => publishStatus(STATUS), STATUS],
  ['sockjs:cluster:node', () => publishNode(NODE), NODE],
  ['sockjs:cluster:link', () => publishLink(LINK), LINK],
  ['sockjs:cluster:gap', () => publishGap(GAP), GAP],
];

/** Counts the ticks that are asked for, for the rest of the test. */
function countTicks(): { count: number } {
  const ticks = { count: 0 };
  const { nextTick } = process;
  process.nextTick = (...args: Parameters<typeof nextTick>) => {
    ticks.count += 1;
    nextTick(...args);
  };
  afterTest(() => {
    process.nextTick = nextTick;
  });
  return ticks;
}

for (const [name, publish, message] of CHANNELS) {
  describe(name, () => {
    it('publishes after the code that tells it', async () => {
      const heard: unknown[] = [];
      listenTo(name, (told) => heard.push(told));
      publish();
      assert.deepEqual(heard, []);
      await new Promise<void>((resolve) => process.nextTick(resolve));
      assert.deepEqual(heard, [message]);
    });

    it('does nothing without a subscriber', () => {
      const ticks = countTicks();
      publish();
      assert.equal(ticks.count, 0);
      listenTo(name, () => {});
      publish();
      assert.equal(ticks.count, 1);
    });

    it('has a subscriber that throws harm neither the code that tells it nor other subscribers', async () => {
      const uncaught: unknown[] = [];
      catchUncaught((error) => uncaught.push(error));
      const failure = new Error('from a subscriber');
      const heard: unknown[] = [];
      listenTo(name, () => {
        throw failure;
      });
      listenTo(name, (told) => heard.push(told));
      publish();
      await new Promise(setImmediate);
      assert.deepEqual(heard, [message]);
      assert.deepEqual(uncaught, [failure]);
    });
  });
}
