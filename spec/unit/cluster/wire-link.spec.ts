/** A link between two nodes: batches, backpressure, signs of life, and every way in which it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { parseAddress } from '../../../lib/cluster/address.ts';
import { ClusterMetrics } from '../../../lib/cluster/cluster-metrics.ts';
import type { OwnerMessage, RequesterMessage } from '../../../lib/cluster/messages.ts';
import { MAX_WEBSOCKET_MESSAGE } from '../../../lib/cluster/wire-link.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { fakeIdleTime } from '../../support/idle-time.ts';
import { encoded } from '../../support/link-messages.ts';
import {
  limitsWith,
  listenAsOwner,
  makeLink,
  type OwnerEnd,
  provenPeer,
  socketPath,
  type TestListener,
  until,
  VERSIONS,
} from '../../support/link-nodes.ts';
import { catchUncaught } from '../../support/uncaught.ts';

const NODE_TIMEOUT = 10_000;

function attach(rid: number): RequesterMessage {
  return { type: 'attach', rid, sessionId: `s${rid}`, client: '', transport: 'xhr-polling', callback: '' };
}

function frame(rid: number, size: number, isLast = false): OwnerMessage {
  return { type: 'frame', rid, bytes: Buffer.alloc(size, 'x'), isLast };
}

function bytesOf(...messages: (RequesterMessage | OwnerMessage)[]): Buffer {
  return encoded(messages);
}

/** A peer that has proved who it is, and the owner's end of its link. */
async function peerOf(listening: TestListener): Promise<{ peer: WebSocket; owner: OwnerEnd }> {
  const peer = await provenPeer(listening.address);
  return { peer, owner: await listening.ends.next() };
}

/** A forwarder to a listener, between two nodes. Its sockets can be frozen, and cut. */
async function forwardTo(address: string): Promise<{ address: string; pairs: [client: Socket, server: Socket][] }> {
  const where = parseAddress(address);
  assert.ok(where);
  const pairs: [Socket, Socket][] = [];
  const server = createServer((client) => {
    const target = createConnection(where);
    pairs.push([client, target]);
    for (const socket of [client, target]) {
      socket.on('error', () => {});
    }
    client.pipe(target).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    server.close();
    for (const socket of pairs.flat()) {
      socket.destroy();
    }
  });
  const own = server.address();
  assert.ok(typeof own === 'object' && own !== null);
  return { address: `127.0.0.1:${own.port}`, pairs };
}

describe('a link', () => {
  for (const [how, at] of [
    ['TCP', () => ({})],
    ['a Unix socket', () => ({ path: socketPath() })],
  ] as const) {
    it(`carries ten thousand messages each way in order, over ${how}`, async () => {
      const { owner, requester } = await makeLink(await listenAsOwner({ at: at() }));
      for (let rid = 1; rid <= 10_000; rid += 1) {
        requester.link.send(attach(rid));
        if (rid % 100 === 0) {
          await turn();
        }
      }
      for (let rid = 1; rid <= 10_000; rid += 1) {
        assert.deepEqual(await owner.messages.next(), attach(rid));
        owner.link.send(frame(rid, rid % 300));
      }
      for (let rid = 1; rid <= 10_000; rid += 1) {
        assert.deepEqual(await requester.messages.next(), frame(rid, rid % 300));
      }
    });
  }

  it('sends all that is queued in a turn as one WebSocket message, at its end', async () => {
    const { peer, owner } = await peerOf(await listenAsOwner());
    const sent: OwnerMessage[] = [{ type: 'ack', seq: 1 }, frame(1, 5000), { type: 'cut', rid: 1 }];
    for (const message of sent) {
      owner.link.send(message);
    }
    const [first] = await once(peer, 'message');
    assert.deepEqual(first, bytesOf(...sent));
    owner.link.send({ type: 'ack', seq: 2 });
    const [second] = await once(peer, 'message');
    assert.deepEqual(second, bytesOf({ type: 'ack', seq: 2 }));
  });

  it('cuts what is larger than a WebSocket message may be', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    requester.link.send(attach(1));
    const text = 'é'.repeat(MAX_WEBSOCKET_MESSAGE);
    requester.link.send({ type: 'message', seq: 1, room: undefined, text });
    assert.equal((await owner.messages.next()).type, 'attach');
    assert.deepEqual(await owner.messages.next(), { type: 'message', seq: 1, room: undefined, text });
    const large = frame(1, 3 * MAX_WEBSOCKET_MESSAGE);
    owner.link.send(large);
    assert.deepEqual(await requester.messages.next(), large);
  });

  it('carries bytes without a mask', async () => {
    const listening = await listenAsOwner();
    const forwarder = await forwardTo(listening.address);
    const { owner, requester } = await makeLink({ ...listening, address: forwarder.address });
    const chunks: Buffer[] = [];
    forwarder.pairs[0]?.[0].on('data', (chunk) => chunks.push(chunk));
    requester.link.send({ type: 'message', seq: 1, room: undefined, text: 'as it is' });
    await owner.messages.next();
    assert.match(Buffer.concat(chunks).toString('latin1'), /as it is/);
  });

  it('leaves the bytes of a frame as they are', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    requester.link.send(attach(1));
    await owner.messages.next();
    const shared = Buffer.alloc(200_000, 'shared');
    const before = Buffer.from(shared);
    owner.link.send({ type: 'frame', rid: 1, bytes: shared, isLast: false });
    await requester.messages.next();
    assert.deepEqual(shared, before);
  });

  it('throws a RangeError for a message that no peer would take, and goes on', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    const bytes = Buffer.allocUnsafeSlow(128 * 1024 * 1024);
    assert.throws(() => owner.link.send({ type: 'frame', rid: 1, bytes, isLast: false }), RangeError);
    owner.link.send({ type: 'ack', seq: 1 });
    assert.equal((await requester.messages.next()).type, 'ack');
  });
});

describe('a link whose peer does not read', () => {
  it('is full at `maxQueuedBytes`, and writable once the peer has read', async () => {
    const { peer, owner } = await peerOf(await listenAsOwner());
    peer.send(bytesOf(attach(1)));
    await owner.messages.next();
    peer.pause();
    let sent = 0;
    // The kernel takes some before the link is full.
    while (!owner.link.isFull) {
      owner.link.send(frame(1, 50_000));
      sent += 1;
      if (sent % 10 === 0) {
        await turn();
      }
    }
    assert.equal(owner.writable.size, 0);
    // Messages that are no frames pass.
    owner.link.send({ type: 'ack', seq: 1 });
    let received = 0;
    peer.on('message', (data: Buffer) => {
      received += data.length;
    });
    peer.resume();
    await owner.writable.next();
    assert.equal(owner.link.isFull, false);
    const head = bytesOf(frame(1, 0)).length;
    while (received < sent * (50_000 + head) + bytesOf({ type: 'ack', seq: 1 }).length) {
      await once(peer, 'message');
    }
    assert.equal(owner.writable.size, 0);
  });

  it('is full before the turn ends', async () => {
    const { owner } = await peerOf(await listenAsOwner({ limits: limitsWith({ maxQueuedBytes: 1000 }) }));
    owner.link.send(frame(1, 980));
    assert.equal(owner.link.isFull, false);
    owner.link.send(frame(1, 20));
    assert.equal(owner.link.isFull, true);
    await owner.writable.next();
  });

  it('ends when the peer makes it queue as much again of what always passes', async () => {
    const { peer, owner } = await peerOf(await listenAsOwner({ limits: limitsWith({ maxQueuedBytes: 100_000 }) }));
    peer.pause();
    let queued = 0;
    while (owner.endCount === 0) {
      const size = owner.link.isFull ? 1000 : 50_000;
      queued = owner.link.isFull ? queued + size : 0;
      owner.link.send(frame(1, size));
      assert.ok(queued < 400_000, 'the link grows');
      await turn();
    }
    assert.equal(await owner.ended, 'overrun');
  });
});

describe('the signs of life of a link', () => {
  it('are asked for by a ping every quarter of `nodeTimeout`, from both ends', async () => {
    const clock = stopClock();
    const listening = await listenAsOwner({ limits: limitsWith({ nodeTimeout: NODE_TIMEOUT }) });
    const { peer, owner } = await peerOf(listening);
    for (let i = 0; i < 12; i += 1) {
      const ping = once(peer, 'ping');
      clock.tick(NODE_TIMEOUT / 4);
      await ping;
      peer.pong();
      // A sign of life that the owner's end has seen.
      peer.send(bytesOf({ type: 'message', seq: i, room: undefined, text: '' }));
      await owner.messages.next();
    }
    assert.equal(owner.endCount, 0);
  });

  it('are the pongs and pings of a peer that has nothing to say', async () => {
    const clock = stopClock();
    const limits = limitsWith({ nodeTimeout: NODE_TIMEOUT });
    const listening = await listenAsOwner({ limits });
    const forwarder = await forwardTo(listening.address);
    const { owner, requester } = await makeLink({ ...listening, address: forwarder.address }, { limits });
    const [[, toOwner] = []] = forwarder.pairs;
    assert.ok(toOwner);
    for (let i = 0; i < 12; i += 1) {
      const written = toOwner.bytesWritten;
      clock.tick(NODE_TIMEOUT / 4);
      // A ping and a pong of 6 bytes each.
      await until(() => toOwner.bytesWritten >= written + 12);
      // The owner reads them.
      await turn();
      await turn();
    }
    assert.equal(owner.endCount + requester.endCount, 0);
  });

  it('end the link at both ends when they fail to come for `nodeTimeout`', async () => {
    const clock = stopClock();
    const limits = limitsWith({ nodeTimeout: NODE_TIMEOUT });
    const listening = await listenAsOwner({ limits });
    const forwarder = await forwardTo(listening.address);
    const { owner, requester } = await makeLink({ ...listening, address: forwarder.address }, { limits });
    for (const socket of forwarder.pairs.flat()) {
      socket.unpipe().pause();
    }
    clock.tick(NODE_TIMEOUT - 1);
    await turn();
    assert.equal(owner.endCount + requester.endCount, 0);
    clock.tick(1);
    assert.equal(await owner.ended, 'silent');
    assert.equal(await requester.ended, 'silent');
  });

  it('are waited for again after a stall of this process', async () => {
    const clock = stopClock();
    const loop = fakeIdleTime();
    const { peer, owner } = await peerOf(await listenAsOwner({ limits: limitsWith({ nodeTimeout: NODE_TIMEOUT }) }));
    // No timer runs for so long, and then all that are due.
    clock.jump(3 * NODE_TIMEOUT);
    assert.equal(owner.endCount, 0);
    peer.send(bytesOf({ type: 'message', seq: 1, room: undefined, text: '' }));
    await owner.messages.next();
    loop.idle += 1;
    await turn();
    await turn();
    clock.tick(NODE_TIMEOUT - 1);
    assert.equal(owner.endCount, 0);
    clock.tick(NODE_TIMEOUT);
    assert.equal(await owner.ended, 'silent');
  });

  it('queue one ping at most while the kernel takes none', async () => {
    const clock = stopClock();
    const listening = await listenAsOwner({ limits: limitsWith({ nodeTimeout: NODE_TIMEOUT }) });
    const { peer, owner } = await peerOf(listening);
    peer.pause();
    while (!owner.link.isFull) {
      owner.link.send(frame(1, 50_000));
      await turn();
    }
    for (let i = 0; i < 20; i += 1) {
      clock.tick(NODE_TIMEOUT / 4);
      peer.send(bytesOf({ type: 'message', seq: i, room: undefined, text: '' }));
      await owner.messages.next();
    }
    let pings = 0;
    peer.on('ping', () => {
      pings += 1;
    });
    const last = bytesOf({ type: 'ack', seq: 1 });
    const isRead = new Promise<void>((resolve) => {
      peer.on('message', (data: Buffer) => data.equals(last) && resolve());
    });
    peer.resume();
    await owner.writable.next();
    owner.link.send({ type: 'ack', seq: 1 });
    await isRead;
    assert.equal(pings, 1);
  });
});

describe('what is measured of a link', () => {
  function measured() {
    const metrics = { owner: new ClusterMetrics('test', 'owner'), requester: new ClusterMetrics('test', 'requester') };
    const limitsOf = (of: ClusterMetrics) => limitsWith({ nodeTimeout: NODE_TIMEOUT, metrics: of });
    const make = async () => {
      const listening = await listenAsOwner({ limits: limitsOf(metrics.owner) });
      return { listening, ...(await makeLink(listening, { limits: limitsOf(metrics.requester) })) };
    };
    return { metrics, make, limitsOf };
  }

  it('counts requests once at each end, and the bytes of all messages', async () => {
    const { metrics, make } = measured();
    const { owner, requester } = await make();
    const asked: RequesterMessage[] = [
      attach(1),
      { type: 'send', rid: 2, sessionId: 's', client: '', family: 'xhr', messages: ['m'], bytes: 5 },
      attach(3),
      { type: 'left', rid: 1 },
      { type: 'got', rid: 2 },
    ];
    const answers: OwnerMessage[] = [{ type: 'attached', rid: 1 }, frame(1, 3 * MAX_WEBSOCKET_MESSAGE, true)];
    for (const message of asked) {
      requester.link.send(message);
    }
    for (const _ of asked) {
      await owner.messages.next();
    }
    for (const message of answers) {
      owner.link.send(message);
    }
    for (const _ of answers) {
      await requester.messages.next();
    }
    const [there, back] = [bytesOf(...asked).length, bytesOf(...answers).length];
    const relayed = { receiving: 2, sends: 1 };
    const none = { receiving: 0, sends: 0 };
    const atOwner = metrics.owner.snapshot(1);
    const atRequester = metrics.requester.snapshot(1);
    assert.deepEqual([atOwner.relayedIn, atOwner.relayedOut], [relayed, none]);
    assert.deepEqual([atRequester.relayedIn, atRequester.relayedOut], [none, relayed]);
    assert.deepEqual([atOwner.bytesIn, atOwner.bytesOut], [there, back]);
    assert.deepEqual([atRequester.bytesIn, atRequester.bytesOut], [back, there]);
  });

  it('does not count a request that no link takes, or that comes out of turn', async () => {
    const { metrics, make } = measured();
    const { owner, requester } = await make();
    const messages = [Buffer.alloc(129 * 1024 * 1024, 'x').toString('latin1')];
    const tooLarge = { type: 'send', rid: 1, sessionId: 's', client: '', family: 'xhr', messages, bytes: 5 } as const;
    assert.throws(() => requester.link.send(tooLarge), RangeError);
    requester.link.send(attach(2));
    assert.equal(await owner.ended, 'malformed');
    assert.deepEqual(metrics.requester.relayedOut, { receiving: 1, sends: 0 });
    assert.deepEqual(metrics.owner.relayedIn, { receiving: 0, sends: 0 });
  });

  it('counts the link at both ends until it ends, and then its cause', async () => {
    const { metrics, make } = measured();
    const { owner, requester } = await make();
    const counted = () => {
      const [atOwner, atRequester] = [metrics.owner.snapshot(1), metrics.requester.snapshot(1)];
      return [atOwner.links, atRequester.links, atOwner.linksEnded, atRequester.linksEnded];
    };
    assert.deepEqual(counted(), [{ dialled: 0, accepted: 1 }, { dialled: 1, accepted: 0 }, {}, {}]);
    requester.link.end();
    requester.link.end();
    await owner.ended;
    const none = { dialled: 0, accepted: 0 };
    assert.deepEqual(counted(), [none, none, { peer: 1 }, { closed: 1 }]);
  });

  it('counts a link whose handler could not be made', async () => {
    const { metrics, limitsOf } = measured();
    const serve = () => {
      throw new Error('no handler');
    };
    const { address } = await listenAsOwner({ limits: limitsOf(metrics.owner), serve });
    await provenPeer(address);
    assert.deepEqual(metrics.owner.snapshot(1).links, { dialled: 0, accepted: 0 });
    assert.deepEqual(metrics.owner.snapshot(1).linksEnded, { failed: 1 });
  });

  it('has the bytes that wait', async () => {
    const { metrics, make } = measured();
    const { owner, requester } = await make();
    owner.link.send(frame(1, 1000));
    assert.equal(metrics.owner.snapshot(1).queuedBytes, bytesOf(frame(1, 1000)).length);
    requester.link.end();
    await owner.ended;
    assert.equal(metrics.owner.snapshot(1).queuedBytes, 0);
  });

  it('times a ping until its answer, and no other one meanwhile', async () => {
    const clock = stopClock();
    const metrics = new ClusterMetrics('test', 'owner');
    const { peer } = await peerOf(await listenAsOwner({ limits: limitsWith({ nodeTimeout: NODE_TIMEOUT, metrics }) }));
    const pings = new AsyncQueue<Buffer>();
    peer.on('ping', (data) => pings.push(data));
    const roundTrip = () => metrics.snapshot(1).roundTrip;
    const answer = async (data: Buffer) => {
      const bytes = metrics.bytesIn;
      peer.pong(data);
      peer.send(bytesOf({ type: 'message', seq: 1, room: undefined, text: '' }));
      await until(() => metrics.bytesIn > bytes);
    };
    clock.tick(NODE_TIMEOUT / 4);
    const first = await pings.next();
    clock.tick(7);
    assert.equal(roundTrip(), undefined);
    await answer(first);
    assert.equal(roundTrip(), 7);
    clock.tick(NODE_TIMEOUT / 4 - 7);
    const second = await pings.next();
    clock.tick(5);
    assert.equal(roundTrip(), 7);
    clock.tick(NODE_TIMEOUT / 4 - 5);
    const third = await pings.next();
    assert.equal(roundTrip(), NODE_TIMEOUT / 4);
    await answer(third);
    assert.equal(roundTrip(), NODE_TIMEOUT / 4);
    clock.tick(3);
    await answer(second);
    clock.tick(10);
    assert.equal(roundTrip(), NODE_TIMEOUT / 4 + 3);
    // An answer to what was not asked.
    await answer(second);
    assert.equal(roundTrip(), NODE_TIMEOUT / 4 + 3);
  });

  it('times the pings of a node that has nothing to say', async () => {
    const clock = stopClock();
    const { metrics, make } = measured();
    await make();
    clock.tick(NODE_TIMEOUT / 4);
    await until(() => metrics.owner.snapshot(1).roundTrip === 0 && metrics.requester.snapshot(1).roundTrip === 0);
  });
});

describe('the end of a link', () => {
  it('comes at once with end(), drops what is queued, and is told once at each end', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    owner.link.send({ type: 'ack', seq: 1 });
    owner.link.end();
    assert.equal(owner.endCount, 1);
    owner.link.end();
    owner.link.send({ type: 'ack', seq: 2 });
    assert.equal(owner.link.isFull, true);
    assert.equal(await owner.ended, 'closed');
    assert.equal(await requester.ended, 'peer');
    assert.equal(requester.messages.size, 0);
    await turn();
    assert.deepEqual([owner.endCount, requester.endCount], [1, 1]);
  });

  it('drops nothing when delivered() has settled before', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    for (let rid = 1; rid <= 5000; rid += 1) {
      requester.link.send(attach(rid));
    }
    await requester.link.delivered();
    assert.equal(owner.messages.size, 5000);
    requester.link.end();
    assert.equal(await owner.ended, 'peer');
  });

  it('settles delivered(), which then has nothing to wait for', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    const delivered = requester.link.delivered();
    owner.link.end();
    await delivered;
    await requester.ended;
    await requester.link.delivered();
  });

  it('stops the messages that came with the one at which it was ended', async () => {
    const calls: string[] = [];
    const listening = await listenAsOwner({
      serve: (link) => ({
        onMessage({ type }) {
          calls.push(type);
          link.end();
        },
        onWritable() {},
        onEnd: () => calls.push('end'),
      }),
    });
    const peer = await provenPeer(listening.address);
    peer.send(bytesOf(attach(1), attach(2)));
    peer.send(bytesOf(attach(3)));
    await once(peer, 'close');
    assert.deepEqual(calls, ['attach', 'end']);
  });

  it('comes when the handler throws, and the process lives on', async () => {
    const { peer, owner } = await peerOf(await listenAsOwner());
    owner.onReceived = () => {
      throw new Error('no');
    };
    peer.send(bytesOf(attach(1)));
    assert.equal(await owner.ended, 'failed');
    assert.equal(owner.endCount, 1);
  });

  it('comes before the handler is known, where `serve` ends the link', async () => {
    let ends = 0;
    const listening = await listenAsOwner({
      serve: (link) => {
        link.end();
        return { onMessage() {}, onWritable() {}, onEnd: () => (ends += 1) };
      },
    });
    const peer = await provenPeer(listening.address).catch(() => undefined);
    assert.ok(peer === undefined || peer.readyState !== peer.CONNECTING);
    await until(() => ends > 0);
    assert.equal(ends, 1);
  });

  it('throws nothing into the process, even where the handler of the end does', async () => {
    const uncaught: unknown[] = [];
    catchUncaught((error) => uncaught.push(error));
    const listening = await listenAsOwner({
      serve: () => ({
        onMessage() {},
        onWritable() {},
        onEnd() {
          throw new Error('no');
        },
      }),
    });
    const peer = await provenPeer(listening.address);
    peer.terminate();
    await turn();
    await listening.listener.close();
    assert.deepEqual(uncaught, []);
  });

  for (const [what, act, cause] of [
    ['closes its WebSocket', (peer: WebSocket) => peer.close(), 'peer'],
    ['closes its WebSocket without waiting for an answer', (peer: WebSocket) => peer.close(4999, 'x'), 'peer'],
    ['sends a close frame, and reads nothing more', (peer: WebSocket) => closeDeaf(peer), 'peer'],
    ['ends its side of the connection', (peer: WebSocket) => rawSocketOf(peer).end(), 'peer'],
    ['resets the connection', (peer: WebSocket) => rawSocketOf(peer).resetAndDestroy(), 'peer'],
    ['sends text', (peer: WebSocket) => peer.send('text'), 'malformed'],
    ['sends a message in fragments', (peer: WebSocket) => sendFragments(peer), 'malformed'],
    ['sends bytes that are no WebSocket frame', (peer: WebSocket) => rawSocketOf(peer).write('????'), 'malformed'],
    ['sends random bytes', (peer: WebSocket) => peer.send(Buffer.from('7f3a99'.repeat(50), 'hex')), 'malformed'],
    ['announces a huge message', (peer: WebSocket) => peer.send(Buffer.from('ffffffff', 'hex')), 'malformed'],
    [
      'announces a huge WebSocket message',
      (peer: WebSocket) => rawSocketOf(peer).write(Buffer.from('82ff00000000ffffffff00000000', 'hex')),
      'malformed',
    ],
    ['speaks another version', (peer: WebSocket) => peer.send(encoded([attach(1)], 2)), 'malformed'],
    ['says what an owner says', (peer: WebSocket) => peer.send(bytesOf({ type: 'ack', seq: 1 })), 'malformed'],
    ['speaks of a request to come', (peer: WebSocket) => peer.send(bytesOf({ type: 'lost', rid: 1 })), 'malformed'],
    ['leaves out a request id', (peer: WebSocket) => peer.send(bytesOf(attach(2))), 'malformed'],
    ['uses a request id twice', (peer: WebSocket) => peer.send(bytesOf(attach(1), attach(1))), 'malformed'],
  ] as const) {
    it(`comes when the peer ${what}, for the cause "${cause}"`, async () => {
      const listening = await listenAsOwner();
      const { peer, owner } = await peerOf(listening);
      act(peer);
      assert.equal(await owner.ended, cause);
      assert.equal(owner.endCount, 1);
      // Nothing is left that keeps the listener open.
      await listening.listener.close();
    });
  }

  it('does not come for an answer to any request that there was', async () => {
    const { peer, owner } = await peerOf(await listenAsOwner());
    peer.send(
      bytesOf(attach(1), attach(2), { type: 'lost', rid: 1 }, { type: 'lost', rid: 1 }, { type: 'left', rid: 2 }),
    );
    for (let i = 0; i < 5; i += 1) {
      await owner.messages.next();
    }
    assert.equal(owner.endCount, 0);
  });

  it('comes at the requester when the owner speaks of a request to come', async () => {
    const { owner, requester } = await makeLink(await listenAsOwner());
    requester.link.send(attach(1));
    await owner.messages.next();
    owner.link.send({ type: 'attached', rid: 1 });
    await requester.messages.next();
    owner.link.send({ type: 'attached', rid: 2 });
    assert.equal(await requester.ended, 'malformed');
    assert.equal(await owner.ended, 'peer');
  });

  it('comes at both ends when the connection between them is cut', async () => {
    const listening = await listenAsOwner();
    const forwarder = await forwardTo(listening.address);
    const { owner, requester } = await makeLink({ ...listening, address: forwarder.address });
    for (const socket of forwarder.pairs.flat()) {
      socket.resetAndDestroy();
    }
    assert.equal(await owner.ended, 'peer');
    assert.equal(await requester.ended, 'peer');
  });

  it('comes once where the peer, the handler and the listener end it at the same time', async () => {
    const listening = await listenAsOwner();
    const { peer, owner } = await peerOf(listening);
    owner.onReceived = () => owner.link.end();
    peer.send(bytesOf(attach(1)));
    peer.terminate();
    const closed = listening.listener.close();
    owner.link.end();
    await closed;
    await turn();
    assert.equal(owner.endCount, 1);
  });

  it('is told to a new link of the same node, too, which goes on', async () => {
    const listening = await listenAsOwner();
    const self = { id: 'a', versions: VERSIONS };
    const first = await makeLink(listening, { self });
    first.requester.link.send(attach(1));
    const second = await makeLink(listening, { self });
    // The numbers begin anew.
    second.requester.link.send(attach(1));
    assert.deepEqual(await second.owner.messages.next(), attach(1));
    assert.equal(await first.owner.ended, 'replaced');
  });
});

/** The connection below the WebSocket of a peer. */
function rawSocketOf(peer: WebSocket): Socket {
  return (peer as unknown as { _socket: Socket })._socket;
}

function closeDeaf(peer: WebSocket): void {
  peer.pause();
  rawSocketOf(peer).write(Buffer.from('888000000000', 'hex'));
}

function sendFragments(peer: WebSocket): void {
  const bytes = bytesOf(attach(1));
  peer.send(bytes.subarray(0, 10), { fin: false });
  peer.send(bytes.subarray(10), { fin: true });
}
