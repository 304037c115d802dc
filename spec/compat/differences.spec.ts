/** What `compat/` does otherwise than npm sockjs 0.3.24. Its README lists each of these, by the title. */
import { deepEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANSWERS } from './differences/answers.ts';
import { MEMBERS } from './differences/members.ts';
import { MESSAGES } from './differences/messages.ts';
import { MISSING, PRIVATE_MEMBERS } from './differences/private.ts';
import { SESSIONS } from './differences/sessions.ts';
import { COMPAT, Driven, GENUINE, prepare, ROOT } from './support/driven.ts';

const DIFFERENCES = [...MESSAGES, ...SESSIONS, ...ANSWERS, ...MEMBERS];

for (const [name, module, side] of [
  ['sockjs-compat', COMPAT, 'ours'],
  ['npm sockjs 0.3.24', GENUINE, 'theirs'],
] as const) {
  describe(`compat: what differs, on ${name}`, () => {
    before(prepare);

    for (const { title, aspect, settings, observe, [side]: expected } of DIFFERENCES) {
      it(aspect === undefined ? title : `${title}: ${aspect}`, async () => {
        deepEqual(await observe(await Driven.start(module, settings)), expected);
      });
    }
  });
}

describe('compat: the list of differences', () => {
  const readme = readFileSync(join(ROOT, 'compat/README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## What differs'));

  it('has in the README what is run here, and nothing else', () => {
    const listed = [...section.matchAll(/^- \*\*(.+?)\.?\*\*/gms)].map(([, title = '']) =>
      title.replaceAll(/\s+/g, ' '),
    );
    const run = [...new Set(DIFFERENCES.map(({ title }) => title)), PRIVATE_MEMBERS];
    deepEqual(listed.sort(), run.sort());
  });

  it('names each member that is not there', () => {
    const [item = ''] = section.slice(section.indexOf(`- **${PRIVATE_MEMBERS}`)).split(/\n(?=- |\n)/);
    const missing = [...new Set(Object.values(MISSING).flat())];
    deepEqual(
      missing.filter((name) => !item.includes(`\`${name}\``) && !item.includes(`\`${name}()\``)),
      [],
    );
  });
});
