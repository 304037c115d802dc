/** Measures one scenario of a run beside other servers. */
import { droppedPackets } from '../measure/dropped.ts';
import type { Run } from '../measure/run.ts';
import { type Table, writeTable } from '../report/table.ts';
import type { Scenario } from './scenario.ts';

/** How often a scenario is tried. */
const ATTEMPTS = 2;

/**
 * Measures a scenario, and once more from the start where that fails. One that fails twice has no tables: on a busy machine,
 * a peer that does not answer in time must not cost the hours before. `failures` gets a line for each failure, for the
 * reader of the results.
 */
export async function measureOrRepeat(scenario: Scenario, run: Run, failures: string[]): Promise<Table[]> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = droppedPackets();
    try {
      const tables = await measure(scenario, run);
      const drops = dropsSince(before);
      if (drops !== '') {
        console.log(`\`${scenario.name}\`${drops}`);
      }
      return tables;
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      const failure = `\`${scenario.name}\`, attempt ${attempt} of ${ATTEMPTS}: ${reason}${dropsSince(before)}`;
      console.log(failure);
      failures.push(failure);
    }
  }
  return [];
}

/** Returns how many packets the system has dropped meanwhile, as the end of a line; nothing where it dropped none. */
function dropsSince(before: number): string {
  const dropped = droppedPackets() - before;
  return dropped > 0 ? `; the system dropped ${dropped} packets: raise net.core.netdev_max_backlog` : '';
}

async function measure(scenario: Scenario, run: Run): Promise<Table[]> {
  const tables: Table[] = [];
  for await (const table of scenario.measure(run)) {
    tables.push(table);
    console.log(`\n${writeTable(table)}`);
  }
  return tables;
}
