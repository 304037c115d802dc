/**
 * Builds `compat/dist/`: npm sockjs's API on express-sockjs as one CommonJS file, with ws and cookie inside.
 *
 * Modules of `compat/src/replaced` stand for Express, debug, the cluster, and what differs in npm sockjs.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPLACED = join(ROOT, 'compat/src/replaced');

/** Packages whose code is in the file. */
const BUNDLED = ['ws', 'cookie'];

/** Modules of `lib/` that have a replacement of the same name. */
const OWN = ['cluster-node.ts', 'cluster-settings.ts', 'close-code.ts', 'frame.ts', 'warn-once.ts'];

const replacements: Plugin = {
  name: 'replacements',
  resolveId(source, importer) {
    if (source === 'express-sockjs') {
      return join(ROOT, 'lib/index.ts');
    }
    if (source === 'express' || source === 'debug') {
      return join(REPLACED, `${source}.ts`);
    }
    const isOurs = importer?.startsWith(join(ROOT, 'lib')) === true;
    return isOurs && OWN.includes(basename(source)) ? join(REPLACED, basename(source)) : null;
  },
};

/**
 * Writes the bundle and the licences of the packages in it.
 *
 * @param folder where to write
 * @throws Error where code of the cluster has come into it, or a module of `compat/src/replaced` has not
 */
export async function buildCompat(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const { version } = packageAt('compat');
  const bundle = await rolldown({
    cwd: ROOT,
    input: { index: 'compat/src/index.ts' },
    platform: 'node',
    plugins: [replacements],
    treeshake: { moduleSideEffects: [{ test: /[\\/]lib[\\/]/, sideEffects: false }] },
    transform: {
      target: 'node20',
      define: {
        'process.env.WS_NO_BUFFER_UTIL': '"1"',
        'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
        SOCKJS_COMPAT_VERSION: JSON.stringify(version),
      },
    },
    tsconfig: false,
  });
  try {
    const { output } = await bundle.write({
      dir: folder,
      format: 'cjs',
      exports: 'named',
      esModule: false,
      generatedCode: { symbols: false },
      entryFileNames: '[name].cjs',
      // The members that programs see are those of npm sockjs.
      footer: "Object.defineProperty(exports, 'transport', { enumerable: false });",
    });
    const replaced = readdirSync(REPLACED).map((name) => join(REPLACED, name));
    const modules = output.flatMap((chunk) => ('moduleIds' in chunk ? chunk.moduleIds : []));
    const cluster = modules.filter((id) => id.startsWith(join(ROOT, 'lib/cluster')));
    if (cluster.length > 0) {
      throw new Error(`the bundle has code of the cluster: ${cluster.join(', ')}`);
    }
    const unused = replaced.filter((id) => !modules.includes(id));
    if (unused.length > 0) {
      throw new Error(`these stand for no module of lib/ any more: ${unused.join(', ')}`);
    }
  } finally {
    await bundle.close();
  }
  writeFileSync(join(folder, 'LICENSES.txt'), BUNDLED.map(licenceOf).join('\n'));
}

function packageAt(path: string): { readonly version: string } {
  return JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'));
}

function licenceOf(name: string): string {
  const path = `node_modules/${name}`;
  return `${name} ${packageAt(path).version}\n\n${readFileSync(join(ROOT, path, 'LICENSE'), 'utf8')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildCompat(join(ROOT, 'compat/dist'));
}
