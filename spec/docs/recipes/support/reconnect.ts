/** What the specs of the recipe that reconnects use: its client in Node, and a proxy that can be cut. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import SockJS from 'sockjs-client';
import type { TRANSPORTS } from '../../../e2e/support/client.ts';
import { AsyncQueue } from '../../../support/async-queue.ts';
import { afterTest } from '../../../support/cleanup.ts';

export type Status = 'connecting' | 'open' | 'waiting' | 'closed';

/** What the client uses of sockjs-client. */
export interface Socketlike {
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  send(text: string): void;
  close(): void;
  addEventListener(event: 'heartbeat', listener: () => void): void;
}

interface Settings {
  readonly onMessage?: (data: unknown) => void;
  readonly onLost?: () => void;
  readonly onStatus?: (status: Status) => void;
  readonly create?: (url: string) => Socketlike;
  readonly minDelay?: number;
  readonly maxDelay?: number;
  readonly maxSilence?: number;
}

export interface Connection {
  readonly status: Status;
  send(text: string): boolean;
  close(): void;
}

// A page's module, which the compiler checks by a project of its own.
const MODULE = new URL('../../../../demo/recipes/reconnect/public/connection.js', import.meta.url).href;

/** Makes a connection of the recipe, which is closed after the test. */
export async function connectTo(url: string, settings: Settings): Promise<Connection> {
  const module = (await import(MODULE)) as { Connection: new (url: string, settings: Settings) => Connection };
  const connection = new module.Connection(url, settings);
  afterTest(() => connection.close());
  return connection;
}

/** The client of the recipe over one transport, and what it has told. */
export async function startClient(url: string, transport: (typeof TRANSPORTS)[number], settings: Settings = {}) {
  const messages = new AsyncQueue<unknown>();
  const statuses = new AsyncQueue<Status>();
  const losses = new AsyncQueue<void>();
  const sockets: Socketlike[] = [];
  const connection = await connectTo(url, {
    onMessage: (data) => messages.push(data),
    onLost: () => losses.push(),
    onStatus: (status) => statuses.push(status),
    create: (address) => {
      const socket = new SockJS(address, null, { transports: [transport], timeout: 60_000 }) as unknown as Socketlike;
      sockets.push(socket);
      return socket;
    },
    minDelay: 10,
    maxDelay: 100,
    maxSilence: 600_000, // How fast the machine is must not decide whether a connection counts as dead.
    ...settings,
  });
  const until = async (status: Status) => {
    while ((await statuses.next()) !== status) {
      // The next one.
    }
  };
  return { connection, sockets, messages, losses, until };
}

/** A proxy on the way to a server of the test. */
export interface Proxy {
  readonly origin: string;
  /** Cuts all connections, and each new one until `restore()`. */
  cut(): void;
  restore(): void;
}

export async function startProxy(target: string): Promise<Proxy> {
  const { port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((inner) => {
    if (isCut) {
      inner.destroy();
      return;
    }
    const outer = connect(Number(port), '127.0.0.1');
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer).pipe(inner);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    isCut = true;
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  afterTest(async () => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port: ownPort } = server.address() as AddressInfo;
  const restore = () => {
    isCut = false;
  };
  return { origin: `http://127.0.0.1:${ownPort}`, cut, restore };
}
