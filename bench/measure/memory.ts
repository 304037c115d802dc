/** Resident memory for each idle session. Each round starts a fresh process. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions } from '../load/protocol.ts';
import { keyOf, type Participant } from './participant.ts';
import type { Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** ms in which a server handles the last events of its sockets. */
export const SETTLE_TIME = 500;

/**
 * V8 runs in one thread. The threads of its compilers keep 15 to 20 MiB of working memory for good, which are no
 * session's, and by chance 4 MiB more or less.
 */
export const MEMORY_FLAGS = ['--expose-gc', '--single-threaded'];

/** Sessions that are open before the memory of the others is read. */
const FIRST_SESSIONS = 1000;

export type IdleLoad = Extract<LoadOptions, { kind: 'ws-idle' | 'streaming-idle' | 'mixed-idle' }>;

/**
 * When memory is read.
 *
 * - `at-rest`: after the runtime has returned unused memory, so the sessions hold what is left. {@link FIRST_SESSIONS} are
 *   open before the first reading: what a process keeps of its start differs by 2 MiB, and what it loads for the first
 *   sessions is not needed for the others
 * - `at-once`: right after the sessions opened, including all that the runtime allocated to keep up
 */
export type ReadingTime = 'at-rest' | 'at-once';

/** Returns KiB per session, by the participant's key. */
export async function measureMemory(
  run: Run,
  participants: readonly Participant[],
  load: IdleLoad,
  sessions: number,
  time: ReadingTime,
): Promise<Map<string, Spread>> {
  const readings = participants.map((participant) => ({ participant, values: [] as number[] }));
  for (let round = 0; round < run.options.memoryRounds; round += 1) {
    for (const { participant, values } of readings) {
      values.push(await measureOnce(run, participant, load, sessions, time));
    }
  }
  return new Map(readings.map(({ participant, values }) => [keyOf(participant), spreadOf(values)]));
}

async function measureOnce(
  run: Run,
  participant: Participant,
  options: IdleLoad,
  sessions: number,
  time: ReadingTime,
): Promise<number> {
  const server = await run.startServer(participant, {}, MEMORY_FLAGS);
  const load = run.startLoad(server);
  const read = async () => {
    await pause(SETTLE_TIME);
    if (time === 'at-rest') {
      await server.releaseMemory();
    }
    return server.residentSize();
  };
  try {
    await load.open(options);
    if (time === 'at-rest') {
      await load.round(FIRST_SESSIONS);
    }
    const before = await read();
    await load.round(sessions);
    return ((await read()) - before) / sessions;
  } finally {
    await load.end();
    await server.end();
  }
}
