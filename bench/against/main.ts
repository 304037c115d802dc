/** Measures the present checkout and a revision in one run. */
import type { Checkout } from '../measure/participant.ts';
import { Run, type RunOptions } from '../measure/run.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { Comparison } from './comparison.ts';
import { LEGEND, writeComparison } from './report.ts';

/**
 * How often present checkout and revision alternate in a round. The number is even, so each is measured first as often
 * as the other.
 */
const TURNS = 6;

/** µs of server CPU for each turn. Turns are short, so other load on the machine affects both sides alike. */
const TURN_CPU = 100_000;

/** Seconds of server CPU before the turns. */
const WARM_UP = 0.8;

/** The options that the caller chooses. */
export interface AgainstOptions
  extends Omit<RunOptions, 'memoryRounds' | 'roundCpu' | 'warmUp' | 'profile' | 'checkouts'> {
  readonly present: Checkout;
  readonly revision: Checkout;
}

/**
 * Measures each scenario in `rounds` rounds, and prints each table when it is complete.
 *
 * Each round starts new server processes: JIT compilation and memory layout differ by chance from process to process,
 * which rounds within one process would hide. Both sides alternate within a round, and every other round begins with
 * the revision.
 *
 * @returns whether a row is dearer than in the revision
 */
export async function measureAgainst(
  { present, revision, rounds, ...options }: AgainstOptions,
  scenarios: readonly Scenario[],
): Promise<boolean> {
  const runOf = (...checkouts: Checkout[]) =>
    new Run({
      ...options,
      rounds: TURNS,
      roundCpu: TURN_CPU,
      warmUp: WARM_UP,
      memoryRounds: 1,
      profile: false,
      checkouts,
    });
  const forwards = runOf(present, revision);
  const backwards = runOf(revision, present);
  const dearer: string[] = [];
  for (const scenario of scenarios) {
    for (const comparison of await compare(scenario, rounds, revision.suffix, forwards, backwards)) {
      const rows = comparison.rows();
      if (rows.length > 0) {
        console.log(`\n${writeComparison(comparison, rows)}`);
      }
      const { name, title } = comparison;
      const ofThese = rows.filter(({ verdict }) => verdict === 'dearer');
      dearer.push(...ofThese.map(({ key }) => `- ${name}, ${key}: ${title}`));
    }
  }
  console.log(LEGEND);
  console.log(dearer.length === 0 ? '\nNothing is dearer.' : `\nDearer:\n${dearer.join('\n')}`);
  return dearer.length > 0;
}

/** Returns all tables of a scenario, after all rounds. */
async function compare(
  scenario: Scenario,
  rounds: number,
  suffix: string,
  forwards: Run,
  backwards: Run,
): Promise<Iterable<Comparison>> {
  // By title: a scenario may have several tables.
  const comparisons = new Map<string, Comparison>();
  for (let round = 0; round < rounds; round += 1) {
    for await (const table of scenario.measure(round % 2 === 0 ? forwards : backwards)) {
      const comparison = comparisons.get(table.title) ?? new Comparison(table, suffix);
      comparison.add(table);
      comparisons.set(table.title, comparison);
    }
  }
  return comparisons.values();
}
