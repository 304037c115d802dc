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
      if (drops !== undefined) {
        console.log(`\`${scenario.name}\`: ${drops}`);
      }
      return tables;
    } catch (error) {
      const reason = [error instanceof Error ? error.message : error, dropsSince(before) ?? []].flat().join('; ');
      const failure = `\`${scenario.name}\`, attempt ${attempt} of ${ATTEMPTS}: ${reason}`;
      console.log(failure);
      failures.push(failure);
    }
  }
  return [];
}

/** Says how many packets the system has dropped meanwhile, if any. */
function dropsSince(before: number | undefined): string | undefined {
  const dropped = (droppedPackets() ?? 0) - (before ?? 0);
  return dropped > 0 ? `the system dropped ${dropped} packets; raise net.core.netdev_max_backlog` : undefined;
}

async function measure(scenario: Scenario, run: Run): Promise<Table[]> {
  const tables: Table[] = [];
  for await (const table of scenario.measure(run)) {
    tables.push(table);
    console.log(`\n${writeTable(table)}`);
  }
  return tables;
}
