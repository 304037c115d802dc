/** The package of `compat/` as `npm pack` makes it. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Packed, packFolder } from '../../package/support/tarball.ts';
import { build, ROOT } from './driven.ts';

/** Builds, packs and unpacks the package in a temporary folder. The caller removes `work`. */
export async function packCompat(): Promise<Packed> {
  await build();
  return packFolder(join(ROOT, 'compat'), await mkdtemp(join(tmpdir(), 'sockjs-compat-')));
}
