/** Many sessions over all transports for a while, with clients that break off; nothing may be lost, and nothing left. */
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
  /** For how long new rounds are begun; those under way are finished. */
  readonly seconds: number;
  readonly seed: number;
}

export interface SoakResult {
  readonly sessions: number;
  readonly rounds: number;
  readonly aborted: number;
  /** Bytes of heap after, over those before. */
  readonly heapGrowth: number;
}

/** Clients in the middle of a round at one time. */
const CONCURRENCY = 24;

/** Runs it. Rejects where a message was lost, doubled or reordered on a session that did not end, or something stayed. */
export async function soak({ sessions, seconds, seed }: SoakOptions): Promise<SoakResult> {
  // Once for whatever is loaded and cached only when it is first used.
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
  // A busy machine takes its time between two polls, and no session may be lost by that.
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
  // All clients connect at once: beyond the backlog the kernel drops them, to come back seconds later.
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

  /** One round of one client, or the end of it, in the middle of a round as often as between two. */
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

  /** Few clients at a time are busy: Node accepts one connection a turn, and a turn is long when all are. */
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

  // Nobody has heard of the sessions that were idle: one last round shows that they are all right.
  for (const [place, client] of clients) {
    await client.round(1).catch((error: unknown) => errors.push(`${place}, at last: ${String(error)}`));
    client.abort();
  }
  // Whoever may still hold this function's variables is not to hold the clients: what the server keeps is measured.
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

/** When sockets and timers have run out, and after a collection where Node was started with `--expose-gc`. */
async function measure(): Promise<{ heap: number; descriptors: number }> {
  const deadline = Date.now() + 60_000;
  const isBusy = () => process.getActiveResourcesInfo().some((resource) => /Timeout|TCPSocket/.test(resource));
  // A test runner's own timer never runs out.
  while (isBusy() && Date.now() < deadline && globalThis.gc !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  globalThis.gc?.();
  return {
    heap: process.memoryUsage().heapUsed,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  };
}
