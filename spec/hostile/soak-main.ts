/**
 * `npm run soak [-- SECONDS [SESSIONS]]`: 2000 sessions over all transports for five minutes. After that, a tenth of
 * them for the same time on a server whose event loop is blocked at random.
 */
import assert from 'node:assert/strict';
import { Random } from './random.ts';
import { soak } from './soak.ts';
import { rolesFor } from './stall-clients.ts';
import { STALL_MOMENTS } from './stall-protocol.ts';
import { problemsIn } from './stall-report.ts';
import { type Stall, stalls } from './stalls.ts';

const [seconds = '300', sessions = '2000'] = process.argv.slice(2);
const seed = Date.now() % 1_000_000;
/** Bytes of heap that Node's own caches may add. */
const ALLOWED_HEAP_GROWTH = 8 * 1024 * 1024;

const result = await soak({ sessions: Number(sessions), seconds: Number(seconds), seed });
console.log(result);
assert.ok(result.heapGrowth < ALLOWED_HEAP_GROWTH, `the heap grew by ${result.heapGrowth} bytes`);

/** ms of every time limit of the blocked server. */
const LIMIT = 1500;
/** Length of a stall, in multiples of the limit. Around 1, limits run out just when the stall ends. */
const FACTORS = [0.5, 0.98, 0.995, 1, 1.005, 1.02, 3];
/** Yields random stalls until the time is over, up to a limit apart. */
function* untilOver(random: Random): Generator<Stall> {
  const end = Date.now() + Number(seconds) * 1000;
  while (Date.now() < end) {
    yield { moment: random.pick(STALL_MOMENTS), factor: random.pick(FACTORS), after: random.below(LIMIT) };
  }
}

const roles = rolesFor(LIMIT);
const copies = Math.max(1, Math.round(Number(sessions) / 10 / roles.length));
const blocked = await stalls({
  limit: LIMIT,
  seed,
  plan: untilOver(new Random(seed)),
  closing: 1,
  roles: Array.from({ length: copies }, () => roles).flat(),
});
const excused = blocked.failures.filter(({ isExcused }) => isExcused).length;
console.log({ ...blocked, failures: blocked.failures.length - excused, excused });
const lines = problemsIn(blocked);
assert.ok(lines.length === 0, lines.join('\n'));
