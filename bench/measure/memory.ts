/** Resident memory per idle session, each round in a fresh process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import type { ServerName } from '../servers/names.ts';
import type { Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

const ROUNDS = 3;

/** ms for a server to notice the last things that happened to its sockets. */
const SETTLE = 500;

export type IdleLoad = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' }>;

/**
 * When memory is read. `at-rest`: after the runtime has given back what it does not use, so that what is left is held by
 * the sessions. `at-once`: right after they came, with all that the runtime has taken to keep up with that.
 */
export type ReadingTime = 'at-rest' | 'at-once';

/** KiB per session. */
export async function measureMemory(
  run: Run,
  servers: readonly ServerName[],
  load: IdleLoad,
  sessions: number,
  time: ReadingTime,
): Promise<Map<ServerName, Spread>> {
  const readings = new Map<ServerName, number[]>(servers.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, values] of readings) {
      values.push(await measureOnce(run, name, load, sessions, time));
    }
  }
  return new Map([...readings].map(([name, values]) => [name, spreadOf(values)]));
}

async function measureOnce(
  run: Run,
  name: ServerName,
  options: IdleLoad,
  sessions: number,
  time: ReadingTime,
): Promise<number> {
  const server = await run.startServer(name, '--expose-gc');
  const load = run.startLoad(server);
  const read = async () => {
    await pause(SETTLE);
    if (time === 'at-rest') {
      await server.releaseMemory();
    }
    return server.residentSize();
  };
  try {
    await load.open(options);
    const before = await read();
    await load.round(sessions);
    return ((await read()) - before) / sessions;
  } finally {
    await load.end();
    await server.end();
  }
}
