/**
 * Builds `dist/`: for each entry of the package a bundle, its source map, and its declarations; and a module of what the
 * entries share.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBundle } from './bundle.ts';
import { writeDeclarations } from './declarations.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** The entries of the package: the name in `dist/`, and the source. */
const ENTRIES = {
  index: 'lib/index.ts',
  redis: 'lib/redis.ts',
  cluster: 'lib/cluster.ts',
  'cluster-contract': 'lib/cluster-contract.ts',
};

/** Entries that use the package as an application does. Their modules load `index.cjs` and hold nothing of it. */
const GUESTS = { nestjs: 'lib/nestjs.ts' };

rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
writeDeclarations(DIST, Object.keys({ ...ENTRIES, ...GUESTS }));
await writeBundle(ROOT, ENTRIES, DIST, { groups: [{ name: 'shared', minShareCount: 2 }] });
await writeBundle(ROOT, GUESTS, DIST, true, 'lib/index.ts');
