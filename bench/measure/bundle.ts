/** The server programs of a checkout, as they run. */
import { buildCompat } from '../../scripts/build-compat.ts';
import { writeBundle } from '../../scripts/bundle.ts';
import type { GroupSettings } from '../servers/group-settings.ts';
import { programOf, type ServerName } from '../servers/names.ts';
import type { Checkout } from './participant.ts';

/** Where the bundles are, in a checkout. */
export const BUNDLES = 'bench/.cache/servers/';

/** Where the built `sockjs-compat` is, in a checkout. */
const COMPAT = 'bench/.cache/compat/';

/** The programs that the program `group` starts. */
const MEMBERS: readonly GroupSettings['program'][] = ['member', 'crowd', 'relay', 'socketio'];

/**
 * Bundles the server programs of a checkout, with its `lib/` in them. Users run the package as one bundle, too; loaded
 * module by module, and with types that Node strips, it would hold some MiB that users never see.
 */
export async function bundleServers({ root }: Checkout, names: readonly ServerName[]): Promise<void> {
  const programs = new Set(names.filter((name) => name !== 'sockjs-go').map(programOf));
  if (programs.has('group')) {
    for (const member of MEMBERS) {
      programs.add(member);
    }
  }
  if (programs.has('compat')) {
    await buildCompat(`${root}${COMPAT}`);
  }
  const entries = Object.fromEntries([...programs].map((name) => [name, `bench/servers/${name}.ts`]));
  await writeBundle(root, entries, `${root}${BUNDLES}`);
}
