/** What a node counts and measures of its links, and what it tells of them. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { ClusterMetrics, type MeasuredLink } from '../../../lib/cluster/cluster-metrics.ts';
import { listenTo } from '../../support/published.ts';

const NOTHING = {
  nodes: 0,
  links: { dialled: 0, accepted: 0 },
  linksEnded: {},
  linksFailed: {},
  relayedIn: { receiving: 0, sends: 0 },
  relayedOut: { receiving: 0, sends: 0 },
  broadcastsIn: 0,
  broadcastsOut: 0,
  gapsIn: 0,
  gapsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  queuedBytes: 0,
  roundTrip: undefined,
};

function link(given: Partial<MeasuredLink> = {}): MeasuredLink {
  return { peer: 'there', direction: 'dialled', queuedBytes: 0, roundTrip: undefined, ...given };
}

describe('ClusterMetrics', () => {
  let metrics: ClusterMetrics;

  beforeEach(() => {
    metrics = new ClusterMetrics('chat', 'here');
  });

  it('begins with nothing', () => {
    assert.deepEqual(metrics.snapshot(0), NOTHING);
  });

  it('counts gaps, and publishes them', async () => {
    const heard: unknown[] = [];
    listenTo('sockjs:cluster:gap', (message) => heard.push(message));
    const loss = { isForAll: false, hasClose: true };
    metrics.gap('there', 'in', loss);
    metrics.gap('there', 'out', loss);
    metrics.gap('there', 'out', loss);
    assert.deepEqual(metrics.snapshot(0), { ...NOTHING, gapsIn: 1, gapsOut: 2 });
    await turn();
    const message = { name: 'chat', nodeId: 'here', peer: 'there', ...loss };
    assert.deepEqual(heard, [
      { ...message, direction: 'in' },
      { ...message, direction: 'out' },
      { ...message, direction: 'out' },
    ]);
  });

  it('has the links of the moment, by who has dialled', () => {
    const links = [link(), link({ direction: 'accepted' }), link({ direction: 'accepted' })];
    for (const each of links) {
      metrics.linkOpened(each);
    }
    assert.deepEqual(metrics.snapshot(2).links, { dialled: 1, accepted: 2 });
    metrics.linkEnded(links[1] as MeasuredLink, 'silent');
    assert.deepEqual(metrics.snapshot(2), {
      ...NOTHING,
      nodes: 2,
      links: { dialled: 1, accepted: 1 },
      linksEnded: { silent: 1 },
    });
  });

  it('counts links that end and connections that become none, by cause', () => {
    const one = link();
    metrics.linkEnded(one, 'malformed');
    metrics.linkEnded(one, 'malformed');
    metrics.linkEnded(one, 'peer');
    metrics.dialFailed('there', 'timeout');
    metrics.refused('malformed');
    metrics.refused('origin');
    metrics.refused('origin');
    const { linksEnded, linksFailed } = metrics.snapshot(0);
    assert.deepEqual(
      [linksEnded, linksFailed],
      [
        { malformed: 2, peer: 1 },
        { timeout: 1, malformed: 1, origin: 2 },
      ],
    );
  });

  it('adds up what is queued, and has the longest round trip of those that are known', () => {
    metrics.linkOpened(link({ queuedBytes: 3 }));
    assert.deepEqual(metrics.snapshot(0).roundTrip, undefined);
    metrics.linkOpened(link({ queuedBytes: 4, roundTrip: 2 }));
    metrics.linkOpened(link({ roundTrip: 7 }));
    metrics.linkOpened(link({ roundTrip: 5 }));
    metrics.linkOpened(link());
    const { queuedBytes, roundTrip } = metrics.snapshot(0);
    assert.deepEqual([queuedBytes, roundTrip], [7, 7]);
  });

  it('gives a result that does not change later', () => {
    const before = metrics.snapshot(0);
    metrics.relayedIn.sends += 1;
    metrics.relayedOut.receiving += 1;
    metrics.bytesIn += 1;
    metrics.refused('late');
    assert.deepEqual(before, NOTHING);
    assert.deepEqual(metrics.snapshot(0), {
      ...NOTHING,
      relayedIn: { receiving: 0, sends: 1 },
      relayedOut: { receiving: 1, sends: 0 },
      bytesIn: 1,
      linksFailed: { late: 1 },
    });
  });

  it('tells each change on its channel, with the endpoint and the node', async () => {
    const told: [string, unknown][] = [];
    for (const name of ['status', 'node', 'link']) {
      listenTo(`sockjs:cluster:${name}`, (message) => told.push([name, message]));
    }
    metrics.statusChanged('degraded', 'up');
    metrics.nodeChanged('left', 'there', '10.0.0.1:1');
    metrics.linkOpened(link());
    metrics.linkEnded(link({ direction: 'accepted' }), 'overrun');
    metrics.dialFailed('there', 'refused');
    metrics.refused('unproven');
    await turn();
    const of = { name: 'chat', nodeId: 'here' };
    const there = { ...of, peer: 'there' };
    assert.deepEqual(told, [
      ['status', { ...of, status: 'degraded', previous: 'up' }],
      ['node', { ...there, event: 'left', address: '10.0.0.1:1' }],
      ['link', { ...there, direction: 'dialled', event: 'opened', cause: undefined }],
      ['link', { ...there, direction: 'accepted', event: 'ended', cause: 'overrun' }],
      ['link', { ...there, direction: 'dialled', event: 'failed', cause: 'refused' }],
      ['link', { ...of, peer: undefined, direction: 'accepted', event: 'failed', cause: 'unproven' }],
    ]);
  });
});
