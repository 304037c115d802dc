/** Runs hostile cases against a server, with a healthy client beside them, and checks that no resources are left. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express, { type Express } from 'express';
import { WebSocket } from 'ws';
import { attachUpgrade, type SockjsRouter, sockjs, upgradeHandler } from '../../lib/index.ts';
import { type Case, nextCase } from './cases.ts';
import { Random } from './random.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly cases: number;
  /** Connections at the same time. */
  readonly concurrency?: number;
  /** What handles the upgrades of the server. */
  readonly upgrades?: keyof typeof UPGRADES;
  /** Called every 500 cases with the number of the case. */
  readonly onProgress?: (done: number) => void;
}

/** The ways to handle upgrades; each returns a function that undoes it. */
const UPGRADES = {
  attachUpgrade: (server: Server) => attachUpgrade(server),
  upgradeHandler: (server: Server, app: Express) => listenForUpgrades(server, upgradeHandler(app)),
  'router.handleUpgrade': (server: Server, app: Express, routers: readonly SockjsRouter[]) => {
    const handleOthers = upgradeHandler(app);
    return listenForUpgrades(server, (req, socket, head) => {
      if (!routers.some((router) => router.handleUpgrade(req, socket, head))) {
        handleOthers(req, socket, head);
      }
    });
  },
};

function listenForUpgrades(server: Server, handle: ReturnType<typeof upgradeHandler>): () => void {
  server.on('upgrade', handle);
  return () => {
    server.off('upgrade', handle);
  };
}

/** ms after which a case has hung. No case takes that long on a slow machine. */
const TIMEOUT = 60_000;

/**
 * Runs the cases.
 *
 * @throws AssertionError or Error with seed and case, if the process, the server or the healthy client was affected
 */
export function fuzz(options: FuzzOptions): Promise<void> {
  return unharmed(options.seed, (uncaught) => runAgainstServer(options, uncaught));
}

/**
 * Runs hostile cases, and checks that nothing is left of them.
 *
 * @param run gets the errors that nothing has caught so far
 */
export async function unharmed(seed: number, run: (uncaught: readonly unknown[]) => Promise<void>): Promise<void> {
  // mocha sets its own timer only after the test has returned its promise.
  await new Promise((resolve) => setImmediate(resolve));
  const before = resourceCounts();
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  try {
    await run(uncaught);
  } finally {
    process.off('uncaughtException', onUncaught);
    process.off('unhandledRejection', onUncaught);
  }
  assert.deepEqual(uncaught, [], `uncaught with seed ${seed}`);
  // Fewer are possible: an earlier test may have left some that have ended since.
  await settled(() => {
    for (const [what, count] of Object.entries(resourceCounts())) {
      assert.ok(count <= (before[what] ?? 0), `${count} ${what} after seed ${seed}, ${before[what]} before`);
    }
  });
}

/** The three endpoints, mounted in an app: at paths, or by the option `prefix`. */
function mountRouters(app: Express, by: 'path' | 'prefix'): SockjsRouter[] {
  const common = (path: string) => ({
    disconnectDelay: 20,
    rawWebsocket: true,
    prefix: by === 'prefix' ? path : '',
  });
  const routers = {
    '/echo': sockjs({ ...common('/echo'), jsessionid: true }, (session) => {
      session.on('message', (message) => session.send(message));
    }),
    '/strict': sockjs(
      { ...common('/strict'), allowedOrigins: ['http://localhost'], authorize: async () => true, maxSessions: 50 },
      () => {},
    ),
    '/read': sockjs(
      { ...common('/read'), maxMessageSize: 100, maxReceiveBuffer: 10, responseLimit: 1 },
      async (session) => {
        for await (const message of session) {
          session.send(message);
        }
      },
    ),
  };
  for (const [path, router] of Object.entries(routers)) {
    app.use(by === 'path' ? path : '/', router);
  }
  return Object.values(routers);
}

async function runAgainstServer(
  { seed, cases, concurrency = 32, upgrades = 'attachUpgrade', onProgress }: FuzzOptions,
  uncaught: readonly unknown[],
): Promise<void> {
  const app = express();
  app.set('env', 'test');
  const routers = mountRouters(app, upgrades === 'router.handleUpgrade' ? 'prefix' : 'path');
  const server = createServer(app);
  const detach = UPGRADES[upgrades](server, app, routers);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const healthy = await HealthyClient.connect(port);
  const random = new Random(seed);
  let started = 0;
  const worker = async () => {
    while (started < cases && uncaught.length === 0) {
      const number = started;
      started += 1;
      await runCase(port, nextCase(random), `seed ${seed}, case ${number}`);
      if (number % 500 === 0) {
        onProgress?.(number);
        await healthy.check();
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await healthy.close();

  await Promise.all(routers.map((router) => router.close({ timeout: 1000 })));
  for (const router of routers) {
    assert.equal(router.sessions.size, 0, `sessions left by seed ${seed}`);
  }
  detach();
  assert.equal(server.listenerCount('upgrade'), 0);
  server.closeIdleConnections();
  server.close();
  await once(server, 'close');
}

/** Runs one connection. Rejects if the server neither answers nor closes it. */
export function runCase(port: number, { pieces, ending }: Case, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const watchdog = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(
          `${name}: neither answered nor closed; ${ending} after ${JSON.stringify(String(Buffer.concat(pieces)))}`,
        ),
      );
    }, TIMEOUT);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(watchdog);
      resolve();
    });
    socket.on('data', () => {
      if (ending === 'wait') {
        socket.resetAndDestroy();
      }
    });
    socket.on('connect', () => {
      const [first, ...rest] = pieces;
      socket.write(first ?? '');
      // In the next turn, so that the second piece is a packet of its own.
      setImmediate(() => {
        for (const piece of rest) {
          socket.write(piece);
        }
        if (ending === 'end') {
          socket.end();
        } else if (ending === 'reset') {
          socket.resetAndDestroy();
        }
      });
    });
  });
}

/** A well-behaved client, which the hostile ones must not affect. */
class HealthyClient {
  readonly #socket: WebSocket;
  #sent = 0;
  #received = 0;
  #onReceived: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const text = String(data);
      if (text.startsWith('a')) {
        assert.deepEqual(JSON.parse(text.slice(1)), [`message ${this.#received}`]);
        this.#received += 1;
        this.#onReceived?.();
      }
    });
  }

  static async connect(port: number): Promise<HealthyClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo/healthy/healthy/websocket`);
    await once(socket, 'open');
    return new HealthyClient(socket);
  }

  /** Sends a message, and waits for its echo. */
  async check(): Promise<void> {
    assert.equal(this.#socket.readyState, WebSocket.OPEN);
    const number = this.#sent;
    this.#sent += 1;
    this.#socket.send(JSON.stringify([`message ${number}`]));
    while (this.#received <= number) {
      await new Promise<void>((resolve) => {
        this.#onReceived = resolve;
      });
    }
  }

  async close(): Promise<void> {
    await this.check();
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

/** Counts the resources that a run must not leave open. */
function resourceCounts(): Record<string, number> {
  const resources = process.getActiveResourcesInfo();
  return {
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
    timeouts: resources.filter((resource) => resource === 'Timeout').length,
    sockets: resources.filter((resource) => resource === 'TCPSocketWrap').length,
  };
}

/** Repeats the check until it passes. Kernel and Node need an unknown time to close everything. */
async function settled(check: () => void): Promise<void> {
  const deadline = Date.now() + TIMEOUT;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
