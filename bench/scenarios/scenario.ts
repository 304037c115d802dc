/** Scenarios, and the two common kinds: CPU and memory. */
import type { LoadOptions } from '../load/protocol.ts';
import { type IdleLoad, measureMemory, type ReadingTime } from '../measure/memory.ts';
import { keyOf } from '../measure/participant.ts';
import type { Run } from '../measure/run.ts';
import type { Row, Table } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { ServerSettings } from '../servers/server-settings.ts';
import { cpuRows } from './cpu-rows.ts';

export interface Scenario {
  readonly name: string;
  /** Yields each table when it is complete. */
  measure(run: Run): AsyncIterable<Table>;
}

/** CPU of the server process per unit of work, for each server. */
export function cpuScenario(
  name: string,
  title: string,
  unit: string,
  servers: readonly ServerName[],
  load: LoadOptions,
  reference: ServerName = 'ours-bare',
  settings: ServerSettings = {},
): Scenario {
  return {
    name,
    async *measure(run) {
      yield await cpuTable(run, { name, title, unit, servers, load, reference, settings });
    },
  };
}

/** The parameters of a table of CPU. */
interface CpuTable {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly servers: readonly ServerName[];
  readonly load: LoadOptions;
  /** The server that the ratios of the table refer to. By default this package as a bare listener. */
  readonly reference?: ServerName;
  readonly settings?: ServerSettings;
}

export async function cpuTable(
  run: Run,
  { name, title, unit, servers, load, reference = 'ours-bare', settings = {} }: CpuTable,
): Promise<Table> {
  const rows = await cpuRows(
    run,
    servers.map((server) => ({ key: server, server, load, settings })),
  );
  return { name, title, measure: `CPU µs per ${unit}`, reference, rows };
}

/** Resident memory per idle session, for each server. */
export function memoryScenario(
  name: string,
  title: string,
  servers: readonly ServerName[],
  load: IdleLoad,
  sessions: number,
  reference: ServerName = 'ours-bare',
): Scenario {
  return {
    name,
    async *measure(run) {
      for (const time of ['at-rest', 'at-once'] as const) {
        yield await memoryTable(run, {
          name: time === 'at-rest' ? name : `${name}-at-once`,
          title: `${title}, ${time === 'at-rest' ? 'at rest' : 'right after they came to a fresh process'}`,
          servers,
          load,
          sessions,
          time,
          reference,
        });
      }
    },
  };
}

interface MemoryTable {
  readonly name: string;
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly load: IdleLoad;
  readonly sessions: number;
  readonly time: ReadingTime;
  /** As that of a table of CPU. */
  readonly reference?: ServerName;
}

export async function memoryTable(
  run: Run,
  { name, title, servers, load, sessions, time, reference = 'ours-bare' }: MemoryTable,
): Promise<Table> {
  const participants = run.participants(servers);
  const results = await measureMemory(run, participants, load, sessions, time);
  const rows = participants.flatMap((participant): Row[] => {
    const key = keyOf(participant);
    const value = results.get(key);
    return value === undefined ? [] : [{ key, title: SERVERS[participant.server].title, value }];
  });
  return { name, title, measure: 'KiB per session', reference, rows };
}
