/** A process as a node of its endpoint: how it joins, what it says of itself, and how it leaves. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@sinonjs/fake-timers';
import express from 'express';
import { parseAddress } from '../../../lib/cluster/address.ts';
import type { ClusterStatusMessage } from '../../../lib/cluster/cluster-channels.ts';
import { advertisedAddress } from '../../../lib/cluster/cluster-node.ts';
import { WireLink } from '../../../lib/cluster/wire-link.ts';
import { type CloseOptions, type SockjsRouter, sockjs } from '../../../lib/index.ts';
import type { ClusterAdapter, Entry, NodeRecord, Renewal } from '../../../lib/options/cluster-adapter.ts';
import type { CloseResult } from '../../../lib/session/shutdown.ts';
import { promiseWithResolvers } from '../../../lib/util/promises.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { MemoryRegistry, type MemoryStore, memoryStore } from '../../support/cluster/memory-registry.ts';
import { post } from '../../support/http.ts';
import { openWebSocket, socketPath, until } from '../../support/link-nodes.ts';
import { published } from '../../support/published.ts';
import { listen } from '../../support/test-server.ts';

const NODE_TIMEOUT = 10_000;

/** Has a node wait for the record of one that has dialled it, so that it does not dial back before `release()`. */
function holdLookup({ registry }: TestNode): { isAsked: () => boolean; release: () => void } {
  const { promise, resolve } = promiseWithResolvers<void>();
  let isAsked = false;
  registry.beforeNode = () => {
    isAsked = true;
    return promise;
  };
  return { isAsked: () => isAsked, release: () => resolve() };
}

/** A registry that can be away, and writes down how a node leaves. */
class TestRegistry extends MemoryRegistry {
  readonly did: string[];
  self: NodeRecord | undefined;
  isAway = false;
  /** Called before the record of another node is read. */
  beforeNode: () => Promise<void> = () => Promise.resolve();
  /** Called before a lease is deleted. */
  beforeRemove: () => Promise<void> = () => Promise.resolve();

  constructor(store: MemoryStore, did: string[]) {
    super(store);
    this.did = did;
  }

  override renew(node: NodeRecord, lease: number): Promise<Renewal> {
    this.self = node;
    return this.isAway ? Promise.reject(new Error('the registry is away')) : super.renew(node, lease);
  }

  override async end(...args: Parameters<MemoryRegistry['end']>): Promise<Entry | undefined> {
    // A slow network: what does not wait for the tombstone is done before it.
    for (let turns = 0; turns < 50; turns += 1) {
      await turn();
    }
    this.did.push('tombstone');
    return super.end(...args);
  }

  override async node(nodeId: string): Promise<NodeRecord | undefined> {
    await this.beforeNode();
    return super.node(nodeId);
  }

  override async remove(nodeId: string): Promise<void> {
    await this.beforeRemove();
    this.did.push('lease deleted');
    return super.remove(nodeId);
  }
}

interface TestNode {
  readonly router: SockjsRouter;
  readonly registry: TestRegistry;
  readonly origin: string;
  readonly did: string[];
  readonly heard: string[];
  readonly cluster: NonNullable<SockjsRouter['cluster']>;
}

let endpoints = 0;

describe('ClusterNode', () => {
  let clock: Clock;
  let store: MemoryStore;
  let name: string;
  let warnings: string[];

  beforeEach(() => {
    clock = stopClock();
    store = memoryStore();
    endpoints += 1;
    name = `endpoint-${endpoints}`;
    warnings = [];
    const onWarning = ({ code, message }: Error & { code?: string }) => {
      if (code === 'SOCKJS_CLUSTER') {
        warnings.push(message);
      }
    };
    process.on('warning', onWarning);
    afterTest(() => {
      process.off('warning', onWarning);
    });
  });

  /** A node with a server of its own, which writes down when responses are over. */
  async function add(given: Partial<ClusterAdapter> = {}, isAway = false): Promise<TestNode> {
    const did: string[] = [];
    const registry = new TestRegistry(store, did);
    registry.isAway = isAway;
    const router = sockjs({ cluster: { name, registry, nodeTimeout: NODE_TIMEOUT, ...given } }, () => {});
    afterTest(async () => {
      await finished(router.close({ timeout: 0 }));
    });
    const { cluster } = router;
    assert.ok(cluster);
    const heard: string[] = [];
    cluster.on('status', (status) => heard.push(status));
    const app = express();
    app.use((_req, res, next) => {
      res.on('close', () => did.push('response over'));
      next();
    });
    app.use('/echo', router);
    const { origin } = await listen(app);
    return { router, registry, origin, did, heard, cluster };
  }

  /** Waits for something while time goes on. */
  async function within<Value>(promise: Promise<Value>): Promise<Value> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    await until(() => {
      clock.tick(10);
      return isOver;
    });
    return promise;
  }

  const finished = (closed: Promise<CloseResult>) => within(closed).catch(() => undefined);

  async function becomes({ cluster }: TestNode, status: string): Promise<void> {
    await until(() => {
      clock.tick(10);
      return cluster.status === status;
    });
    await turn();
  }

  it('acknowledges at each renewal what others have sent to its rooms', async () => {
    const sent = new Set<string>();
    const { send } = WireLink.prototype;
    WireLink.prototype.send = function (message) {
      sent.add(message.type);
      send.call(this, message);
    };
    afterTest(() => {
      WireLink.prototype.send = send;
    });
    const [first, second] = [await add(), await add()];
    await until(
      () => first.cluster.status === 'up' && second.cluster.status === 'up' && second.cluster.peers.length === 1,
    );
    assert.equal((await post(`${second.origin}/echo/0/a/xhr`)).body, 'o\n');
    await until(() => first.router.count() === 1);
    first.router.broadcast('x');
    assert.equal((await post(`${second.origin}/echo/0/a/xhr`)).body, 'a["x"]\n');
    sent.clear();
    await until(() => {
      clock.tick(10);
      return sent.has('ack');
    });
  });

  describe('the status', () => {
    it('is down until this process has joined, then up', async () => {
      const node = await add();
      assert.match(node.cluster.nodeId, /^[0-9a-f]{24}$/);
      await becomes(node, 'up');
      assert.deepEqual([node.heard, node.cluster.peers], [['up'], []]);
      assert.deepEqual(warnings, []);
    });

    it('is degraded until there is a link to each process that is listed', async () => {
      const first = await add();
      await becomes(first, 'up');
      const second = await add();
      await becomes(second, 'up');
      assert.deepEqual(second.heard, ['degraded', 'up']);
      assert.deepEqual(second.cluster.peers, [first.cluster.nodeId]);
      await until(() => {
        clock.tick(10);
        return first.cluster.peers.length === 1 && first.cluster.status === 'up';
      });
      assert.deepEqual(first.cluster.peers, [second.cluster.nodeId]);
    });

    it('is up once the others have dialled back, which they do before their next renewal', async () => {
      const first = await add();
      await until(() => first.cluster.status === 'up');
      const second = await add();
      await until(() => second.cluster.status === 'up');
      assert.deepEqual(first.cluster.peers, [second.cluster.nodeId]);
    });

    it('is degraded where the others have not dialled back', async () => {
      const first = await add();
      await until(() => first.cluster.status === 'up');
      const lookup = holdLookup(first);
      const second = await add();
      await until(() => lookup.isAsked() && second.cluster.peers.length === 1);
      await turn();
      assert.equal(second.cluster.status, 'degraded');
      lookup.release();
      await until(() => second.cluster.status === 'up');
    });

    it('is degraded while the registry is away', async () => {
      const node = await add();
      await becomes(node, 'up');
      node.registry.isAway = true;
      await becomes(node, 'degraded');
      node.registry.isAway = false;
      await becomes(node, 'up');
      assert.deepEqual(node.heard, ['up', 'degraded', 'up']);
      assert.deepEqual(warnings, [], 'an outage is no wrong set-up');
    });

    it('is down where the registry was never there, with one warning', async () => {
      const node = await add({}, true);
      await until(() => warnings.length > 0);
      for (let renewals = 0; renewals < 5; renewals += 1) {
        clock.tick(NODE_TIMEOUT / 4);
        await turn();
      }
      assert.equal(node.cluster.status, 'down');
      assert.deepEqual(warnings, [`sockjs: cluster "${name}": this process cannot join: the registry is away`]);
    });

    it('is down after the end, and then says no more', async () => {
      const node = await add();
      await becomes(node, 'up');
      await within(node.router.close());
      await turn();
      assert.deepEqual([node.cluster.status, node.heard], ['down', ['up', 'down']]);
    });

    it('is told on its channel, with the one before', async () => {
      const told = published<ClusterStatusMessage>('sockjs:cluster:status');
      const node = await add();
      await becomes(node, 'up');
      for (let renewals = 0; renewals < 3; renewals += 1) {
        clock.tick(NODE_TIMEOUT / 4);
        await turn();
      }
      node.registry.isAway = true;
      await becomes(node, 'degraded');
      await within(node.router.close());
      await turn();
      const of = { name, nodeId: node.cluster.nodeId };
      assert.deepEqual(await told.next(), { ...of, status: 'up', previous: 'down' });
      assert.deepEqual(await told.next(), { ...of, status: 'degraded', previous: 'up' });
      assert.deepEqual(await told.next(), { ...of, status: 'down', previous: 'degraded' });
      assert.equal(told.size, 0);
    });
  });

  describe('stats()', () => {
    it('has the nodes and the links of the moment', async () => {
      const first = await add();
      const second = await add();
      await becomes(first, 'up');
      await becomes(second, 'up');
      await until(() => {
        clock.tick(10);
        return first.router.stats().cluster?.links.dialled === 1 && second.router.stats().cluster?.links.dialled === 1;
      });
      for (const { router } of [first, second]) {
        const { nodes, links } = router.stats().cluster ?? assert.fail();
        assert.deepEqual([nodes, links], [1, { dialled: 1, accepted: 1 }]);
      }
      await within(second.router.close());
      await until(() => {
        clock.tick(10);
        return first.router.stats().cluster?.nodes === 0;
      });
      const { links, linksEnded } = first.router.stats().cluster ?? assert.fail();
      assert.deepEqual([links, linksEnded], [{ dialled: 0, accepted: 0 }, { peer: 2 }]);
    });

    it('counts connections that have become no link', async () => {
      const node = await add();
      await becomes(node, 'up');
      const webSocket = openWebSocket(node.registry.self?.address ?? '', { Origin: 'http://page.example' });
      await new Promise((resolve) => webSocket.on('close', resolve));
      assert.deepEqual(node.router.stats().cluster?.linksFailed, { origin: 1 });
    });
  });

  describe('a wrong set-up', () => {
    it('is one registry for two routers', async () => {
      const { registry } = await add();
      assert.throws(
        () => sockjs({ cluster: { name: 'other', registry } }, () => {}),
        /^Error: sockjs: option "cluster" is that of another router; each router needs an adapter of its own$/,
      );
    });

    it('is one name for two routers of a process: they are warned, unless the first has ended', async () => {
      const first = await add();
      await within(first.router.close());
      await add();
      await turn();
      assert.deepEqual(warnings, []);
      await add();
      await turn();
      assert.deepEqual(warnings, [
        `sockjs: cluster "${name}": another router of this process has the same name; they share their sessions`,
      ]);
    });

    it('is a place where it cannot listen: it warns once, tries again after nodeTimeout, and then joins', async () => {
      const path = socketPath();
      writeFileSync(path, '');
      const node = await add({ listen: { path } });
      await until(() => warnings.length > 0);
      clock.tick(NODE_TIMEOUT);
      await until(() => clock.countTimers() > 0);
      assert.equal(store.leases.size, 0);
      assert.equal(node.cluster.status, 'down');
      rmSync(path);
      await becomes(node, 'up');
      assert.equal(node.registry.self?.address, path);
      assert.equal(warnings.length, 1);
      assert.match(
        String(warnings[0]),
        /this process cannot listen for links \(.*EADDRINUSE.*\); see the option "listen"/,
      );
    });

    it('does not keep a process from leaving', async () => {
      const path = socketPath();
      writeFileSync(path, '');
      const node = await add({ listen: { path } });
      await until(() => warnings.length > 0);
      await within(node.router.close());
      clock.tick(2 * NODE_TIMEOUT);
      await turn();
      assert.deepEqual([clock.countTimers(), node.did], [0, []]);
    });
  });

  describe('router.close()', () => {
    it('returns the first promise again', async () => {
      const { router } = await add();
      const closed = router.close();
      assert.equal(router.close({ timeout: 1 }), closed);
      assert.deepEqual(await within(closed), { closed: 0, flushed: 0, dropped: 0 });
      assert.equal(router.close(), closed);
    });

    it('throws for what makes no sense, and then still closes', async () => {
      const node = await add();
      await becomes(node, 'up');
      for (const options of [{ code: 5 }, { timeout: -1 }, { timeout: Number.NaN }] satisfies CloseOptions[]) {
        assert.throws(() => void node.router.close(options), RangeError);
      }
      assert.equal(node.cluster.status, 'up');
      await within(node.router.close());
      assert.deepEqual(node.did, ['lease deleted']);
    });

    it('leaves before it has joined', async () => {
      const node = await add();
      await within(node.router.close());
      assert.equal(store.leases.size, 0);
      assert.equal(clock.countTimers(), 0);
    });

    it('waits until what was sent to rooms has arrived at a process that had no link yet', async () => {
      const first = await add();
      await until(() => first.cluster.status === 'up');
      const lookup = holdLookup(first);
      const second = await add();
      assert.equal((await post(`${second.origin}/echo/0/a/xhr`)).body, 'o\n');
      const polled = post(`${second.origin}/echo/0/a/xhr`);
      await until(lookup.isAsked);
      first.router.broadcast('last');
      const closing = first.router.close({ timeout: 60_000 });
      await turn();
      lookup.release();
      await within(closing);
      assert.equal((await polled).body, 'a["last"]\n');
    });

    it('writes tombstones, ends relayed responses, deletes the lease, then closes links and listener', async () => {
      const [leaving, other] = [await add(), await add()];
      await Promise.all([becomes(leaving, 'up'), becomes(other, 'up')]);
      await until(() => {
        clock.tick(10);
        return leaving.cluster.peers.length === 1 && leaving.cluster.status === 'up';
      });
      const poll = ({ origin }: TestNode, id: string) => post(`${origin}/echo/0/${id}/xhr`);
      assert.equal((await poll(leaving, 'mine')).body, 'o\n');
      assert.equal((await poll(other, 'others')).body, 'o\n');
      const own = poll(leaving, 'mine');
      const relayed = poll(leaving, 'others');
      const address = parseAddress(leaving.registry.self?.address ?? '');
      assert.ok(address);
      let wasReached = false;
      leaving.registry.beforeRemove = async () => {
        const socket = createConnection(address);
        await once(socket, 'connect');
        wasReached = true;
        socket.destroy();
        // Its lease is still there, and the link to it.
        assert.equal(other.cluster.status, 'up');
      };
      // Both polls wait by the time that a third one of each is refused.
      for (const id of ['mine', 'others']) {
        assert.match((await poll(leaving, id)).body, /c\[2010,/);
      }
      await until(() => leaving.did.length === 3);
      leaving.did.length = 0;
      await within(leaving.router.close());
      assert.equal((await own).body, 'c[1001,"Server shutting down"]\n');
      assert.equal((await relayed).body, 'h\n');
      assert.equal(wasReached, true);
      // The response of its own session may be over before or after its tombstone.
      assert.deepEqual(leaving.did.slice(0, 2).sort(), ['response over', 'tombstone']);
      assert.deepEqual(leaving.did.slice(2), ['response over', 'lease deleted']);
      assert.equal(store.leases.size, 1);
      const [error] = (await once(createConnection(address), 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNREFUSED');
      assert.equal(other.router.sessions.size, 1, 'its sessions go on');
    });

    it('leaves nothing open, though the registry never answers', async () => {
      const node = await add();
      await becomes(node, 'up');
      node.registry.beforeRemove = () => new Promise(() => {});
      await within(node.router.close());
      assert.equal(node.cluster.status, 'down');
      assert.equal(clock.countTimers(), 0);
    });
  });
});

describe('advertisedAddress()', () => {
  for (const [title, settings, at, address] of [
    ['the address at which it listens', {}, '127.0.0.1:80', '127.0.0.1:80'],
    ['the path of a socket', { listen: { path: '/x' } }, '/x', '/x'],
    ['the name that was given', { listen: { host: 'node-1' } }, '10.0.0.1:80', 'node-1:80'],
    ['an address of IPv6', { listen: { host: 'fe80::1' } }, '[fe80::1]:80', '[fe80::1]:80'],
    ['advertise, with the port at which it listens', { advertise: 'node-1' }, '0.0.0.0:80', 'node-1:80'],
    ['advertise, with its own port', { advertise: 'node-1:90' }, '0.0.0.0:80', 'node-1:90'],
    ['advertise of IPv6', { advertise: '[fe80::1]' }, '[::]:80', '[fe80::1]:80'],
    ['advertise of IPv6, with its own port', { advertise: '[fe80::1]:90' }, '[::]:80', '[fe80::1]:90'],
  ] as const) {
    it(`is ${title}`, () => {
      assert.equal(advertisedAddress({ advertise: undefined, listen: {}, ...settings }, at), address);
    });
  }
});
