/** Tables whose rows are servers under loads of their own, such as the same server with and without relayed requests. */
import type { LoadOptions } from '../load/protocol.ts';
import { type Contender, measureCpu } from '../measure/cpu.ts';
import type { Run } from '../measure/run.ts';
import type { Row, Table } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

/** One row. */
export interface Entrant {
  /** Unique in the table. */
  readonly key: string;
  readonly server: ServerName;
  /** What follows the title of the server. */
  readonly as?: string;
  readonly load: LoadOptions;
}

export interface Contest {
  readonly name: string;
  readonly title: string;
  /** What the cost is for. */
  readonly unit: string;
  readonly reference: string;
  readonly entrants: readonly Entrant[];
}

/** Who takes part in this run, with the title of the row. */
export function contendersOf(run: Run, entrants: readonly Entrant[]): (Contender & { readonly title: string })[] {
  return entrants.flatMap(({ key, server, as = '', load }) =>
    run.participants([server]).map((participant) => ({
      name: `${key}${participant.checkout.suffix}`,
      title: `${SERVERS[server].title}${as}`,
      participant,
      load,
    })),
  );
}

/** CPU of all processes of a server for each unit of work. */
export function contest({ name, title, unit, reference, entrants }: Contest): Scenario {
  return {
    name,
    async *measure(run): AsyncGenerator<Table> {
      const contenders = contendersOf(run, entrants);
      const results = await measureCpu(run, contenders);
      const rows = contenders.flatMap(({ name: key, title }): Row[] => {
        const result = results.get(key);
        return result === undefined ? [] : [{ key, title, value: result.cpu, throughput: result.throughput }];
      });
      yield { name, title, measure: `CPU µs per ${unit}`, reference, rows };
    },
  };
}
