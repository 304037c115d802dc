/** Resident memory per idle session, each round in a fresh process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import type { ServerName } from '../servers/names.ts';
import type { Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

const ROUNDS = 3;

/**
 * In a process that has been running for a while, so many times a tenth of the sessions have come and gone before the
 * first reading: code and pools are there by then, and the young generation has grown to its full size.
 */
const EARLIER_ROUNDS = 12;

/** ms for a server to notice the last things that happened to its sockets. */
const SETTLE = 500;

export type IdleLoad = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' }>;

/** Whether the process has just started when the sessions come, or has had others before. */
export type ProcessAge = 'fresh' | 'later';

/** KiB per session. */
export async function measureMemory(
  run: Run,
  servers: readonly ServerName[],
  load: IdleLoad,
  sessions: number,
  age: ProcessAge,
): Promise<Map<ServerName, Spread>> {
  const readings = new Map<ServerName, number[]>(servers.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, values] of readings) {
      values.push(await measureOnce(run, name, load, sessions, age));
    }
  }
  return new Map([...readings].map(([name, values]) => [name, spreadOf(values)]));
}

async function measureOnce(
  run: Run,
  name: ServerName,
  options: IdleLoad,
  sessions: number,
  age: ProcessAge,
): Promise<number> {
  const server = await run.startServer(name, '--expose-gc');
  const load = run.startLoad(server);
  const read = async () => {
    await pause(SETTLE);
    await server.collectGarbage();
    return server.residentSize();
  };
  try {
    await load.open(options);
    for (let round = 0; age === 'later' && round < EARLIER_ROUNDS; round += 1) {
      await load.round(sessions / 10);
      await load.close();
      await server.collectGarbage();
    }
    const before = await read();
    await load.round(sessions);
    return ((await read()) - before) / sessions;
  } finally {
    await load.end();
    await server.end();
  }
}
