/** The server programs of a checkout, as they run. */
import { writeBundle } from '../../scripts/bundle.ts';
import type { ServerName } from '../servers/names.ts';
import type { Checkout } from './participant.ts';

/** Where the bundles are, in a checkout. */
export const BUNDLES = 'bench/.cache/servers/';

/**
 * Bundles the server programs of a checkout, with its `lib/` in them. Users run the package as one bundle, too; loaded
 * module by module, and with types that Node strips, it would hold some MiB that users never see.
 */
export function bundleServers({ root }: Checkout, names: readonly ServerName[]): Promise<void> {
  const inNode = names.filter((name) => name !== 'sockjs-go');
  const entries = Object.fromEntries(inNode.map((name) => [name, `bench/servers/${name}.ts`]));
  return writeBundle(root, entries, `${root}${BUNDLES}`);
}
