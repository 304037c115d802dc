/**
 * Property tests: fast-check draws the cases, and shrinks a failing one.
 *
 * Each run uses another seed. A failure shows it, with the path to the shrunk counterexample and a command that
 * runs this one case again. Three environment variables control a run:
 *
 * - `MODEL_RUNS`: cases for each test, in place of its own number; it also removes the time limit
 * - `MODEL_SEED`: the seed; the same seed draws the same cases
 * - `MODEL_PATH`: with the seed of a failure, the path to its counterexample; only for one test (`--fgrep`)
 *
 * ```
 * MODEL_RUNS=100000 npx mocha spec/models/session.spec.ts
 * MODEL_SEED=-4711 MODEL_PATH=12:3:0 npx mocha spec/models/session.spec.ts --fgrep 'the title'
 * ```
 */
import { relative } from 'node:path';
import fc from 'fast-check';
import type { Context } from 'mocha';

const { MODEL_RUNS, MODEL_SEED, MODEL_PATH } = process.env;

/** ms for all cases of one test, on a slow machine. */
const TIMEOUT = 120_000;

/**
 * Declares a test.
 *
 * @param runs how many cases to draw, unless `MODEL_RUNS` is set
 * @param holds throws if a case fails
 */
export function property<Case>(
  title: string,
  runs: number,
  cases: fc.Arbitrary<Case>,
  holds: (drawn: Case) => void | Promise<void>,
): void {
  it(title, async function (this: Context) {
    this.timeout(MODEL_RUNS === undefined ? TIMEOUT : 0);
    const details = await fc.check(
      fc.asyncProperty(cases, async (drawn) => holds(drawn)),
      {
        numRuns: Number(MODEL_RUNS ?? runs),
        ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
        ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
      },
    );
    if (details.failed) {
      const { seed, counterexamplePath, errorInstance } = details;
      const file = relative('.', this.test?.file ?? '');
      throw new Error(
        `${await fc.asyncDefaultReportMessage(details)}\nOnce more: ` +
          `MODEL_SEED=${seed} MODEL_PATH=${counterexamplePath} npx mocha ${file} --fgrep '${this.test?.fullTitle()}'\n`,
        { cause: errorInstance },
      );
    }
  });
}

/**
 * Draws sequences of up to `maxLength` steps. All lengths are equally likely; by default fast-check prefers short ones.
 */
export function sequence<Step>(step: fc.Arbitrary<Step>, maxLength: number): fc.Arbitrary<Step[]> {
  return fc.array(step, { maxLength, size: 'max' });
}
