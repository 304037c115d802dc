/** Runs hostile cases against the listener for links, with the link of a healthy node beside them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { ClusterMetrics } from '../../lib/cluster/cluster-metrics.ts';
import { dial } from '../../lib/cluster/dial.ts';
import { DiallerHandshake } from '../../lib/cluster/handshake.ts';
import { listenForLinks } from '../../lib/cluster/link-listener.ts';
import type { RequesterMessage } from '../../lib/cluster/messages.ts';
import { TimerQueue } from '../../lib/util/timer-queue.ts';
import { handshake } from '../support/http.ts';
import { encoded } from '../support/link-messages.ts';
import { type Case, nextCase } from './cases.ts';
import { type FuzzOptions, runCase, unharmed } from './fuzz.ts';
import { Random } from './random.ts';

const TOKEN = 'the token of the owner';

/**
 * Runs the cases. Most connections know no token; one in ten proves that it is a node, and misbehaves then.
 *
 * @throws AssertionError or Error with seed and case, if the process, the listener or the healthy link was affected
 */
export function fuzzLinks({ seed, cases, concurrency = 32 }: FuzzOptions): Promise<void> {
  return unharmed(seed, (uncaught) => runAgainstListener(seed, cases, concurrency, uncaught));
}

async function runAgainstListener(
  seed: number,
  cases: number,
  concurrency: number,
  uncaught: readonly unknown[],
): Promise<void> {
  const metrics = new ClusterMetrics('fuzz', 'owner');
  const limits = { timers: new TimerQueue(), nodeTimeout: 600_000, maxQueuedBytes: 100_000, metrics };
  const open = new Set<string>();
  // The links catch what their handlers throw.
  const faults: string[] = [];
  const received: RequesterMessage[] = [];
  const listener = await listenForLinks({
    self: { id: 'owner', versions: [1, 1] },
    token: TOKEN,
    at: {},
    limits,
    serve: (link) => {
      if (open.has(link.peer)) {
        faults.push(`two links of ${link.peer}`);
      }
      open.add(link.peer);
      return {
        onMessage(message) {
          if (!open.has(link.peer)) {
            faults.push('a message after the end');
          }
          if (link.peer === 'healthy') {
            received.push(message);
          }
        },
        onWritable() {},
        onEnd() {
          if (!open.delete(link.peer)) {
            faults.push('ended twice');
          }
        },
      };
    },
  });
  const port = Number(listener.address.split(':')[1]);
  const node = { id: 'owner', address: listener.address, token: TOKEN };
  const healthy = await dial({ self: { id: 'healthy', versions: [1, 1] }, node, timeout: 60_000, limits }, () => ({
    onMessage() {},
    onWritable() {},
    onEnd() {},
  }));
  assert.ok(healthy.kind === 'linked');
  const random = new Random(seed);
  let started = 0;
  const worker = async () => {
    while (started < cases && uncaught.length === 0) {
      const number = started;
      started += 1;
      const name = `seed ${seed}, case ${number}`;
      if (random.chance(0.1)) {
        await misbehave(listener.address, `peer-${random.below(8)}`, hostileBytes(random));
      } else {
        await runCase(port, random.chance(0.5) ? nextCase(random) : handshakeCase(random), name);
      }
      healthy.link.send({ type: 'message', seq: number, room: undefined, text: name });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  while (received.length < started) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    [...open].filter((peer) => peer === 'healthy'),
    ['healthy'],
    `the link broke with seed ${seed}`,
  );
  await listener.close();
  assert.equal(open.size, 0, `links left by seed ${seed}`);
  assert.deepEqual(faults, [], `seed ${seed}`);
}

/** An upgrade, and then anything but a proof. */
function handshakeCase(random: Random): Case {
  const payload = random.pick([
    () => random.bytes(random.below(200)),
    () => Buffer.concat([Buffer.of(1, 1, 1), random.bytes(64), Buffer.from('peer')]),
    () => hostileBytes(random),
  ])();
  const opcode = random.chance(0.8) ? 0x82 : random.below(256);
  const head = Buffer.from([opcode, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]);
  const opening = Buffer.from(handshake('/').join('\r\n'));
  return { pieces: [opening, Buffer.concat([head, payload])], ending: random.pick(['wait', 'end', 'reset']) };
}

/** Messages of links of which some bytes are changed, left out or put in. */
function hostileBytes(random: Random): Buffer {
  const messages: RequesterMessage[] = Array.from({ length: 1 + random.below(4) }, (_, i) =>
    random.pick<RequesterMessage>([
      { type: 'attach', rid: i + 1, sessionId: 'a', client: '', transport: 'jsonp-polling', callback: 'cb' },
      { type: 'send', rid: i + 1, sessionId: 'a', client: 'x', family: 'xhr', messages: ['a', '\ud800'], bytes: 5 },
      { type: 'lost', rid: 1 + random.below(3) },
      { type: 'close', seq: i, room: random.text(5), code: 1000 + random.below(4000), reason: 'x' },
    ]),
  );
  const bytes = encoded(messages);
  for (let i = random.below(3); i > 0; i -= 1) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return random.chance(0.7) ? bytes : bytes.subarray(random.below(bytes.length));
}

/** A peer that proves to be a node, sends some bytes, and ends the connection in one of its ways. */
async function misbehave(address: string, id: string, bytes: Buffer): Promise<void> {
  const webSocket = new WebSocket(`ws://${address}/`);
  webSocket.on('error', () => {});
  const closed = once(webSocket, 'close');
  const peer = new DiallerHandshake({ id, versions: [1, 1] }, { id: 'owner', token: TOKEN });
  webSocket.on('message', (data: Buffer) => {
    const check = peer.check(data);
    if (check.kind === 'expected') {
      webSocket.send(check.answer);
    } else {
      // The confirmation.
      webSocket.send(bytes);
      webSocket.send(bytes, { fin: bytes.length % 3 !== 0 });
      if (bytes.length % 2 === 0) {
        webSocket.close();
      } else {
        webSocket.terminate();
      }
    }
  });
  await closed;
}
