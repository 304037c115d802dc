/** Hostile nodes at either end of a link: they prove that they know the token, or do not, and then misbehave. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { parseAddress } from '../../lib/cluster/address.ts';
import { DiallerHandshake, ListenerHandshake } from '../../lib/cluster/handshake.ts';
import type { NodeRecord } from '../../lib/options/cluster-adapter.ts';
import { ownerBytes } from './node-cases.ts';
import type { Random } from './random.ts';

/** ms that a hostile node may leave a link open. */
const LINGER = 30;

/** What a hostile node is told by others. */
export type Overhear = (bytes: Buffer) => void;

/** Dials a node, proves that it knows the token, and says these bytes. Settles when the connection has ended. */
export async function dialAndForge(
  random: Random,
  node: Pick<NodeRecord, 'id' | 'address' | 'token'>,
  id: string,
  said: readonly Buffer[],
  overhear: Overhear,
): Promise<void> {
  const at = parseAddress(node.address);
  const url = at !== undefined && 'path' in at ? `ws+unix:${at.path}:/` : `ws://${node.address}/`;
  const webSocket = new WebSocket(url);
  webSocket.on('error', () => {});
  const closed = once(webSocket, 'close');
  const token = random.chance(0.9) ? node.token : 'a token of another node';
  const versions = random.chance(0.95) ? ([1, 1] as const) : ([2, 9] as const);
  const handshake = new DiallerHandshake({ id, versions }, { id: node.id, token });
  const rest = [...said];
  const manner = random.next();
  let isProven = false;
  webSocket.on('message', (data: Buffer) => {
    const check = isProven ? undefined : handshake.check(data);
    if (check?.kind === 'expected') {
      webSocket.send(check.answer);
      isProven = true;
      return;
    }
    overhear(data);
    const next = rest.shift();
    if (next !== undefined) {
      webSocket.send(next, () => end(webSocket, manner));
    }
  });
  await closed;
}

/** Ends a connection in one of the ways in which connections end. */
function end(webSocket: WebSocket, manner: number): void {
  if (manner < 0.2) {
    webSocket.terminate();
  } else if (manner < 0.4) {
    webSocket.close(1000 + Math.floor(manner * 10));
  } else {
    setTimeout(() => webSocket.terminate(), LINGER);
  }
}

/** A node that others dial, since the registry names it. Each connection gets another treatment. */
export class HostileOwner {
  readonly id: string;
  readonly token = 'the token of a hostile node';
  readonly #random: Random;
  readonly #overhear: Overhear;
  readonly #server: Server = createServer((_req, res) => res.end('no node'));
  readonly #engine = new WebSocketServer({ noServer: true, clientTracking: false });
  /** In front of the server: some connections never get to it. */
  readonly #front: TcpServer;

  constructor(id: string, random: Random, overhear: Overhear) {
    this.id = id;
    this.#random = random;
    this.#overhear = overhear;
    this.#front = createTcpServer((socket) => {
      socket.on('error', () => {});
      if (random.chance(0.2)) {
        this.#treatRaw(socket);
      } else {
        this.#server.emit('connection', socket);
      }
    });
    this.#server.on('upgrade', (req, socket, head) => this.#onUpgrade(req, socket, head));
  }

  async listen(): Promise<this> {
    this.#front.listen(0, '127.0.0.1');
    await once(this.#front, 'listening');
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  /** Settles when all of its connections have ended. */
  async close(): Promise<void> {
    this.#front.close();
    await once(this.#front, 'close');
  }

  /** Bytes that are no answer to an upgrade. */
  #treatRaw(socket: Duplex): void {
    const random = this.#random;
    const bytes = random.pick([
      () => random.bytes(random.below(2000)),
      () => Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
      () => Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      () => Buffer.from(`HTTP/1.1 101 ${'x'.repeat(random.below(50_000))}`),
      () => Buffer.alloc(0),
    ])();
    socket.resume();
    socket.end(bytes);
    setTimeout(() => socket.destroy(), LINGER);
  }

  #onUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    this.#engine.handleUpgrade(req, socket, head, (webSocket) => {
      webSocket.on('error', () => {});
      setTimeout(() => webSocket.terminate(), LINGER);
      this.#treat(webSocket);
    });
  }

  #treat(webSocket: WebSocket): void {
    const random = this.#random;
    const id = random.chance(0.9) ? this.id : random.pick(['another', 'x'.repeat(64)]);
    const versions = random.chance(0.9) ? ([1, 1] as const) : ([7, 9] as const);
    const token = random.chance(0.9) ? this.token : 'another token than that';
    const handshake = new ListenerHandshake({ id, versions }, token);
    let lastRid = 0;
    let isProven = false;
    webSocket.on('message', (data: Buffer) => {
      if (!isProven) {
        const check = handshake.check(data);
        const proof = check.kind === 'proven' ? check.confirmation : random.bytes(33);
        webSocket.send(random.chance(0.9) ? proof : random.bytes(random.below(2000)));
        isProven = true;
      } else {
        this.#overhear(data);
        lastRid += 1;
      }
      if (isProven && random.chance(0.8)) {
        webSocket.send(ownerBytes(random, lastRid));
      }
    });
    const challenge = random.chance(0.9) ? handshake.challenge : random.bytes(random.below(2000));
    webSocket.send(random.chance(0.95) ? challenge : String(challenge));
  }
}
