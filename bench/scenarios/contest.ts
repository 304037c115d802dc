/** Tables whose rows are servers under loads of their own, such as the same server with and without relayed requests. */
import type { Table } from '../report/table.ts';
import { cpuRows, type Entrant } from './cpu-rows.ts';
import type { Scenario } from './scenario.ts';

export interface Contest {
  readonly name: string;
  readonly title: string;
  /** What the cost is for. */
  readonly unit: string;
  readonly reference: string;
  readonly entrants: readonly Entrant[];
}

/** CPU of all processes of a server for each unit of work. */
export function contest({ name, title, unit, reference, entrants }: Contest): Scenario {
  return {
    name,
    async *measure(run): AsyncGenerator<Table> {
      const rows = await cpuRows(run, entrants);
      yield { name, title, measure: `CPU µs per ${unit}`, reference, rows };
    },
  };
}
