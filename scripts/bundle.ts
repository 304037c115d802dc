/** Bundles modules of the package, as they are published. */
import { basename, join, resolve } from 'node:path';
import { type OutputOptions, type Plugin, rolldown } from 'rolldown';

/**
 * Writes a CommonJS module and its source map for each entry.
 *
 * The package is CommonJS, since Jest cannot `require` an ES module before Node 24.9. ES modules import CommonJS by name
 * everywhere, so that one file serves both, and a program never loads the package twice.
 *
 * @param root the checkout
 * @param entries for each name of a module its source, relative to `root`
 * @param folder where to write, relative to `root`
 * @param codeSplitting which modules hold what several entries import; by default one for each set of entries
 * @param host a source, relative to `root`, whose own module in `folder` the entries load
 */
export async function writeBundle(
  root: string,
  entries: Readonly<Record<string, string>>,
  folder: string,
  codeSplitting: OutputOptions['codeSplitting'] = true,
  host?: string,
): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: { ...entries },
    platform: 'node',
    // Dependencies stay outside, so that audits, monitoring and the application see the ones that are used.
    external: /^[^./]/,
    plugins: [ASCII, ...(host === undefined ? [] : [hostPlugin(join(root, host))])],
    transform: { target: 'node20' },
    tsconfig: false,
  });
  try {
    await bundle.write({
      dir: folder,
      format: 'cjs',
      exports: 'named',
      // Without it, ES modules would find a useless `__esModule` among the exports.
      esModule: false,
      generatedCode: { symbols: false },
      entryFileNames: '[name].cjs',
      codeSplitting,
      // They are in `lib/` and in the declarations. Node would read them at each start.
      comments: false,
      chunkFileNames: '[name].cjs',
      sourcemap: true,
      // The sources are in the package.
      sourcemapExcludeSources: true,
    });
  } finally {
    await bundle.close();
  }
}

/**
 * Writes what is not ASCII as escapes. A file with one character beyond Latin-1 is two bytes for each character in memory,
 * and takes V8 longer to compile. Without comments such characters stand in texts alone, where escapes mean the same. This
 * is the last hook: behind `renderChunk`, rolldown prints texts anew. Lines stay as they are; columns move behind the few
 * escapes alone.
 */
const ASCII: Plugin = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    for (const output of Object.values(bundle)) {
      if (output.type === 'chunk') {
        output.code = output.code.replace(/\P{ASCII}/gu, escaped);
      }
    }
  },
};

/** Returns the escapes of a character, which has one or two code units. */
function escaped(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

/** Leaves the import of a source as one of the module that was made of it. */
function hostPlugin(host: string): Plugin {
  return {
    name: 'host',
    resolveId: (specifier, importer) =>
      importer !== undefined && resolve(importer, '..', specifier) === host
        ? { id: `./${basename(host, '.ts')}.cjs`, external: true }
        : undefined,
  };
}
