/** Specifiers in the declarations that TypeScript writes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A relative specifier of a `.ts` file, as in `from './a.ts'`, `import './a.ts'`, `import('./a.ts')`, `module './a.ts'`. */
const SPECIFIER = /(\b(?:from|import|module)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]*)(?<!\.d)\.ts\2/g;

/**
 * Returns a declaration file's text with `.js` where it imports `.ts` from a relative path. Other text stays as it is,
 * `.d.ts` and the names of packages too.
 */
export function rewriteSpecifiers(declarations: string): string {
  return declarations.replace(SPECIFIER, '$1$2$3.js$2');
}

/**
 * Rewrites all `.d.ts` files in a folder and in the folders below it. With `rewriteRelativeImportExtensions` TypeScript
 * lets modules import `.js`, but their declarations still import `.ts`, and `lib/` is not where `dist/` looks for it.
 *
 * @throws Error where the folder has no declarations: the build before this has failed
 */
export function rewriteDeclarations(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts'));
  if (files.length === 0) {
    throw new Error(`no declarations in ${folder}`);
  }
  for (const file of files) {
    const path = join(folder, file);
    writeFileSync(path, rewriteSpecifiers(readFileSync(path, 'utf8')));
  }
}
