/** docs/internals/architecture.md: its tree is that of lib/, and its limits are kept. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { libEntries, libSources, readSource, type Unit } from './support/lib-source.ts';
import { blocksOf, codeSpans, exists, ROOT, readDocument, rowsOf, sectionOf } from './support/markdown.ts';

const PAGE = readDocument('docs/internals/architecture.md');

const LIMITS = { file: 350, class: 300, function: 60 } as const;

interface Line {
  readonly path: string;
  readonly isFolder: boolean;
  readonly description: string;
}

/** The entries of the tree. Each level is drawn three columns further to the right. */
function treeOf(page: string): Line[] {
  const [tree] = blocksOf(sectionOf(page, 'The tree'));
  const folders: string[] = [];
  return (tree?.lines ?? []).map((line) => {
    const [, edges = '', name = '', description = ''] = /^([│├└ ]*)(\S+)(?: +(\S.*))?$/.exec(line) ?? [];
    const depth = (edges.length + 1) / 3;
    folders.length = Math.floor(depth);
    const isFolder = name.endsWith('/');
    const plain = isFolder ? name.slice(0, -1) : name;
    folders.push(plain);
    return { path: folders.join('/'), isFolder, description };
  });
}

/** The parts of lib/ from top to bottom, by the rows of the import rule. */
function partsOfImportRule(): string[] {
  const json = readFileSync(join(ROOT, 'biome.imports.jsonc'), 'utf8').replace(/^\s*\/\/.*$/gm, '');
  const { overrides } = JSON.parse(json) as { overrides: { includes: string[] }[] };
  const parts = overrides.flatMap(({ includes }) => includes.map((glob) => glob.split('/')[1] ?? ''));
  return [...new Set(parts.filter((part) => !part.includes('*')))];
}

/** The units that exceed a limit, as rows of the table name them. */
function tooLong(path: string, units: readonly Unit[]): { key: string; lines: number }[] {
  return units
    .filter(({ kind, lines }) => lines > LIMITS[kind])
    .map(({ kind, name, lines }) => ({ key: `${path} ${kind} ${name}`, lines }));
}

describe('the tree of docs/internals/architecture.md', () => {
  const [root, ...entries] = treeOf(PAGE);

  it('names every folder and file of lib/, and no others', () => {
    assert.equal(root?.path, 'lib');
    assert.deepEqual(entries.map(({ path }) => path).sort(), libEntries().sort());
  });

  it('marks folders as such, and says of each entry what it is', () => {
    for (const { path, isFolder, description } of entries) {
      assert.equal(isFolder, !path.endsWith('.ts'), path);
      assert.notEqual(description, '', path);
    }
  });

  it('is in the order of the import rule', () => {
    const top = entries.map(({ path }) => path.split('/')).filter((parts) => parts.length === 2);
    const present = top.map(([, part = '']) => part);
    assert.deepEqual(
      present,
      partsOfImportRule().filter((part) => present.includes(part)),
    );
  });
});

describe('the limits of docs/internals/architecture.md', () => {
  const section = sectionOf(PAGE, 'Limits of size');
  const exceptions = new Map(
    rowsOf(section).map((row) => {
      const [path = ''] = codeSpans(row.get('Where') ?? '');
      const [name = ''] = codeSpans(row.get('Name') ?? '');
      return [`${path} ${row.get('Kind')} ${name}`, Number(row.get('Lines at most'))];
    }),
  );
  const exceeding = libSources().flatMap(({ path, units }) => tooLong(path, units));

  it('are those that this spec checks', () => {
    const [, ...numbers] = /at most (\d+) lines, a class (\d+), a function (\d+)/.exec(section) ?? [];
    assert.deepEqual(numbers.map(Number), Object.values(LIMITS));
  });

  it('are exceeded by nothing but what the table names', () => {
    assert.deepEqual(
      exceeding.filter(({ key, lines }) => lines > (exceptions.get(key) ?? 0)),
      [],
    );
  });

  it('have no exception that is not needed any more', () => {
    const needed = exceeding.map(({ key }) => key);
    assert.deepEqual(
      [...exceptions.keys()].filter((key) => !needed.includes(key)),
      [],
    );
  });
});

describe('lengths', () => {
  const { units } = readSource(
    'lib/example.ts',
    [
      '/** Not counted for the function. */',
      'export function outer() {',
      '  const inner = () => {',
      '',
      '    // Counted.',
      '  };',
      '  return inner;',
      '}',
      'class Example {',
      '  #method() {',
      '  }',
      '  readonly field = function () {};',
      '}',
      '',
    ].join('\n'),
  );

  it('are those of the file, and of each class and function in it', () => {
    assert.deepEqual(
      new Map(units.map(({ kind, name, lines }) => [`${kind} ${name}`, lines])),
      new Map([
        ['file lib/example.ts', 13],
        ['function outer', 7],
        ['function inner', 4],
        ['class Example', 5],
        ['function Example.method', 2],
        ['function Example.field', 1],
      ]),
    );
  });
});

describe('the pages of docs/internals/', () => {
  const sources = libSources();

  for (const name of readdirSync(join(ROOT, 'docs/internals')).filter((file) => file.endsWith('.md'))) {
    it(`name only files and folders of lib/, spec/ and bench/ that exist: ${name}`, () => {
      const paths = codeSpans(readDocument(`docs/internals/${name}`)).filter((code) =>
        /^(lib|spec|bench)\/[\w./-]*$/.test(code),
      );
      assert.deepEqual(
        paths.filter((path) => !exists(path)),
        [],
      );
    });

    it(`name only members that the classes and interfaces of lib/ have: ${name}`, () => {
      const members = codeSpans(readDocument(`docs/internals/${name}`)).flatMap((code) => {
        const [, symbol = '', member = ''] = /^([A-Z]\w+)\.(\w+)$/.exec(code) ?? [];
        const owner = sources.find(({ topLevel }) => topLevel.has(symbol));
        return owner ? [{ code, isThere: owner.topLevel.get(symbol)?.has(member) }] : [];
      });
      assert.deepEqual(
        members.filter(({ isThere }) => !isThere),
        [],
      );
    });
  }
});
