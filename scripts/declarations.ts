/** The declarations that TypeScript writes, made those of CommonJS modules. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** A relative specifier of a `.ts` file, as in `from './a.ts'`, `import './a.ts'`, `import('./a.ts')`, `module './a.ts'`. */
const SPECIFIER = /(\b(?:from|import|module)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]*)(?<!\.d)\.ts\2/g;

/**
 * Returns a declaration file's text with `.cjs` where it imports `.ts` from a relative path. Other text stays as it is,
 * `.d.ts` and the names of packages too.
 */
export function rewriteSpecifiers(declarations: string): string {
  return declarations.replace(SPECIFIER, '$1$2$3.cjs$2');
}

/** The modules that a declaration file imports, relative to the file and without an extension. */
function importsOf(declarations: string): string[] {
  return [...declarations.matchAll(SPECIFIER)].flatMap(([, , , specifier]) => specifier ?? []);
}

/**
 * Makes `.d.cts` files of the `.d.ts` files in a folder, with their maps, and removes those that no entry needs.
 * TypeScript takes `.d.ts` for declarations of ES modules in a package of the type `module`.
 *
 * @param entries names of modules in the folder, without an extension
 * @throws Error where an entry, or a module that it needs, has no declarations: the build before this has failed
 */
export function writeDeclarations(folder: string, entries: readonly string[]): void {
  const needed = new Map<string, string>();
  const queue = [...entries];
  for (const name of queue) {
    if (!needed.has(name)) {
      const text = readFileSync(join(folder, `${name}.d.ts`), 'utf8');
      needed.set(name, text);
      queue.push(...importsOf(text).map((specifier) => posix.join(posix.dirname(name), specifier)));
    }
  }
  const maps = new Map(
    [...needed.keys()].map((name) => [name, readFileSync(join(folder, `${name}.d.ts.map`), 'utf8')]),
  );
  for (const file of readdirSync(folder)) {
    rmSync(join(folder, file), { recursive: true });
  }
  for (const [name, text] of needed) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(
      `${path}.d.cts`,
      rewriteSpecifiers(text).replace(/(sourceMappingURL=.*)\.d\.ts\.map/, '$1.d.cts.map'),
    );
    const map = { ...JSON.parse(maps.get(name) ?? '{}'), file: `${posix.basename(name)}.d.cts` };
    writeFileSync(`${path}.d.cts.map`, JSON.stringify(map));
  }
}
