/**
 * Builds `dist/`: for each entry of the package a bundle, its source map, and its declarations; and a module of what the
 * entries share.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePackage, ENTRY_NAMES } from './bundle-package.ts';
import { writeDeclarations } from './declarations.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
writeDeclarations(DIST, ENTRY_NAMES);
await bundlePackage(ROOT, DIST);
