/** Measures one scenario of a run beside other servers. */
import type { Run } from '../measure/run.ts';
import { type Table, writeTable } from '../report/table.ts';
import type { Scenario } from './scenario.ts';

/**
 * Measures a scenario, and once more from the start where that fails: on a busy machine, a peer that does not answer in time
 * must not cost the hours before. `failures` gets a line about the first attempt, for the reader of the results.
 *
 * @throws Error of the second attempt
 */
export async function measureOrRepeat(scenario: Scenario, run: Run, failures: string[]): Promise<Table[]> {
  try {
    return await measure(scenario, run);
  } catch (error) {
    const failure = `\`${scenario.name}\`: ${error instanceof Error ? error.message : error}`;
    console.log(`measured once more: ${failure}`);
    failures.push(failure);
    return measure(scenario, run);
  }
}

async function measure(scenario: Scenario, run: Run): Promise<Table[]> {
  const tables: Table[] = [];
  for await (const table of scenario.measure(run)) {
    tables.push(table);
    console.log(`\n${writeTable(table)}`);
  }
  return tables;
}
