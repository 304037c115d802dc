/**
 * `npm run fuzz [-- SEED [CASES]]`: runs a million hostile cases against a server, a tenth as many at the listener for
 * links, and a twentieth at the nodes of a cluster. The seed of a run repeats it.
 */
import { fuzz } from './fuzz.ts';
import { fuzzLinks } from './link-fuzz.ts';
import { fuzzNodes } from './node-fuzz.ts';

const [seed = String(Date.now() % 1_000_000), cases = '1000000'] = process.argv.slice(2);
const PER_RUN = 50_000;

for (let done = 0; done < Number(cases); done += PER_RUN) {
  const runSeed = Number(seed) + done / PER_RUN;
  const count = Math.min(PER_RUN, Number(cases) - done);
  await fuzz({ seed: runSeed, cases: count });
  await fuzzLinks({ seed: runSeed, cases: Math.ceil(count / 10) });
  await fuzzNodes({ seed: runSeed, cases: Math.ceil(count / 20) });
  console.log(`seed ${runSeed}: ${Math.min(done + PER_RUN, Number(cases))} of ${cases} cases, nothing wrong`);
}
