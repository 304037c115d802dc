/** What an idle poll holds in memory that one process has and another one owns, beside one at its owner. */
import { setTimeout as pause } from 'node:timers/promises';
import { MEMORY_FLAGS, SETTLE_TIME } from '../measure/memory.ts';
import type { Participant } from '../measure/participant.ts';
import type { Run } from '../measure/run.ts';
import type { ServerProcess } from '../measure/server.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Row } from '../report/table.ts';
import type { ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

const SESSIONS = 5000;
const FIRST_SESSIONS = 1000;

/** Resident KiB of the first and the last process, and bytes of Redis, for each session. */
interface Reading {
  readonly owner: number;
  readonly requester: number;
  readonly redis: number;
  readonly eachKey: number;
}

interface Growth {
  /** By the sessions alone, and by their polls. */
  readonly bySessions: Reading;
  readonly byPolls: Reading;
}

export function clusterMemory(): Scenario {
  const name = 'cluster-memory';
  return {
    name,
    async *measure(run) {
      const all: Record<'local' | 'relayed', Growth[]> = { local: [], relayed: [] };
      for (let round = 0; round < run.options.memoryRounds; round += 1) {
        all.local.push(...(await growthOf(run, 'one-idle', false)));
        all.relayed.push(...(await growthOf(run, 'pair-idle-tcp', true)));
      }
      const { local, relayed } = all;
      const row = (key: string, title: string, values: readonly number[]): Row[] =>
        values.length === 0 ? [] : [{ key, title, value: spreadOf(values) }];
      const rows = [
        ...row(
          'session',
          'a session without a poll, no cluster',
          local.map(({ bySessions: { owner } }) => owner),
        ),
        ...row(
          'local',
          'its poll, no cluster',
          local.map(({ byPolls: { owner } }) => owner),
        ),
        ...row(
          'owned',
          'a session without a poll, at its owner',
          relayed.map(({ bySessions: { owner } }) => owner),
        ),
        ...row(
          'requester',
          'its relayed poll, where the request is',
          relayed.map(({ byPolls }) => byPolls.requester),
        ),
        ...row(
          'owner',
          'its relayed poll, at the owner',
          relayed.map(({ byPolls: { owner } }) => owner),
        ),
        ...row(
          'redis',
          'a session, in Redis',
          relayed.map(({ bySessions: { redis } }) => redis),
        ),
        ...row(
          'key',
          'the same, by MEMORY USAGE',
          relayed.map(({ byPolls: { eachKey } }) => eachKey),
        ),
      ];
      const title = `Memory of ${SESSIONS} idle polling sessions of one process, whose polls are at another`;
      yield { name, title, measure: 'KiB per session', reference: 'local', rows };
    },
  };
}

async function growthOf(run: Run, name: ServerName, isRelayed: boolean): Promise<Growth[]> {
  const all: Growth[] = [];
  for (const participant of run.participants([name])) {
    all.push(await measure(run, participant, isRelayed));
  }
  return all;
}

async function measure(run: Run, participant: Participant, isRelayed: boolean): Promise<Growth> {
  const server = await run.startServer(participant, {}, MEMORY_FLAGS);
  const load = run.startLoad(server);
  try {
    await load.open({ kind: 'idle-polls', isRelayed });
    await load.round(FIRST_SESSIONS);
    await load.round(FIRST_SESSIONS);
    const atFirst = await read(server);
    await load.round(SESSIONS);
    const opened = await read(server);
    await load.round(SESSIONS);
    const parked = await read(server);
    return { bySessions: difference(atFirst, opened), byPolls: difference(opened, parked) };
  } finally {
    await load.end();
    await server.end();
  }
}

async function read(server: ServerProcess): Promise<Reading> {
  await pause(SETTLE_TIME);
  await server.releaseMemory();
  const sizes = server.pids.map((pid) => server.residentSize(pid));
  const { used, eachKey } = JSON.parse(await server.ask('memory'));
  return { owner: sizes[0] ?? 0, requester: sizes.at(-1) ?? 0, redis: used / 1024, eachKey: eachKey / 1024 };
}

/** For each session, but for the bytes of a key. */
function difference(before: Reading, after: Reading): Reading {
  return {
    owner: (after.owner - before.owner) / SESSIONS,
    requester: (after.requester - before.requester) / SESSIONS,
    redis: (after.redis - before.redis) / SESSIONS,
    eachKey: after.eachKey,
  };
}
