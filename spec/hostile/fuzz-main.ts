/**
 * `npm run fuzz [-- SEED [CASES]]`: runs a million hostile cases, and a tenth as many at the listener for links. The
 * seed of a run repeats it.
 */
import { fuzz } from './fuzz.ts';
import { fuzzLinks } from './link-fuzz.ts';

const [seed = String(Date.now() % 1_000_000), cases = '1000000'] = process.argv.slice(2);
const PER_RUN = 50_000;

for (let done = 0; done < Number(cases); done += PER_RUN) {
  const runSeed = Number(seed) + done / PER_RUN;
  await fuzz({ seed: runSeed, cases: Math.min(PER_RUN, Number(cases) - done) });
  await fuzzLinks({ seed: runSeed, cases: Math.ceil(Math.min(PER_RUN, Number(cases) - done) / 10) });
  console.log(`seed ${runSeed}: ${Math.min(done + PER_RUN, Number(cases))} of ${cases} cases, nothing wrong`);
}
