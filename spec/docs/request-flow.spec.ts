/** docs/internals/request-flow.md and cluster.md: what their pictures show is in lib/. */
import assert from 'node:assert/strict';
import { libSources, readSource, type Source } from './support/lib-source.ts';
import { blocksOf, readDocument } from './support/markdown.ts';
import { type Arrow, type Participant, Sequence } from './support/sequence.ts';

const SOURCES = libSources();

/** The sections of a page: their headings, and what is fenced in them. */
function sectionsOf(page: string) {
  return readDocument(page)
    .split(/^## /m)
    .slice(1)
    .map((section) => ({ title: section.split('\n', 1)[0] ?? '', blocks: blocksOf(section) }));
}

const FLOW = sectionsOf('docs/internals/request-flow.md');

/** Sections of the other page may do without a picture. */
const CLUSTER = sectionsOf('docs/internals/cluster.md').filter(({ blocks }) => blocks.length > 0);

/** What a box stands for. */
interface Resolved {
  readonly source: Source;
  readonly symbol: string;
}

/** Finds the file and the symbol of a box. */
function resolve({ label }: Participant, sources: readonly Source[] = SOURCES): Resolved {
  const [path, symbol = ''] = label.split('#');
  const source = sources.find((one) => one.path === path);
  if (source === undefined) {
    throw new Error(`there is no file ${path}`);
  }
  if (!source.topLevel.has(symbol)) {
    throw new Error(`${path} does not declare ${symbol}`);
  }
  return { source, symbol };
}

/** Whether a class or an interface has a member, or inherits it. A function stands for all that its file holds. */
function has(name: string, { source, symbol }: Resolved, sources: readonly Source[] = SOURCES): boolean {
  const members = source.topLevel.get(symbol) ?? new Set();
  if (name === symbol || members.has(name)) {
    return true;
  }
  const base = source.bases.get(symbol);
  const parent = sources.find(({ bases }) => base && bases.has(base));
  if (base && parent) {
    return has(name, { source: parent, symbol: base }, sources);
  }
  return members.size === 0 && source.names.has(name);
}

/** What is wrong with an arrow; undefined where nothing is. */
function faultOf({ from, to, isDashed, call, line }: Arrow, sources: readonly Source[] = SOURCES): string | undefined {
  if (call === undefined) {
    return isDashed || from.isActor || to.isActor ? undefined : `a solid arrow in lib/ is a call: ${line}`;
  }
  if (!to.isActor && !has(call, resolve(to, sources), sources)) {
    return `${to.label} has no ${call}: ${line}`;
  }
  if (!from.isActor && !isDashed && !new RegExp(`\\b${call}\\b`).test(resolve(from, sources).source.text)) {
    return `${from.label} does not call ${call}: ${line}`;
  }
  return undefined;
}

describe('the pictures of docs/internals/request-flow.md and cluster.md', () => {
  it('are one for each way of a message, an opening, an upgrade and a shutdown', () => {
    assert.deepEqual(
      FLOW.map(({ title }) => title),
      [
        'A session opens over HTTP',
        'Polling: a message to the client',
        'Polling and streaming: a message from the client',
        'Streaming: a message to the client',
        'WebSocket: a message from the client',
        'WebSocket: a message to the client',
        'A WebSocket upgrade, as far as the endpoint',
        'A WebSocket upgrade, in the endpoint',
        'A shutdown',
      ],
    );
  });

  it('are one for each way of a node, a claim and what is relayed', () => {
    assert.deepEqual(
      CLUSTER.map(({ title }) => title),
      ['A start', 'A claim', 'A relayed poll', 'A relayed send', "An owner's death", 'A shutdown'],
    );
  });

  for (const { title, blocks } of [...FLOW, ...CLUSTER]) {
    describe(title, () => {
      const lines = blocks[0]?.lines ?? [];

      it('is one well-formed sequence diagram', () => {
        assert.deepEqual(
          blocks.map(({ language }) => language),
          ['mermaid'],
        );
        assert.ok(new Sequence(lines).arrows.length > 0);
      });

      it('has a file of lib/ and a symbol of it for each box', () => {
        const boxes = [...new Sequence(lines).participants.values()].filter(({ isActor }) => !isActor);
        for (const box of boxes) {
          resolve(box);
        }
        assert.ok(boxes.length > 0);
      });

      it('has a call for each arrow from box to box, which the one makes and the other has', () => {
        assert.deepEqual(
          new Sequence(lines).arrows.map((arrow) => faultOf(arrow)).filter((fault) => fault !== undefined),
          [],
        );
      });
    });
  }
});

describe('a sequence diagram', () => {
  const DECLARED = ['sequenceDiagram', 'actor A', 'participant B as lib/b.ts<br/>#35;B'];

  for (const [title, ...lines] of [
    ['without its first line', 'actor A', 'A->>A: x()'],
    ['with a participant that is not declared', ...DECLARED, 'A->>B: x()', 'A->>C: x()'],
    ['with a participant that is declared twice', ...DECLARED, 'actor A', 'A->>B: x()'],
    ['with a participant without an arrow', ...DECLARED, 'A->>A: x()'],
    ['with a block that has no end', ...DECLARED, 'opt x', 'A->>B: x()'],
    ['with an end too many', ...DECLARED, 'A->>B: x()', 'end'],
    ['with a divider of another block', ...DECLARED, 'opt x', 'A->>B: x()', 'else y', 'end'],
    ['with a hash, behind which Mermaid shows nothing', ...DECLARED, 'A->>B: #x()'],
    ['with a semicolon, at which Mermaid ends the line', ...DECLARED, 'A->>B: x(); y()'],
    ['with another kind of line', ...DECLARED, 'A->>B: x()', 'A=>B: x()'],
    ['with a note on a participant that is not declared', ...DECLARED, 'A->>B: x()', 'Note over C: x'],
    ['with an arrow without a label', ...DECLARED, 'A->>B: '],
  ] as const) {
    it(`is refused ${title}`, () => {
      assert.throws(() => new Sequence(lines), Error);
    });
  }
});

describe('an arrow', () => {
  const sources = [
    readSource('lib/b.ts', 'export class B extends C {\n  own() {\n    foreign();\n  }\n}\nfunction beside() {}\n'),
    readSource('lib/c.ts', 'export class C {\n  inherited() {}\n}\n'),
    readSource('lib/f.ts', 'export function f() {\n  const inner = () => own();\n}\n'),
  ];
  const read = (line: string) => {
    const declared = ['actor A', 'participant B as lib/b.ts#35;B', 'participant F as lib/f.ts#35;f'];
    const { arrows } = new Sequence(['sequenceDiagram', ...declared, 'A->>B: x', 'A->>F: x', line]);
    const arrow = arrows.at(-1);
    assert.ok(arrow);
    return faultOf(arrow, sources);
  };

  for (const line of [
    'F->>B: own()',
    'F->>B: own() with words',
    'A->>B: inherited()',
    'B->>A: foreign()',
    'F-->>B: words',
    'F-->>B: inherited() by another',
    'A->>F: inner()',
    'A->>B: new B()',
  ]) {
    it(`may be ${line}`, () => assert.equal(read(line), undefined));
  }

  for (const [line, fault] of [
    ['F->>B: words', /is a call/],
    ['F->>B: missing()', /has no missing/],
    ['F->>B: beside()', /has no beside/],
    ['F-->>B: missing()', /has no missing/],
    ['F->>B: inherited()', /does not call inherited/],
    ['B->>A: res.end()', /does not call end/],
  ] as const) {
    it(`may not be ${line}`, () => assert.match(read(line) ?? '', fault));
  }

  it('may not lead to a file or a symbol that there is not', () => {
    const box = { id: 'X', isActor: false };
    assert.throws(() => resolve({ ...box, label: 'lib/x.ts#X' }, sources), /there is no file lib\/x.ts/);
    assert.throws(() => resolve({ ...box, label: 'lib/b.ts#X' }, sources), /does not declare X/);
    assert.throws(() => resolve({ ...box, label: 'lib/b.ts' }, sources), /does not declare/);
  });
});
