/** Rows of CPU: servers under loads, measured side by side. */
import type { LoadOptions } from '../load/protocol.ts';
import { measureCpu } from '../measure/cpu.ts';
import type { Run } from '../measure/run.ts';
import type { Row } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { ServerSettings } from '../servers/server-settings.ts';

/** One row. */
export interface Entrant {
  /** Unique in the table. */
  readonly key: string;
  readonly server: ServerName;
  /** What follows the title of the server. */
  readonly as?: string;
  readonly load: LoadOptions;
  /** How the server runs, where that is not as usual. */
  readonly settings?: ServerSettings;
}

/** CPU of all processes of a server for each unit of work, for those entrants whose server is in this run. */
export async function cpuRows(run: Run, entrants: readonly Entrant[], rounds = run.options.rounds): Promise<Row[]> {
  const contenders = entrants.flatMap(({ key, server, as = '', load, settings = {} }) =>
    run.participants([server]).map((participant) => ({
      name: `${key}${participant.checkout.suffix}`,
      title: `${SERVERS[server].title}${as}`,
      participant,
      load,
      settings,
    })),
  );
  const results = await measureCpu(run, contenders, rounds);
  return contenders.flatMap(({ name: key, title }): Row[] => {
    const result = results.get(key);
    return result === undefined ? [] : [{ key, title, value: result.cpu, throughput: result.throughput }];
  });
}
