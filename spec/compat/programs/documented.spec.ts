/** The table of the programs that are tried. */
import { deepEqual } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../support/driven.ts';
import { DEV_SERVERS, PROGRAMS } from '../support/projects.ts';

describe('compat: the programs that are documented', () => {
  it('are those of the specs, with their versions', async () => {
    const text = await readFile(join(ROOT, 'docs/migrating/from-sockjs-node.md'), 'utf8');
    const table = text.slice(text.indexOf('| Program |'));
    const rows = table.slice(0, table.indexOf('\n\n')).matchAll(/^\| `(.+?)` \| (.+?) \|/gm);
    const documented = [...rows].flatMap(([, name, versions = '']) =>
      versions.split(', ').map((version) => `${name}@${version}`),
    );
    deepEqual(documented.sort(), [...PROGRAMS, ...DEV_SERVERS].sort());
  });
});
