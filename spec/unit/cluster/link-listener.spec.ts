/** The listener for links, and peers that are none. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ListenerHandshake } from '../../../lib/cluster/handshake.ts';
import { Random } from '../../hostile/random.ts';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake } from '../../support/http.ts';
import { encoded } from '../../support/link-messages.ts';
import {
  connectTo,
  dialOwner,
  limitsWith,
  listenAsOwner,
  makeLink,
  openWebSocket,
  provenPeer,
  socketPath,
  type TestListener,
  until,
  VERSIONS,
} from '../../support/link-nodes.ts';
import { TLS } from '../../support/tls-certificate.ts';

const UPGRADE = handshake('/').join('\r\n');

/** Waits until no connection waits at a listener. */
function noneWaiting({ listener }: TestListener): Promise<void> {
  return until(() => listener.waitingCount === 0);
}

/** Settles with all that was received when a connection has closed. */
async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // Not `once()` of node:events, which rejects for a reset.
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

/** A link still works. */
async function assertServes(listening: TestListener, id = 'healthy'): Promise<void> {
  const { owner, requester } = await makeLink(listening, { self: { id, versions: VERSIONS } });
  requester.link.send({ type: 'message', seq: 1, room: 'room', text: 'x' });
  assert.equal((await owner.messages.next()).type, 'message');
  owner.link.send({ type: 'ack', seq: 1 });
  assert.equal((await requester.messages.next()).type, 'ack');
  requester.link.end();
  await owner.ended;
}

describe('a listener for links', () => {
  it('listens on a free port of the loopback interface', async () => {
    const { address } = await listenAsOwner();
    assert.match(address, /^127\.0\.0\.1:\d+$/);
  });

  it('has a port of its own in each worker of node:cluster', async () => {
    const program = fileURLToPath(new URL('../../support/fixtures/link-workers.ts', import.meta.url));
    const workers = new Child('workers', spawnChild(process.execPath, ['--import', 'tsx/esm', program]));
    afterTest(() => workers.kill());
    const [first] = await workers.line(/^listens at (.+)$/);
    const [second] = await workers.line(/^listens at (.+)$/);
    assert.notEqual(first, second);
  });

  it('rejects where it cannot listen', async () => {
    const { address } = await listenAsOwner();
    await assert.rejects(listenAsOwner({ at: { port: Number(address.split(':')[1]) } }), { code: 'EADDRINUSE' });
    await assert.rejects(listenAsOwner({ at: { path: '/nowhere/at/all' } }), Error);
  });

  it('rejects for a token that could be guessed, and for an id that does not fit', async () => {
    await assert.rejects(listenAsOwner({ token: 'short' }), RangeError);
    await assert.rejects(listenAsOwner({ self: { id: '', versions: VERSIONS } }), RangeError);
  });

  it('ends the earlier link of a node before it serves the later one', async () => {
    const events: string[] = [];
    const listening = await listenAsOwner({
      serve: (link) => {
        events.push(`serve ${link.peer}`);
        return { onMessage() {}, onWritable() {}, onEnd: () => events.push(`end ${link.peer}`) };
      },
    });
    const first = await dialOwner(listening.address, { self: { id: 'a', versions: VERSIONS } });
    await dialOwner(listening.address, { self: { id: 'b', versions: VERSIONS } });
    const second = await dialOwner(listening.address, { self: { id: 'a', versions: VERSIONS } });
    assert.equal(await first.end?.ended, 'peer');
    assert.deepEqual(events, ['serve a', 'serve b', 'end a', 'serve a']);
    assert.equal(second.end?.endCount, 0);
    await listening.listener.close();
    assert.equal(await second.end?.ended, 'peer');
  });

  it('keeps the later link of a node when its earlier one is ended once more', async () => {
    const listening = await listenAsOwner();
    const first = await makeLink(listening);
    const second = await makeLink(listening);
    first.owner.link.end();
    assert.equal(await first.owner.ended, 'replaced');
    const third = await makeLink(listening);
    assert.equal(await second.owner.ended, 'replaced');
    assert.deepEqual([first.owner.endCount, second.owner.endCount, third.owner.endCount], [1, 1, 0]);
  });

  it('serves no link whose earlier one has closed the listener as it ended', async () => {
    let served = 0;
    const listening: TestListener = await listenAsOwner({
      serve: () => {
        served += 1;
        return {
          onMessage() {},
          onWritable() {},
          onEnd() {
            listening.listener.close().catch(() => {});
          },
        };
      },
    });
    await dialOwner(listening.address);
    const { result } = await dialOwner(listening.address);
    assert.equal(result.kind, 'failed');
    assert.equal(served, 1);
    await listening.listener.close();
  });

  it('lives on where `serve` throws, and ends the link', async () => {
    const { address } = await listenAsOwner({
      serve: () => {
        throw new Error('no');
      },
    });
    const { end } = await dialOwner(address);
    assert.equal(await end?.ended, 'peer');
  });

  for (const [how, options] of [
    ['TCP', () => ({})],
    ['TLS', () => ({ tls: TLS })],
    ['a Unix socket', () => ({ at: { path: socketPath() } })],
  ] as const) {
    it(`ends all links and connections when it is closed, over ${how}`, async () => {
      const listening = await listenAsOwner(options());
      const { owner, requester } = await makeLink(listening, how === 'TLS' ? { tls: { ca: TLS.cert } } : {});
      const silent = await connectTo(listening.address);
      await makeLink(listening, {
        ...(how === 'TLS' ? { tls: { ca: TLS.cert } } : {}),
        self: { id: 'other', versions: VERSIONS },
      });
      const closed = listening.listener.close();
      assert.equal(owner.endCount, 1);
      await closed;
      await listening.listener.close();
      assert.equal(await owner.ended, 'closed');
      assert.equal(await requester.ended, 'peer');
      await received(silent);
      if (how === 'a Unix socket') {
        assert.equal(existsSync(listening.address), false);
      }
    });
  }

  it('may be closed once more by a link that it ends', async () => {
    const listening = await listenAsOwner();
    const { owner } = await makeLink(listening);
    const closed: Promise<void>[] = [];
    owner.onEnded = () => closed.push(listening.listener.close());
    const first = listening.listener.close();
    assert.deepEqual(closed, [first]);
    await first;
  });

  it('is not kept open by a handshake under way', async () => {
    const listening = await listenAsOwner();
    const webSocket = openWebSocket(listening.address);
    await once(webSocket, 'message');
    await listening.listener.close();
    await once(webSocket, 'close');
  });
});

describe('a listener for links, before a peer has proved who it is,', () => {
  it('refuses a request of a browser', async () => {
    const listening = await listenAsOwner();
    for (const header of ['Origin', 'Sec-WebSocket-Origin']) {
      const webSocket = openWebSocket(listening.address, { [header]: 'http://127.0.0.1' });
      const [, res] = await once(webSocket, 'unexpected-response');
      assert.equal(res.statusCode, 403);
      res.destroy();
      assert.equal(await listening.refused.next(), 'origin');
    }
    await noneWaiting(listening);
  });

  it('answers 426 to a request that is no upgrade, and closes', async () => {
    const listening = await listenAsOwner();
    const socket = await connectTo(listening.address);
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello');
    assert.match(await received(socket), /^HTTP\/1\.1 426 /);
    await noneWaiting(listening);
  });

  it('gives each connection 5 s, however much it says in the meantime', async () => {
    const clock = stopClock();
    const listening = await listenAsOwner({ limits: limitsWith() });
    const silent = await connectTo(listening.address);
    const slow = await connectTo(listening.address);
    const webSocket = openWebSocket(listening.address);
    await once(webSocket, 'message');
    slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
    await until(() => listening.listener.waitingCount === 3);
    for (let i = 0; i < 4; i += 1) {
      clock.tick(1000);
      slow.write(`X-${i}: x\r\n`);
      webSocket.ping();
      await turn();
    }
    clock.tick(999);
    assert.equal(listening.listener.waitingCount, 3);
    const closed = [received(silent), received(slow), once(webSocket, 'close')];
    clock.tick(1);
    await Promise.all(closed);
    assert.equal(listening.listener.waitingCount, 0);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => listening.refused.next())), ['late', 'late', 'late']);
  });

  it('gives a connection 5 s over TLS, too', async () => {
    const clock = stopClock();
    const listening = await listenAsOwner({ limits: limitsWith(), tls: TLS });
    const silent = await connectTo(listening.address);
    await until(() => listening.listener.waitingCount === 1);
    const closed = received(silent);
    clock.tick(5000);
    await closed;
    assert.equal(await listening.refused.next(), 'late');
  });

  it('keeps no connection whose TLS handshake has failed', async () => {
    const listening = await listenAsOwner({ tls: TLS });
    assert.equal((await dialOwner(listening.address)).result.kind, 'failed');
    assert.equal((await dialOwner(listening.address, { tls: {} })).result.kind, 'failed');
    const socket = await connectTo(listening.address);
    socket.resetAndDestroy();
    await noneWaiting(listening);
    assert.equal(listening.refused.size, 0);
  });

  it('does not time a link out that was proved', async () => {
    const clock = stopClock();
    const limits = limitsWith({ nodeTimeout: 1_000_000 });
    const listening = await listenAsOwner({ limits });
    const { owner, requester } = await makeLink(listening, { limits });
    assert.equal(listening.listener.waitingCount, 0);
    clock.tick(10_000);
    requester.link.send({ type: 'message', seq: 1, room: undefined, text: 'x' });
    assert.equal((await owner.messages.next()).type, 'message');
    owner.link.send({ type: 'ack', seq: 1 });
    assert.equal((await requester.messages.next()).type, 'ack');
  });

  it('holds 100 of 200 connections that say nothing, and serves nodes all the time', async () => {
    const listening = await listenAsOwner();
    const silent: Socket[] = [];
    for (let i = 0; i < 200; i += 1) {
      silent.push(await connectTo(listening.address));
    }
    await assertServes(listening);
    assert.ok(listening.listener.waitingCount <= 100);
    for (let i = 0; i < 100; i += 1) {
      assert.equal(await listening.refused.next(), 'crowded');
    }
    // Those that came first have made room.
    await Promise.all(silent.slice(0, 100).map((socket) => socket.closed || received(socket)));
    assert.ok(silent.slice(-50).every((socket) => !socket.closed));
  });

  it('takes no more than 1 KiB', async () => {
    const listening = await listenAsOwner();
    const socket = await connectTo(listening.address);
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(1024)}`);
    assert.match(await received(socket), /^HTTP\/1\.1 431 /);
    for (const send of [
      (webSocket: ReturnType<typeof openWebSocket>) => webSocket.send(Buffer.alloc(1030)),
      // An unfinished message, and one that never ends.
      (webSocket: ReturnType<typeof openWebSocket>) => webSocket.send(Buffer.alloc(1030), { fin: false }),
      (webSocket: ReturnType<typeof openWebSocket>) => {
        for (let i = 0; i < 10; i += 1) {
          webSocket.ping(Buffer.alloc(120));
        }
      },
    ]) {
      const webSocket = openWebSocket(listening.address);
      await once(webSocket, 'message');
      send(webSocket);
      const [code] = await once(webSocket, 'close');
      assert.ok(code === 4000 || code === 1006, String(code));
      assert.equal(await listening.refused.next(), 'malformed');
    }
    await noneWaiting(listening);
  });

  it('cuts a peer that goes on talking after a refusal, before its time is up', async () => {
    stopClock();
    const listening = await listenAsOwner({ limits: limitsWith() });
    const socket = await connectTo(listening.address);
    const all = received(socket);
    socket.write(UPGRADE);
    // A text message, then binary messages without an end.
    socket.write(Buffer.from('818000000000', 'hex'));
    const write = (error?: Error | null) => {
      if (!error) {
        socket.write(Buffer.from('828000000000'.repeat(100), 'hex'), write);
      }
    };
    write();
    assert.match(await all, /^HTTP\/1\.1 101 /);
    await noneWaiting(listening);
  });

  for (const [what, bytes] of [
    ['text', 'hello'],
    ['nothing', Buffer.alloc(0)],
    ['an answer without a proof', Buffer.concat([Buffer.of(1, 1, 1), Buffer.alloc(64), Buffer.from('peer')])],
    ['the challenge of a node', new ListenerHandshake({ id: 'peer', versions: VERSIONS }, 'x'.repeat(16)).challenge],
    ['a message of links', encoded([{ type: 'left', rid: 1 }])],
    ['another layout', Buffer.concat([Buffer.of(2, 1, 1), Buffer.alloc(64), Buffer.from('peer')])],
  ] as const) {
    it(`refuses a peer that sends ${what}`, async () => {
      const listening = await listenAsOwner();
      const webSocket = openWebSocket(listening.address);
      await once(webSocket, 'message');
      webSocket.send(bytes);
      const [code] = await once(webSocket, 'close');
      const isProofWrong = what === 'an answer without a proof';
      assert.equal(code, isProofWrong ? 4001 : 4000);
      assert.equal(await listening.refused.next(), isProofWrong ? 'unproven' : 'malformed');
      assert.equal(listening.ends.size, 0);
      await assertServes(listening);
    });
  }

  it('says nothing but its challenge to a peer without the token', async () => {
    const listening = await listenAsOwner();
    const socket = await connectTo(listening.address);
    // A binary message with the challenge, and a close frame with 4001.
    const challengeSize = 2 + 35 + 'owner'.length;
    let all = '';
    socket.on('data', (chunk) => {
      all += chunk.toString('latin1');
      const { length } = all.split('\r\n\r\n')[1] ?? '';
      if (length === challengeSize) {
        const answer = Buffer.concat([Buffer.of(1, 1, 1), Buffer.alloc(64), Buffer.from('peer')]);
        socket.write(Buffer.concat([Buffer.of(0x82, 0x80 + answer.length, 0, 0, 0, 0), answer]));
      } else if (length > challengeSize) {
        socket.end();
      }
    });
    socket.write(UPGRADE);
    const [, frames = ''] = (await received(socket)).split('\r\n\r\n');
    assert.equal(frames.length, challengeSize + 4);
    assert.equal(Buffer.from(frames.slice(-4), 'latin1').toString('hex'), '88020fa1');
  });

  it('lives on when peers break off in the middle of the handshake', async () => {
    const listening = await listenAsOwner();
    const head = Buffer.from(UPGRADE);
    for (const end of [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()]) {
      for (const part of [head.subarray(0, 0), head.subarray(0, 20), head, Buffer.concat([head, Buffer.of(0x82)])]) {
        const socket = await connectTo(listening.address);
        socket.resume();
        socket.write(part);
        if (part.length >= head.length) {
          await once(socket, 'data');
        }
        end(socket);
      }
    }
    await noneWaiting(listening);
    assert.equal(listening.ends.size, 0);
    await assertServes(listening);
  });

  it('lives on under random bytes', async () => {
    const listening = await listenAsOwner();
    const random = new Random(1);
    for (let i = 0; i < 200; i += 1) {
      const socket = await connectTo(listening.address);
      const all = received(socket);
      const bytes = random.bytes(random.below(200));
      socket.write(random.chance(0.5) ? Buffer.concat([Buffer.from(UPGRADE), bytes]) : bytes);
      if (random.chance(0.5)) {
        socket.end();
      } else {
        socket.resetAndDestroy();
      }
      await all;
    }
    await noneWaiting(listening);
    await assertServes(listening);
  });

  it('closes while peers are in every state', async () => {
    const listening = await listenAsOwner();
    const sockets = await Promise.all(Array.from({ length: 20 }, () => connectTo(listening.address)));
    for (const [i, socket] of sockets.entries()) {
      socket.write(UPGRADE.slice(0, i % 2 === 0 ? 30 : undefined));
    }
    await provenPeer(listening.address);
    await listening.listener.close();
    assert.equal(listening.listener.waitingCount, 0);
    afterTest(() => listening.listener.close());
  });
});
