/** The members that `compat/` and npm sockjs 0.3.24 have, one by one. */
import { deepEqual } from 'node:assert/strict';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { run } from '../package/support/tarball.ts';
import { ADDED, MISSING } from './differences/private.ts';
import { COMPAT, GENUINE, prepare } from './support/driven.ts';

const PROGRAM = fileURLToPath(new URL('support/members.cjs', import.meta.url));

type Members = Readonly<Record<string, readonly string[]>>;

async function membersOf(module: string): Promise<Members> {
  const ws = createRequire(import.meta.url).resolve('ws');
  const { stdout } = await run(process.execPath, ['--no-deprecation', PROGRAM, module, ws], { timeout: 60_000 });
  return JSON.parse(stdout);
}

/** What one has and the other has not, where there is something. */
function missingFrom(one: Members, other: Members): Members {
  const missing = Object.entries(one).map(([what, names]) => [
    what,
    names.filter((name) => !other[what]?.some((own) => String(own) === String(name))),
  ]);
  return Object.fromEntries(missing.filter(([, names]) => names !== undefined && names.length > 0));
}

describe('compat: members', () => {
  before(prepare);

  it('are those of npm sockjs but for those that are listed', async () => {
    const [ours, theirs] = await Promise.all([membersOf(COMPAT), membersOf(GENUINE)]);
    deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
    deepEqual(missingFrom(theirs, ours), MISSING);
    deepEqual(missingFrom(ours, theirs), ADDED);
  });
});
