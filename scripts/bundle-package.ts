/** Bundles the package as it is published: a module for each of its entries, and one of what entries share. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeBundle } from './bundle.ts';

/** The entries of the package: the name in `dist/`, and the source. */
const ENTRIES = {
  index: 'lib/index.ts',
  redis: 'lib/redis.ts',
  cluster: 'lib/cluster.ts',
  'cluster-contract': 'lib/cluster-contract.ts',
};

/** Entries that use the package as an application does. Their modules load `index.cjs` and hold nothing of it. */
const GUESTS = { nestjs: 'lib/nestjs.ts' };

/** The names of all entries. */
export const ENTRY_NAMES: readonly string[] = Object.keys({ ...ENTRIES, ...GUESTS });

/**
 * Writes the modules of a checkout. Entries that it does not have yet are left out: the benchmark builds old revisions.
 *
 * @param root the checkout
 * @param folder where to write
 */
export async function bundlePackage(root: string, folder: string): Promise<void> {
  const present = (entries: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(entries).filter(([, source]) => existsSync(join(root, source))));
  await writeBundle(root, present(ENTRIES), folder, { groups: [{ name: 'shared', minShareCount: 2 }] });
  const guests = present(GUESTS);
  if (Object.keys(guests).length > 0) {
    await writeBundle(root, guests, folder, true, 'lib/index.ts');
  }
}
