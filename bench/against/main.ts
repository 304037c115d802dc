/** The present checkout and a revision, measured in one run. */
import type { Checkout } from '../measure/participant.ts';
import { Run, type RunOptions } from '../measure/run.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { Comparison } from './comparison.ts';
import { LEGEND, writeComparison } from './report.ts';

/** How often the two take turns in a round: even, so that each comes first as often as the other. */
const TURNS = 6;

/** µs of server CPU that a turn takes: little, so that what else the machine does falls upon both. */
const TURN_CPU = 100_000;

/** Seconds of server CPU before them. */
const WARM_UP = 0.8;

/** What is decided by the caller. */
export interface AgainstOptions
  extends Omit<RunOptions, 'memoryRounds' | 'roundCpu' | 'warmUp' | 'profile' | 'checkouts'> {
  readonly present: Checkout;
  readonly revision: Checkout;
}

/**
 * Measures each scenario in so many rounds, each with servers that are started anew: what V8 compiles and where things lie
 * in memory differs by chance from process to process, and would not show in rounds of one process. The two take turns
 * within a round, and every other round begins with the revision. Prints each table when it is done.
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

/** All tables of a scenario, after all rounds. */
async function compare(
  scenario: Scenario,
  rounds: number,
  suffix: string,
  forwards: Run,
  backwards: Run,
): Promise<Iterable<Comparison>> {
  // A scenario may have several tables, whose titles differ.
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
