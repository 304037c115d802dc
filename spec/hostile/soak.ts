/**
 * A soak test: many sessions over all transports, with clients that abort. No message may be lost, and no resource
 * left.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { attachUpgrade, sockjs } from '../../lib/index.ts';
import { Random } from './random.ts';
import { SOAK_TRANSPORTS, SoakClient } from './soak-client.ts';

export interface SoakOptions {
  readonly sessions: number;
  /** How long new rounds begin. Rounds that have begun are finished. */
  readonly seconds: number;
  readonly seed: number;
}

export interface SoakResult {
  readonly sessions: number;
  readonly rounds: number;
  readonly aborted: number;
  /** Bytes of heap after the run, minus those before. */
  readonly heapGrowth: number;
}

/** Clients that play a round at the same time. */
const CONCURRENCY = 24;

/** Runs the soak test. Rejects if a live session lost, repeated or reordered a message, or if a resource was left. */
export async function soak({ sessions, seconds, seed }: SoakOptions): Promise<SoakResult> {
  // A first run fills caches and loads modules.
  await run({ sessions: SOAK_TRANSPORTS.length, seconds: 0, seed });
  const before = await measure();
  const result = await run({ sessions, seconds, seed });
  const after = await measure();
  assert.ok(after.descriptors <= before.descriptors, `${after.descriptors} descriptors, ${before.descriptors} before`);
  return { ...result, heapGrowth: after.heap - before.heap };
}

async function run({ sessions, seconds, seed }: SoakOptions): Promise<Omit<SoakResult, 'heapGrowth'>> {
  const random = new Random(seed);
  const errors: string[] = [];
  const app = express();
  // On a busy machine there may be long pauses between two polls. They must not end sessions.
  const router = sockjs({ responseLimit: 4096, rawWebsocket: true, disconnectDelay: 60_000 }, (session) => {
    let expected = 0;
    let sent = 0;
    session.on('message', (message) => {
      if (message !== String(expected)) {
        errors.push(`${session.transport} ${session.id}: got ${message} in place of ${expected}`);
      }
      expected += 1;
      session.send(String(sent));
      session.send(String(sent + 1));
      sent += 2;
    });
  });
  app.use('/soak', router);
  const server = createServer(app);
  attachUpgrade(server);
  // All clients connect at once. The kernel drops connections beyond the backlog, and clients retry seconds later.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

  const until = Date.now() + seconds * 1000;
  const clients = new Map<number, SoakClient>();
  const idle = Array.from({ length: sessions }, (_, place) => place);
  let opened = 0;
  let rounds = 0;
  let aborted = 0;

  const open = async (place: number): Promise<SoakClient> => {
    opened += 1;
    const transport = SOAK_TRANSPORTS[place % SOAK_TRANSPORTS.length] ?? 'websocket';
    const client = new SoakClient({ port, agent, transport, id: `soak${seed}-${place}-${opened}` });
    clients.set(place, client);
    await client.opened();
    return client;
  };

  /** Plays one round with a client, or aborts it: within a round as often as between two. */
  const playRound = async (place: number) => {
    const client = clients.get(place) ?? (await open(place));
    const round = client.round(1 + random.below(3));
    if (random.chance(0.02)) {
      aborted += 1;
      clients.delete(place);
      client.abort();
      await round.catch(() => {});
    } else {
      await round;
      rounds += 1;
    }
  };

  /**
   * Few clients play at the same time. Node accepts one connection each turn, and turns are long when all clients play.
   */
  const worker = async () => {
    while ((Date.now() < until || clients.size < sessions) && errors.length < 10) {
      const [place] = idle.splice(random.below(idle.length), 1);
      if (place === undefined) {
        return;
      }
      try {
        await playRound(place);
      } catch (error) {
        clients.delete(place);
        errors.push(`${SOAK_TRANSPORTS[place % SOAK_TRANSPORTS.length]}: ${String(error)}`);
      }
      if (Date.now() < until || !clients.has(place)) {
        idle.push(place);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));

  // The clients have not checked idle sessions. A last round does.
  for (const [place, client] of clients) {
    await client.round(1).catch((error: unknown) => errors.push(`${place}, at last: ${String(error)}`));
    client.abort();
  }
  // Frees the clients, since `measure()` must find only memory of the server. This closure may still be reachable.
  clients.clear();

  await router.close({ timeout: 1000 });
  assert.equal(router.sessions.size, 0);
  agent.destroy();
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  assert.deepEqual(errors.slice(0, 10), [], `${errors.length} errors with seed ${seed}`);
  return { sessions: opened, rounds, aborted };
}

/** Measures after sockets and timers have ended, and after a collection if Node runs with `--expose-gc`. */
async function measure(): Promise<{ heap: number; descriptors: number }> {
  const deadline = Date.now() + 60_000;
  const isBusy = () => process.getActiveResourcesInfo().some((resource) => /Timeout|TCPSocket/.test(resource));
  // The timer of a test runner stays active, hence the deadline.
  while (isBusy() && Date.now() < deadline && globalThis.gc !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  globalThis.gc?.();
  return {
    heap: process.memoryUsage().heapUsed,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  };
}
