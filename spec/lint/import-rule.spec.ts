/** The import rule of lib/ (biome.imports.jsonc): what breaks it is planted into a copy of lib/, and found by Biome. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterTest } from '../support/cleanup.ts';

const ROOT = join(import.meta.dirname, '../..');
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');

const RESTRICTED = 'lint/style/noRestrictedImports';
const CYCLE = 'lint/suspicious/noImportCycles';

/** The parts of lib/: each may import those that come after it. */
const PARTS = [
  'nestjs.ts',
  'nestjs',
  'index.ts',
  'redis.ts',
  'cluster.ts',
  'cluster-contract.ts',
  'sockjs.ts',
  'transports',
  'pages',
  'router',
  'admission',
  'upgrade',
  'http',
  'context.ts',
  'cluster',
  'options',
  'session',
  'metrics.ts',
  'protocol',
  'util',
];

/** The parts that import nothing but these. An application that loads an entry of clusters loads no endpoint. */
const ENTRIES = new Map([
  ['nestjs.ts', ['nestjs']],
  ['nestjs', ['index.ts']],
  ['redis.ts', ['cluster']],
  ['cluster.ts', ['cluster']],
  ['cluster-contract.ts', ['cluster']],
]);

/** Folders inside of parts. Those that only the design knows are here, too. */
const SUBFOLDERS = [
  'transports/http',
  'transports/websocket',
  'cluster/redis',
  'cluster/ipc',
  'cluster/contract',
  'protocol/formats',
];

/** Files outside of lib/, which none of it may import. */
const OUTSIDE = ['spec/support/http.ts', 'bench/main.ts', 'package.json'];

interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
}

/** A copy of lib/ with what Biome needs to judge it. */
function copyOfLib(): string {
  const root = mkdtempSync(join(tmpdir(), 'express-sockjs-imports-'));
  afterTest(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['lib', 'biome.json', 'biome.imports.jsonc', '.gitignore', 'package.json', 'tsconfig.json']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  return root;
}

function plant(root: string, path: string, lines: readonly string[]): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${lines.join('\n')}\n`);
}

/** What Biome finds in the lib/ of a folder by the two rules, and its exit code. */
async function lint(root: string): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> {
  const rules = [RESTRICTED, CYCLE].map((name) => `--only=${name.replace('lint/', '')}`);
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '--error-on-warnings', ...rules, 'lib'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [BIOME, ...args], { cwd: root }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code !== 'number' || stdout === '') {
        reject(new Error(`Biome did not run: ${error?.message} ${stderr}`));
        return;
      }
      const { diagnostics } = JSON.parse(stdout) as {
        diagnostics: { category: string; location: { path: string; start: { line: number } } }[];
      };
      const findings = diagnostics.map(({ category, location }) => ({
        rule: category,
        path: location.path,
        line: location.start.line,
      }));
      // Biome works on several files at a time.
      findings.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
      resolve({ code, findings });
    });
  });
}

/** Whether it is about a file that a test has planted, not about lib/ itself. */
function isPlanted({ path }: Finding): boolean {
  return path.includes('planted');
}

/** The file that is planted into a part or a folder of it; a part that is a file is replaced. */
function plantedIn(part: string): string {
  return part.endsWith('.ts') ? `lib/${part}` : `lib/${part}/planted.ts`;
}

/** The path by which one file imports another. */
function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

describe('the import rule of lib/', () => {
  it('is kept', async () => {
    assert.deepEqual(await lint(copyOfLib()), { code: 0, findings: [] });
  });

  it('names every part that there is', () => {
    const entries = readdirSync(join(ROOT, 'lib'), { recursive: true, withFileTypes: true });
    const present = entries
      .filter((entry) => entry.isDirectory() || entry.parentPath === join(ROOT, 'lib'))
      .map((entry) => relative(join(ROOT, 'lib'), join(entry.parentPath, entry.name)));
    assert.deepEqual(
      present.filter((name) => ![...PARTS, ...SUBFOLDERS].includes(name)),
      [],
    );
  });

  describe('lets', () => {
    const importers = [...PARTS, ...SUBFOLDERS];
    /** By importer, what it may not import. */
    const refused = new Map<string, string[]>();

    before('plant all imports in one copy', async () => {
      const root = copyOfLib();
      const targets = [...PARTS.map(plantedIn), ...OUTSIDE];
      for (const importer of importers) {
        const from = plantedIn(importer);
        plant(
          root,
          from,
          targets.map((to, i) => (to === from ? '' : `import type * as Planted${i} from '${specifier(from, to)}';`)),
        );
      }
      const { findings } = await lint(root);
      for (const importer of importers) {
        const lines = findings.filter(({ rule, path }) => rule === RESTRICTED && path === plantedIn(importer));
        refused.set(
          importer,
          lines.map(({ line }) => [...PARTS, ...OUTSIDE][line - 1] ?? `line ${line}`),
        );
      }
    });

    for (const importer of importers) {
      const [part = ''] = importer.split('/');
      it(`${importer} import ${ENTRIES.get(part)?.join() ?? 'what is below it'}, and nothing else`, () => {
        const below = ENTRIES.get(part) ?? PARTS.slice(PARTS.indexOf(part) + 1);
        const others = PARTS.filter((other) => other !== part && !below.includes(other));
        assert.deepEqual(refused.get(importer), [...others, ...OUTSIDE]);
      });
    }
  });

  for (const [title, statement] of [
    ['a value', "import { planted } from '../session/planted.ts';"],
    ['a type', "import type { Planted } from '../session/planted.ts';"],
    ['an export', "export { planted } from '../session/planted.ts';"],
    ['an export of everything', "export * from '../session/planted.ts';"],
    ['an import while it runs', "export const planted = import('../session/planted.ts');"],
  ] as const) {
    it(`refuses ${title} from above`, async () => {
      const root = copyOfLib();
      plant(root, 'lib/util/planted.ts', [statement]);
      const { code, findings } = await lint(root);
      assert.notEqual(code, 0);
      assert.deepEqual(findings.filter(isPlanted), [{ rule: RESTRICTED, path: 'lib/util/planted.ts', line: 1 }]);
    });
  }

  it('refuses a folder that it does not name every import but of siblings', async () => {
    const root = copyOfLib();
    plant(root, 'lib/planted/sibling.ts', ['export const sibling = 1;']);
    plant(root, 'lib/planted/planted.ts', ["export * from './sibling.ts';", "export * from '../util/promises.ts';"]);
    const { findings } = await lint(root);
    assert.deepEqual(findings.filter(isPlanted), [{ rule: RESTRICTED, path: 'lib/planted/planted.ts', line: 2 }]);
  });

  it('refuses a cycle, though only types make it', async () => {
    const root = copyOfLib();
    for (const [name, other] of [
      ['planted-one', 'planted-two'],
      ['planted-two', 'planted-one'],
    ]) {
      plant(root, `lib/util/${name}.ts`, [
        `import type { Planted as Other } from './${other}.ts';`,
        'export type Planted = Other | 1;',
      ]);
    }
    const { code, findings } = await lint(root);
    assert.notEqual(code, 0);
    assert.deepEqual(
      findings.filter(isPlanted),
      ['one', 'two'].map((name) => ({ rule: CYCLE, path: `lib/util/planted-${name}.ts`, line: 1 })),
    );
  });

  it('refuses the package itself by its name, which is a cycle', async () => {
    const root = copyOfLib();
    plant(root, 'lib/sockjs.ts', ["export type { Planted } from './util/planted.ts';"]);
    plant(root, 'lib/util/planted.ts', ["export type { CloseCode as Planted } from 'express-sockjs';"]);
    const { findings } = await lint(root);
    assert.deepEqual(findings.filter(isPlanted), [{ rule: CYCLE, path: 'lib/util/planted.ts', line: 1 }]);
  });

  // Biome sees neither.
  it('is not evaded by a type from import(), nor by a path that leads down and up again', () => {
    for (const path of readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })) {
      if (path.endsWith('.ts')) {
        const text = readFileSync(join(ROOT, 'lib', path), 'utf8');
        assert.doesNotMatch(text, /\bimport\(/, path);
        assert.doesNotMatch(text, /from '[^']*[^./'][^']*\/\.\.\//, path);
        assert.doesNotMatch(text, /from '\.\/\.\.\//, path);
      }
    }
  });
});
