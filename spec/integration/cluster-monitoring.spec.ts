/** What an operator learns of two mounts: `stats().cluster`, and the channels about the cluster. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Clock } from '@sinonjs/fake-timers';
import {
  type ClusterLinkMessage,
  type ClusterNodeMessage,
  type ClusterStats,
  type ClusterStatusMessage,
  sockjs,
} from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import {
  type Mount,
  type MountSettings,
  type Mounts,
  NODE_TIMEOUT,
  overUnixSockets,
  serveMounts,
} from '../support/cluster/mounts.ts';
import { post } from '../support/http.ts';
import { connectTo, until } from '../support/link-nodes.ts';
import { listenTo } from '../support/published.ts';
import { echo } from '../support/test-server.ts';
import { catchUncaught } from '../support/uncaught.ts';

const statsOf = ({ router }: Mount): ClusterStats => router.stats().cluster ?? assert.fail();
const nodeIdOf = ({ router }: Mount): string => router.cluster?.nodeId ?? assert.fail();

async function serveTwo(settings: MountSettings = {}) {
  let mounts: Mounts | undefined;
  const onMounts = (made: Mounts) => {
    mounts = made;
  };
  const { origin } = await serveMounts({ ...settings, count: 2 }, onMounts)();
  assert.ok(mounts);
  const at = (index: number, path: string, body = '') => {
    mounts?.stayAt(index);
    return post(`${origin}/echo/000/${path}`, body);
  };
  return { mounts, one: mounts.at(0), other: mounts.at(1), at };
}

describe('stats().cluster', () => {
  it('is missing without the option', () => {
    const router = sockjs(echo);
    afterTest(async () => {
      await router.close();
    });
    assert.equal('cluster' in router.stats(), false);
  });

  for (const [links, settings] of [
    ['TCP', {}],
    ['Unix sockets', { listen: overUnixSockets }],
  ] as const) {
    it(`counts what is relayed at both ends of a link, and nothing that lands at the owner; ${links}`, async () => {
      const { one, other, at, mounts } = await serveTwo(settings);
      const none = { receiving: 0, sends: 0 };
      assert.equal((await at(0, 's/xhr')).body, 'o\n');
      assert.equal((await at(0, 's/xhr_send', '["here"]')).status, 204);
      assert.equal((await at(0, 's/xhr')).body, 'a["here"]\n');
      for (const mount of [one, other]) {
        const { relayedIn, relayedOut } = statsOf(mount);
        assert.deepEqual([relayedIn, relayedOut], [none, none]);
      }
      for (const message of ['one', 'two']) {
        assert.equal((await at(1, 's/xhr_send', `["${message}"]`)).status, 204);
        assert.equal((await at(1, 's/xhr')).body, `a["${message}"]\n`);
      }
      await mounts.settled();
      const [owner, requester] = [statsOf(one), statsOf(other)];
      const relayed = { receiving: 2, sends: 2 };
      assert.deepEqual([owner.relayedIn, owner.relayedOut], [relayed, none]);
      assert.deepEqual([requester.relayedIn, requester.relayedOut], [none, relayed]);
      assert.deepEqual([owner.bytesIn, owner.bytesOut], [requester.bytesOut, requester.bytesIn]);
      assert.ok(owner.bytesIn > 0 && owner.bytesOut > 0);
      for (const { nodes, links: now, queuedBytes, linksEnded, linksFailed } of [owner, requester]) {
        assert.deepEqual([nodes, now, queuedBytes], [1, { dialled: 1, accepted: 1 }, 0]);
        assert.deepEqual([linksEnded, linksFailed], [{}, {}]);
      }
    });
  }

  it('has the round trip of links once their first pings were answered', async () => {
    const clock = stopClock();
    const { one, other } = await serveTwo();
    assert.deepEqual([statsOf(one).roundTrip, statsOf(other).roundTrip], [undefined, undefined]);
    clock.tick(NODE_TIMEOUT / 4);
    await until(() => [one, other].every((mount) => statsOf(mount).roundTrip === 0));
  });

  it('counts hostile connections, and goes on', async () => {
    const { one, at } = await serveTwo();
    const { address = '' } = one.registry.record ?? {};
    const socket = await connectTo(address);
    socket.write(
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    socket.once('data', () => socket.write(Buffer.alloc(2000, 'x')));
    await once(socket, 'close');
    assert.deepEqual(statsOf(one).linksFailed, { malformed: 1 });
    assert.equal((await at(0, 's/xhr')).body, 'o\n');
    assert.equal((await at(1, 's/xhr_send', '["m"]')).status, 204);
  });
});

describe('the channels about the cluster', () => {
  let clock: Clock;
  let told: { nodeId: string; text: string }[];

  beforeEach(() => {
    clock = stopClock();
    told = [];
    const tell = (nodeId: string, ...words: unknown[]) => told.push({ nodeId, text: words.join(' ') });
    listenTo<ClusterStatusMessage>('sockjs:cluster:status', ({ nodeId, status, previous }) =>
      tell(nodeId, `${previous} > ${status}`),
    );
    listenTo<ClusterNodeMessage>('sockjs:cluster:node', ({ nodeId, peer, event }) => tell(nodeId, event, peer));
    listenTo<ClusterLinkMessage>('sockjs:cluster:link', ({ nodeId, peer, direction, event, cause }) =>
      tell(nodeId, direction, event, peer, ...(cause === undefined ? [] : [cause])),
    );
  });

  /** What a mount has told since this was asked last, sorted: two links have no order. */
  function toldBy(mount: Mount): string[] {
    const nodeId = nodeIdOf(mount);
    const texts = told.filter((each) => each.nodeId === nodeId).map(({ text }) => text);
    told = told.filter((each) => each.nodeId !== nodeId);
    return texts.sort();
  }

  it('tell of a process that joins and one that leaves, at the other one', async () => {
    const { one, other, mounts } = await serveTwo();
    const peer = nodeIdOf(other);
    const joined = [`accepted opened ${peer}`, `dialled opened ${peer}`, `joined ${peer}`];
    assert.deepEqual(
      toldBy(one).filter((text) => !text.includes('>')),
      joined,
    );
    const closed = other.router.close();
    await until(() => other.router.cluster?.status === 'down');
    await closed;
    await mounts.settled();
    clock.tick(NODE_TIMEOUT / 4);
    await until(() => statsOf(one).nodes === 0);
    await mounts.settled();
    const left = [`accepted ended ${peer} peer`, `dialled ended ${peer} peer`, `left ${peer}`];
    assert.deepEqual(
      toldBy(one).filter((text) => !text.includes('>')),
      left,
    );
    assert.deepEqual(toldBy(other).at(-1), 'up > down');
  });

  it('tell of a link that is cut, and of the one that takes its place', async () => {
    const { one, other, mounts, at } = await serveTwo();
    await at(0, 's/xhr');
    toldBy(one);
    toldBy(other);
    for (const socket of mounts.links) {
      socket.destroy();
    }
    await until(() => [one, other].every((mount) => mount.router.cluster?.status === 'degraded'));
    await mounts.settled();
    for (const [mount, { router }] of [
      [one, other],
      [other, one],
    ] as const) {
      const peer = router.cluster?.nodeId;
      assert.deepEqual(toldBy(mount), [`accepted ended ${peer} peer`, `dialled ended ${peer} peer`, 'up > degraded']);
    }
    const { status } = await at(1, 's/xhr_send', '["m"]');
    assert.equal(status, 204);
    await mounts.settled();
    // The process that is dialled dials back.
    for (const [mount, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      const opened = ['accepted', 'dialled'].map((direction) => `${direction} opened ${nodeIdOf(peer)}`);
      assert.deepEqual(toldBy(mount).sort(), [...opened, 'degraded > up'].sort());
    }
  });

  it('have subscribers that throw harm no link', async () => {
    const uncaught: unknown[] = [];
    catchUncaught((error) => uncaught.push(error));
    for (const name of ['status', 'node', 'link', 'gap']) {
      listenTo(`sockjs:cluster:${name}`, () => {
        throw new Error('from a subscriber');
      });
    }
    const { one, other, at } = await serveTwo();
    assert.ok(uncaught.length >= 8, `${uncaught.length}`);
    assert.deepEqual([statsOf(one).links, statsOf(other).links], Array(2).fill({ dialled: 1, accepted: 1 }));
    assert.equal((await at(0, 's/xhr')).body, 'o\n');
    assert.equal((await at(1, 's/xhr_send', '["m"]')).status, 204);
    assert.equal((await at(1, 's/xhr')).body, 'a["m"]\n');
  });
});
