/** Resident memory per idle session, each round in a fresh process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import type { ServerName } from '../servers/names.ts';
import type { Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

const ROUNDS = 3;

/** Share of the sessions that are opened and closed before the first reading, so that code and pools are there. */
const WARM_UP = 0.1;

/** ms for a server to notice the last things that happened to its sockets. */
const SETTLE = 500;

export type IdleLoad = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' }>;

/** KiB per session. */
export async function measureMemory(
  run: Run,
  servers: readonly ServerName[],
  load: IdleLoad,
  sessions: number,
): Promise<Map<ServerName, Spread>> {
  const readings = new Map<ServerName, number[]>(servers.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, values] of readings) {
      values.push(await measureOnce(run, name, load, sessions));
    }
  }
  return new Map([...readings].map(([name, values]) => [name, spreadOf(values)]));
}

async function measureOnce(run: Run, name: ServerName, options: IdleLoad, sessions: number): Promise<number> {
  const server = await run.startServer(name, '--expose-gc');
  const load = run.startLoad(server);
  const read = async () => {
    await pause(SETTLE);
    await server.collectGarbage();
    return server.residentSize();
  };
  try {
    await load.open(options);
    await load.round(sessions * WARM_UP);
    await load.close();
    const before = await read();
    await load.round(sessions);
    return ((await read()) - before) / sessions;
  } finally {
    await load.end();
    await server.end();
  }
}
