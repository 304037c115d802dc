/**
 * Builds `dist/`: for each entry of the package one CommonJS module, its source map, and its declarations.
 *
 * The package is CommonJS, since Jest cannot `require` an ES module before Node 24.9. ES modules import CommonJS by name
 * everywhere, so that one file serves both, and a program never loads the package twice.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { writeDeclarations } from './declarations.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');

/** The entries of the package: the name in `dist/`, and the source. */
const ENTRIES = { index: 'lib/index.ts' };

rmSync(DIST, { recursive: true, force: true });
const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
writeDeclarations(DIST, Object.keys(ENTRIES));

const bundle = await rolldown({
  cwd: ROOT,
  input: ENTRIES,
  platform: 'node',
  // Dependencies stay outside, so that audits, monitoring and the application see the ones that are used.
  external: /^[^./]/,
  transform: { target: 'node20' },
  tsconfig: false,
});
await bundle.write({
  dir: DIST,
  format: 'cjs',
  exports: 'named',
  // Without it, ES modules would find a useless `__esModule` among the exports.
  esModule: false,
  generatedCode: { symbols: false },
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
  sourcemap: true,
  // The sources are in the package.
  sourcemapExcludeSources: true,
});
await bundle.close();
