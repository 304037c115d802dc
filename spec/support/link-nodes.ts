/** Nodes that listen and dial on the loopback interface, and peers that keep to no rule. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { parseAddress } from '../../lib/cluster/address.ts';
import { ClusterMetrics } from '../../lib/cluster/cluster-metrics.ts';
import { type DialOptions, type DialResult, dial } from '../../lib/cluster/dial.ts';
import { DiallerHandshake, type LinkVersions } from '../../lib/cluster/handshake.ts';
import type { LinkHandler } from '../../lib/cluster/link.ts';
import type { ListenerRefusal } from '../../lib/cluster/link-cause.ts';
import { type LinkListener, type ListenOptions, listenForLinks } from '../../lib/cluster/link-listener.ts';
import type { LinkMessage, OwnerMessage, RequesterMessage } from '../../lib/cluster/messages.ts';
import type { LinkLimits, WireLink } from '../../lib/cluster/wire-link.ts';
import { TimerQueue } from '../../lib/util/timer-queue.ts';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

export const TOKEN = 'the token of the listening node';
export const VERSIONS: LinkVersions = [1, 1];

/** Limits with a timer queue of their own. Call it after `stopClock()`. */
export function limitsWith(limits: Partial<LinkLimits> = {}): LinkLimits {
  const metrics = new ClusterMetrics('links', 'here');
  return { timers: new TimerQueue(), nodeTimeout: 10_000, maxQueuedBytes: 1_000_000, metrics, ...limits };
}

/** A server that is no node, and does with each connection what the test says. */
export async function bareServer(
  onConnection: (socket: Socket) => void,
): Promise<{ address: string; sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  const at = server.address();
  assert.ok(typeof at === 'object' && at !== null);
  return { address: `127.0.0.1:${at.port}`, sockets };
}

/** Waits until something is so. Throws after 20 s, which a stopped clock does not stop. */
export async function until(isSo: () => boolean): Promise<void> {
  const start = process.hrtime.bigint();
  while (!isSo()) {
    assert.equal(process.hrtime.bigint() - start < 20_000_000_000n, true, 'this takes too long');
    await turn();
  }
}

/** The path of a Unix socket that does not exist yet, in a folder that is removed after the test. */
export function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'link-'));
  afterTest(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 's');
}

/** One end of a link, with all that has happened on it. */
export class TestEnd<Sent extends LinkMessage, Received extends LinkMessage> implements LinkHandler<Received> {
  readonly link: WireLink<Sent, Received>;
  readonly messages = new AsyncQueue<Received>();
  readonly writable = new AsyncQueue<void>();
  /** Settles with the cause when the link has ended. */
  readonly ended: Promise<string>;
  endCount = 0;
  /** Called for each message, before it is queued. */
  onReceived: (message: Received) => void = () => {};
  /** Called when the link has ended. */
  onEnded: () => void = () => {};
  #settleEnded: (cause: string) => void = () => {};

  constructor(link: WireLink<Sent, Received>) {
    this.link = link;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
  }

  onMessage(message: Received): void {
    assert.equal(this.endCount, 0, 'a message after the end');
    this.onReceived(message);
    this.messages.push(message);
  }

  onWritable(): void {
    assert.equal(this.endCount, 0, 'writable after the end');
    this.writable.push();
  }

  onEnd(): void {
    this.endCount += 1;
    this.messages.fail(new Error('the link has ended'));
    this.#settleEnded(this.link.endCause ?? 'not ended');
    this.onEnded();
  }
}

export type OwnerEnd = TestEnd<OwnerMessage, RequesterMessage>;
export type RequesterEnd = TestEnd<RequesterMessage, OwnerMessage>;

export interface TestListener {
  readonly listener: LinkListener;
  readonly address: string;
  /** The owner's end of each link. */
  readonly ends: AsyncQueue<OwnerEnd>;
  readonly refused: AsyncQueue<ListenerRefusal>;
}

/** Listens as the node `owner`, until the end of the test. */
export async function listenAsOwner(options: Partial<ListenOptions> = {}): Promise<TestListener> {
  const ends = new AsyncQueue<OwnerEnd>();
  const refused = new AsyncQueue<ListenerRefusal>();
  const listener = await listenForLinks({
    self: { id: 'owner', versions: VERSIONS },
    token: TOKEN,
    at: {},
    limits: limitsWith(),
    serve: (link) => {
      const end: OwnerEnd = new TestEnd(link);
      ends.push(end);
      return end;
    },
    onRefused: (cause) => refused.push(cause),
    ...options,
  });
  afterTest(() => listener.close());
  return { listener, address: listener.address, ends, refused };
}

/** Dials the node `owner` as the node `requester`. */
export async function dialOwner(
  address: string,
  options: Partial<DialOptions> = {},
): Promise<{ result: DialResult; end: RequesterEnd | undefined }> {
  let end: RequesterEnd | undefined;
  const result = await dial(
    {
      self: { id: 'requester', versions: VERSIONS },
      node: { id: 'owner', address, token: TOKEN },
      timeout: 60_000,
      limits: limitsWith(),
      ...options,
    },
    (link) => {
      end = new TestEnd(link);
      afterTest(() => link.end());
      return end;
    },
  );
  return { result, end };
}

/** Makes a link, and returns both ends. */
export async function makeLink(
  listening: TestListener,
  options: Partial<DialOptions> = {},
): Promise<{ owner: OwnerEnd; requester: RequesterEnd }> {
  const { result, end } = await dialOwner(listening.address, options);
  assert.equal(result.kind, 'linked', String('error' in result && result.error));
  assert.ok(end);
  return { owner: await listening.ends.next(), requester: end };
}

/** A bare connection to a listener. */
export async function connectTo(address: string): Promise<Socket> {
  const where = parseAddress(address);
  assert.ok(where);
  const socket = createConnection(where);
  socket.on('error', () => {});
  afterTest(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** A WebSocket to a listener, which has said nothing yet. */
export function openWebSocket(address: string, headers: Record<string, string> = {}): WebSocket {
  const where = parseAddress(address);
  assert.ok(where);
  const webSocket = new WebSocket('ws://peer/', {
    createConnection: () => createConnection(where),
    perMessageDeflate: false,
    autoPong: false,
    headers,
  });
  webSocket.on('error', () => {});
  afterTest(() => webSocket.terminate());
  return webSocket;
}

/** A peer that has proved to be a node, and then sends what it likes. It answers no ping. */
export async function provenPeer(address: string, id = 'peer'): Promise<WebSocket> {
  const webSocket = openWebSocket(address);
  const handshake = new DiallerHandshake({ id, versions: VERSIONS }, { id: 'owner', token: TOKEN });
  const [challenge] = (await once(webSocket, 'message')) as [Buffer];
  const check = handshake.check(challenge);
  assert.equal(check.kind, 'expected');
  webSocket.send(check.answer);
  const [confirmation] = (await once(webSocket, 'message')) as [Buffer];
  assert.ok(handshake.isConfirmed(confirmation));
  return webSocket;
}
