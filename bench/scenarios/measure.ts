/** Measures one scenario of a run beside other servers. */
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
    try {
      return await measure(scenario, run);
    } catch (error) {
      const failure = `\`${scenario.name}\`, attempt ${attempt} of ${ATTEMPTS}: ${error instanceof Error ? error.message : error}`;
      console.log(failure);
      failures.push(failure);
    }
  }
  return [];
}

async function measure(scenario: Scenario, run: Run): Promise<Table[]> {
  const tables: Table[] = [];
  for await (const table of scenario.measure(run)) {
    tables.push(table);
    console.log(`\n${writeTable(table)}`);
  }
  return tables;
}
