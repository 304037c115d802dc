/** docs/internals/bypasses.md: its table has all bypasses of lib/, and what it names is there. */
import assert from 'node:assert/strict';
import { libSources, readSource } from './support/lib-source.ts';
import { codeSpans, exists, readDocument, rowsOf, sectionOf } from './support/markdown.ts';

const ROWS = rowsOf(sectionOf(readDocument('docs/internals/bypasses.md'), 'The table'));

const COLUMNS = ['What', 'File', 'Why', 'Gain', 'Guard', 'Spec', 'To switch it off'];

/** The paths that a cell names. */
function pathsIn(row: ReadonlyMap<string, string>, column: string): string[] {
  return codeSpans(row.get(column) ?? '');
}

/** Whether the header of a file says that the file has a bypass. */
function isMarked(header: string): boolean {
  return /^ \* Bypass: \S/m.test(header);
}

describe('the table of docs/internals/bypasses.md', () => {
  const sources = libSources();
  const marked = sources.filter(({ header }) => isMarked(header)).map(({ path }) => path);

  for (const row of ROWS) {
    describe(row.get('What') ?? '', () => {
      it('has something in every column', () => {
        assert.deepEqual([...row.keys()], COLUMNS);
        for (const [column, cell] of row) {
          assert.notEqual(cell.trim(), '', column);
        }
      });

      it('names files of lib/ that have a bypass by their headers', () => {
        const files = pathsIn(row, 'File');
        assert.notEqual(files.length, 0);
        assert.deepEqual(
          files.filter((file) => !marked.includes(file)),
          [],
        );
      });

      it('names specs that there are', () => {
        const specs = pathsIn(row, 'Spec');
        assert.notEqual(specs.length, 0);
        for (const spec of specs) {
          assert.match(spec, /^spec\/.+\.spec\.ts$/);
          assert.ok(exists(spec), `there is no ${spec}`);
        }
      });

      it('says what was measured and when, or that it is no matter of speed', () => {
        const gain = row.get('Gain') ?? '';
        assert.match(gain, /^no matter of speed$|\b20\d\d-\d\d-\d\d\b/);
        const isFigure = /\d (times|µs|KiB)/.test(gain);
        assert.ok(!isFigure || /\b20\d\d-\d\d-\d\d\b/.test(gain), 'a figure needs a date');
      });
    });
  }

  it('has every file of lib/ whose header says that it has a bypass', () => {
    const listed = new Set(ROWS.flatMap((row) => pathsIn(row, 'File')));
    assert.deepEqual(
      marked.filter((path) => !listed.has(path)),
      [],
    );
  });

  it('has every file of lib/ that uses what is private, or takes the place of what is not its own', () => {
    assert.deepEqual(
      sources
        .filter(({ bypasses, path }) => bypasses.length > 0 && !marked.includes(path))
        .map(({ path, bypasses }) => `${path}: ${bypasses.join(', ')}`),
      [],
    );
  });
});

describe('a bypass', () => {
  for (const [line, name] of [
    ['socket._httpMessage;', '_httpMessage'],
    ['const { _connectionListener: serve } = http;', '_connectionListener'],
    ['server.emit = emit;', 'emit'],
    ['(socket as Flowing).readableFlowing = null;', 'readableFlowing'],
    ["res.prependListener('finish', f);", 'prependListener'],
    ['res.assignSocket(socket);', 'assignSocket'],
    ['Function.prototype.toString.call(f);', 'toString'],
  ] as const) {
    it(`is found in ${line}`, () => assert.deepEqual(readSource('lib/example.ts', line).bypasses, [name]));
  }

  for (const line of [
    'class A { #emit; constructor() { this.emit = 1; super.prependListener(); } _read() {} }',
    "import { _x as x } from 'node:http'; x();",
    'String(socket.httpMessage); f.toString();',
    'req.url = url; res.statusCode = 200;',
  ]) {
    it(`is not found in ${line}`, () => assert.deepEqual(readSource('lib/example.ts', line).bypasses, []));
  }
});
