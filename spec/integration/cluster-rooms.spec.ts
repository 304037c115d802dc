/** Broadcasts, rooms, closes and counts over three routers of one endpoint, with links between them. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { attachUpgrade, type SockjsOptions, type SockjsRouter, sockjs } from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { FaultyRegistry } from '../support/cluster/faulty-registry.ts';
import { MemoryRegistry, type MemoryStore, memoryStore } from '../support/cluster/memory-registry.ts';
import { listen } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

let made = 0;

/** A router at a server of its own. Its sessions join the room that their id begins with, before the first `-`. */
async function serveNode(store: MemoryStore, onGap: 'close' | 'ignore' = 'close') {
  made += 1;
  const registry = new FaultyRegistry(() => new MemoryRegistry(store));
  const cluster: SockjsOptions['cluster'] = {
    name: `rooms-${made}`,
    registry,
    nodeTimeout: 1000,
    onGap,
  };
  const router = sockjs({ prefix: '/echo', cluster }, (session) => {
    session.join(session.id.replace(/-.*/, ''));
  });
  const server = createServer(router);
  attachUpgrade(server);
  const { origin, port } = await listen(server);
  afterTest(async () => {
    await router.close({ timeout: 0 });
  });
  return { router, origin, port, registry };
}

/** Waits until a condition holds. It is asked again in each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise(setImmediate);
  }
}

/** Three nodes that are linked with one another. */
async function serveThree(onGap?: 'close' | 'ignore') {
  const store = memoryStore();
  const nodes = [await serveNode(store, onGap), await serveNode(store, onGap), await serveNode(store, onGap)];
  const [one, two, three] = nodes;
  assert.ok(one && two && three);
  await until(() => nodes.every(({ router }) => router.cluster?.peers.length === 2 && router.cluster.status === 'up'));
  return { one, two, three, nodes, store, registries: nodes.map(({ registry }) => registry) };
}

/** Opens a session over WebSocket, and waits until all nodes know of it. */
async function open(node: { origin: string }, id: string, all: readonly { router: SockjsRouter }[]) {
  const room = id.replace(/-.*/, '');
  const before = all.map(({ router }) => router.to(room).count());
  const client = new WebSocketClient(node.origin, `/echo/000/${id}/websocket`);
  assert.equal(await client.next(), 'o');
  await until(() => all.every(({ router }, index) => router.to(room).count() > (before[index] ?? 0)));
  return client;
}

/** Returns a function that cuts all links between the given nodes. Called before they are made. */
function watchLinks(): (nodes: readonly { port: number }[]) => void {
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  subscribe('net.client.socket', onSocket);
  afterTest(() => {
    unsubscribe('net.client.socket', onSocket);
  });
  return (nodes) => {
    const ofClients = nodes.map(({ port }) => port);
    for (const socket of sockets) {
      if (!ofClients.includes(socket.remotePort ?? 0)) {
        socket.destroy();
      }
    }
  };
}

const areAll = (nodes: readonly { router: SockjsRouter }[], status: string) => () =>
  nodes.every(({ router }) => router.cluster?.status === status);

/** The next so many messages of a client. */
async function take(client: WebSocketClient, count: number): Promise<string[]> {
  const received: string[] = [];
  while (received.length < count) {
    received.push(...JSON.parse((await client.next()).slice(1)));
  }
  return received;
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => String(number));

describe('Over three processes', () => {
  it('broadcast() reaches all sessions, and returns how many accepted it here', async () => {
    const { one, two, three, nodes } = await serveThree();
    const clients = [await open(one, 'a-1', nodes), await open(two, 'b-1', nodes), await open(three, 'a-2', nodes)];
    assert.equal(two.router.broadcast('x'), 1);
    for (const client of clients) {
      assert.equal(await client.next(), 'a["x"]');
    }
  });

  it('broadcast({ local: true }) reaches those of its own process', async () => {
    const { one, two, nodes } = await serveThree();
    const here = await open(one, 'a-1', nodes);
    const there = await open(two, 'a-2', nodes);
    assert.equal(one.router.broadcast('here', { local: true }), 1);
    one.router.broadcast('everywhere');
    assert.equal(await here.next(), 'a["here","everywhere"]');
    assert.equal(await there.next(), 'a["everywhere"]');
  });

  it('broadcast({ except }) leaves out a session of its own process alone', async () => {
    const { one, two, nodes } = await serveThree();
    const here = await open(one, 'a-1', nodes);
    const there = await open(two, 'a-2', nodes);
    const [session] = one.router.sessions;
    assert.equal(one.router.broadcast('x', { except: session }), 0);
    one.router.broadcast('y');
    assert.equal(await here.next(), 'a["y"]');
    assert.equal(await there.next(), 'a["x","y"]');
  });

  it('to(room).send() reaches those in the room, in the order in which a process has sent', async () => {
    const { one, two, three, nodes } = await serveThree();
    const inside = [await open(two, 'a-1', nodes), await open(three, 'a-2', nodes)];
    const outside = await open(three, 'b-1', nodes);
    for (let number = 0; number < 100; number += 1) {
      assert.equal(one.router.to('a').send(String(number)), 0);
    }
    one.router.to('b').send('last');
    for (const client of inside) {
      assert.deepEqual(await take(client, 100), numbers(100));
    }
    assert.equal(await outside.next(), 'a["last"]');
  });

  it('count() and to(room).count() are those of all processes, and fall again', async () => {
    const { one, two, three, nodes } = await serveThree();
    const client = await open(one, 'a-1', nodes);
    await open(two, 'a-2', nodes);
    await until(() => three.router.count() === 2);
    assert.equal(three.router.to('a').count(), 2);
    assert.equal(three.router.to('b').count(), 0);
    client.socket.terminate();
    await until(() => three.router.to('a').count() === 1 && three.router.count() === 1);
  });

  it('to(room).close() ends those in the room everywhere, and settles when all have done so', async () => {
    const { one, two, three, nodes } = await serveThree();
    const inside = [await open(one, 'a-1', nodes), await open(two, 'a-2', nodes)];
    const outside = await open(two, 'b-1', nodes);
    await three.router.to('a').close(3000, 'Log in again');
    for (const client of inside) {
      assert.equal(await client.next(), 'c[3000,"Log in again"]');
    }
    await until(() => two.router.to('a').count() === 0);
    two.router.to('b').send('x');
    assert.equal(await outside.next(), 'a["x"]');
  });

  it('to(room).close() without a code says what session.close() does', async () => {
    const { one, two, nodes } = await serveThree();
    const client = await open(two, 'a-1', nodes);
    await one.router.to('a').close();
    assert.equal(await client.next(), 'c[1000,"Normal closure"]');
  });

  it('to(room).close() throws for what cannot be sent, and needs no cluster', async () => {
    const router = sockjs(() => {});
    assert.throws(() => router.to('a').close(1), RangeError);
    assert.equal(router.to('a').count(), 0);
    assert.equal(router.count(), 0);
    await router.to('a').close();
  });

  it('a process that leaves is no longer counted', async () => {
    const { one, two, nodes } = await serveThree();
    await open(one, 'a-1', nodes);
    await one.router.close({ timeout: 0 });
    await until(() => two.router.count() === 0 && two.router.to('a').count() === 0);
    assert.equal(two.router.broadcast('x'), 0);
  });
});

describe('cluster.synced()', () => {
  it('settles when other processes know who has joined', async () => {
    const { one, two, nodes } = await serveThree();
    const client = await open(one, 'a-1', nodes);
    for (const session of one.router.sessions) {
      session.join('late');
      session.join('later');
    }
    await one.router.cluster?.synced();
    assert.equal(two.router.to('later').count(), 1);
    two.router.to('late').send('x');
    assert.equal(await client.next(), 'a["x"]');
  });

  it('settles when other processes have all that was sent', async () => {
    const { one, two, nodes } = await serveThree();
    await open(two, 'a-1', nodes);
    one.router.broadcast('x');
    await one.router.cluster?.synced();
    assert.equal(two.router.stats().messagesOut, 1);
  });

  it('rejects where the process has not joined in time', async () => {
    const registry = new FaultyRegistry(() => new MemoryRegistry(memoryStore()));
    registry.nextFault = () => 'away';
    const router = sockjs({ cluster: { name: 'never', registry, nodeTimeout: 1000 } }, () => {});
    afterTest(async () => {
      await router.close({ timeout: 0 });
    });
    await assert.rejects(router.cluster?.synced() ?? Promise.resolve(), /does not answer/);
  });
});

describe('Where the links between processes break', () => {
  it('each message still arrives once and in order', async () => {
    const cut = watchLinks();
    const { one, two, three, nodes } = await serveThree();
    const clients = [await open(two, 'a-1', nodes), await open(three, 'a-2', nodes)];
    for (let number = 0; number < 300; number += 1) {
      one.router.to('a').send(String(number));
      if (number % 100 === 50) {
        cut(nodes);
        await until(areAll(nodes, 'degraded'));
      } else if (number % 100 === 75) {
        await until(areAll(nodes, 'up'));
      }
    }
    for (const client of clients) {
      assert.deepEqual(await take(client, 300), numbers(300));
    }
  });

  for (const onGap of ['close', 'ignore'] as const) {
    it(`for more than is kept, sessions that have missed a message: onGap ${onGap}`, async () => {
      const cut = watchLinks();
      const { one, two, nodes } = await serveThree(onGap);
      const client = await open(two, 'a-1', nodes);
      cut(nodes);
      await until(areAll(nodes, 'degraded'));
      for (let number = 0; number < 4; number += 1) {
        one.router.to('a').send(String(number).repeat(200_000));
      }
      const first = (await client.next()).slice(0, 4);
      assert.equal(first, onGap === 'close' ? 'c[10' : 'a["2');
    });
  }
});

describe('A process that is not linked with others', () => {
  it('waits until it has joined before it closes a room everywhere', async () => {
    const { two, nodes, store } = await serveThree();
    const client = await open(two, 'a-1', nodes);
    const late = await serveNode(store);
    assert.equal(late.router.cluster?.status, 'down');
    await late.router.to('a').close(3000);
    assert.equal(await client.next(), 'c[3000,""]');
  });

  it('says when it cannot close a room everywhere, and lets that be ignored', async () => {
    const registry = new FaultyRegistry(() => new MemoryRegistry(memoryStore()));
    registry.nextFault = () => 'away';
    const router = sockjs({ cluster: { name: 'alone', registry, nodeTimeout: 1000 } }, () => {});
    const closing = router.to('a').close();
    void router.to('a').close();
    void router.cluster?.synced();
    await assert.rejects(closing, /does not answer/);
    await router.close({ timeout: 0 });
    await assert.rejects(router.to('a').close(), /leaves the cluster/);
  });

  it('dials again at once where a link has ended, also while the registry is away', async () => {
    const cut = watchLinks();
    const { one, two, nodes, registries } = await serveThree();
    const client = await open(two, 'a-1', nodes);
    for (const registry of registries) {
      registry.nextFault = () => 'away';
    }
    await until(areAll(nodes, 'degraded'));
    one.router.to('a').send('before');
    assert.equal(await client.next(), 'a["before"]');
    cut(nodes);
    one.router.to('a').send('after');
    assert.equal(await client.next(), 'a["after"]');
  });
});

describe('The name of a room', () => {
  for (const room of [undefined, null, 5, {}]) {
    it(`is no ${String(room)}: to() throws, and reaches no session`, async () => {
      const { one, nodes } = await serveThree();
      assert.throws(() => one.router.to(room as never), TypeError);
      assert.ok(nodes.every(({ router }) => router.cluster?.status === 'up'));
    });
  }

  it('has at most 1024 characters', () => {
    const router = sockjs(() => {});
    router.to('x'.repeat(1024));
    assert.throws(() => router.to('x'.repeat(1025)), RangeError);
  });
});

describe('A process that leaves', () => {
  it('has sent all that it was told to before', async () => {
    const { one, two, nodes } = await serveThree();
    const client = await open(two, 'a-1', nodes);
    for (const number of numbers(100)) {
      one.router.to('a').send(number);
    }
    await one.router.close({ timeout: 5000 });
    assert.deepEqual(await take(client, 100), numbers(100));
  });
});

describe('A process that joins', () => {
  it('gets what others send as soon as they have heard of it', async () => {
    const { nodes, store } = await serveThree();
    const [one] = nodes;
    assert.ok(one);
    const late = await serveNode(store);
    const client = new WebSocketClient(late.origin, '/echo/000/a-9/websocket');
    assert.equal(await client.next(), 'o');
    await until(() => one.router.cluster?.peers.length === 3);
    one.router.to('a').send('x');
    assert.equal(await client.next(), 'a["x"]');
  });
});
