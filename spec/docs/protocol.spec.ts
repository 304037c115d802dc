/** docs/protocol.md: its contents list, the sections that comments cite, its examples on the wire, and its texts. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attachUpgrade, sockjs } from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { echoOrGoAway } from '../support/contract-app.ts';
import { assertExample, EXAMPLES, HEADINGS, LINES } from '../support/protocol-document.ts';
import { listen } from '../support/test-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The numbers of all sections, such as `6` and `6.1`. */
const SECTIONS = new Set(HEADINGS.map(({ title }) => /^\d+(?:\.\d+)?/.exec(title)?.[0]));

/** The anchor that GitHub gives a heading. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

describe('docs/protocol.md', () => {
  it('lists all its sections at the top, in their order', () => {
    const first = HEADINGS.findIndex(({ title }) => title === 'Contents');
    const expected = HEADINGS.slice(first + 1).map(({ title }) => `[${title}](#${anchorOf(title)})`);
    const text = LINES.slice(LINES.indexOf('## Contents'), LINES.indexOf('## Terms and conventions')).join('\n');
    assert.deepEqual(text.match(/\[[^\]]+\]\([^)]+\)/g), expected);
  });

  it('numbers its sections without a gap', () => {
    let [section, part] = [0, 0];
    for (const { level, title } of HEADINGS.filter((heading) => /^\d/.test(heading.title))) {
      [section, part] = level === 2 ? [section + 1, 0] : [section, part + 1];
      assert.ok(title.startsWith(level === 2 ? `${section}. ` : `${section}.${part} `), title);
    }
    assert.equal(section, 11);
  });

  it('refers to sections that it has', () => {
    const text = LINES.join(' ');
    const found = [...text.matchAll(/\bsections? (\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?)*)/g)];
    assert.ok(found.length > 10);
    for (const [mention, numbers = ''] of found) {
      for (const number of numbers.match(/\d+(?:\.\d+)?/g) ?? []) {
        assert.ok(SECTIONS.has(number), mention);
      }
    }
  });
});

/** Where a comment cites the document. */
interface Citation {
  readonly file: string;
  readonly line: number;
  /** The name and what follows, on one line. */
  readonly text: string;
  readonly name: string;
  /** As in `6.1`; empty where the text is none that is understood. */
  readonly sections: readonly string[];
}

const NAME = /(?<![\w/.-])(?:docs\/protocol|PROTOCOL)\.md/g;
const NUMBER = String.raw`\d+(?:\.\d+)?`;
const NUMBERS = new RegExp(String.raw`^,?\s+(?:sections?\s+)?(${NUMBER}(?:(?:,|,? and| to)\s+${NUMBER})*)`);

/** What a file cites. Line ends within comments do not matter. */
function citationsIn(file: string, source: string): Citation[] {
  return [...source.matchAll(NAME)].map(({ 0: name, index }) => {
    const rest = source
      .slice(index + name.length, index + 200)
      .replace(/\s*\n\s*(?:\*|\/\/)(?!\/)\s*/g, ' ')
      .replace(/\n.*/s, '');
    const [cited = '', numbers = ''] = NUMBERS.exec(rest) ?? [];
    return {
      file,
      line: source.slice(0, index).split('\n').length,
      text: name + (cited || rest.slice(0, 40)),
      name,
      sections: numbers.split(/,? and |, /).flatMap(rangeOf),
    };
  });
}

/** `6.1 to 6.3` as three numbers, anything else as it is. */
function rangeOf(text: string): string[] {
  const [from = '', to] = text.split(/\s+to\s+/);
  if (to === undefined) {
    return from === '' ? [] : [from];
  }
  const [section, first = ''] = from.split('.');
  const [, last = ''] = to.split('.');
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${section}.${Number(first) + i}`);
}

/** All sources of a folder, but this very file. */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path}`)
    .filter((path) => path.endsWith('.ts') && path !== 'spec/docs/protocol.spec.ts');
}

const SOURCES = new Map(
  ['lib', 'spec'].flatMap(sourcesIn).map((file) => [file, readFileSync(join(ROOT, file), 'utf8')] as const),
);

describe('comments that cite docs/protocol.md', () => {
  const citations = [...SOURCES].flatMap(([file, source]) => citationsIn(file, source));
  const placeOf = ({ file, line, text }: Citation) => `${file}:${line}: ${text}`;

  it('are understood by this spec in every form', () => {
    const rows: [source: string, sections: string[]][] = [
      ['/** Frames (PROTOCOL.md section 5). */', ['5']],
      ['/** JSON in (PROTOCOL.md sections 5, 6.9 and 8). */', ['5', '6.9', '8']],
      ['   * comes late (PROTOCOL.md 6.1 to 6.3, 6.6).', ['6.1', '6.2', '6.3', '6.6']],
      ['   * (PROTOCOL.md 6.5 and 6.8). Also told', ['6.5', '6.8']],
      ['/** Gives a poll up after 35 s (docs/protocol.md, section 6.7). */', ['6.7']],
      ['/** See docs/protocol.md, sections 6.1 to 6.3, 6.5, and 10. */', ['6.1', '6.2', '6.3', '6.5', '10']],
      ['/**\n * The header groups of docs/protocol.md,\n * section 2 that it takes part in.\n */', ['2']],
      ['// Joins chunks (PROTOCOL.md\n      // section 10).', ['10']],
      ['/** As docs/protocol.md says. */', []],
      ['/** The house rules (OTHER-PROTOCOL.md section 5). */', []],
    ];
    for (const [source, sections] of rows) {
      assert.deepEqual(
        citationsIn('', source).flatMap((citation) => citation.sections),
        sections,
        source,
      );
    }
  });

  it('name sections that it has', () => {
    assert.ok(citations.some(({ file }) => file.startsWith('lib/')));
    // Specs may also name the file itself.
    const wrong = citations.filter(
      ({ file, sections }) =>
        (sections.length === 0 && file.startsWith('lib/')) || !sections.every((section) => SECTIONS.has(section)),
    );
    assert.deepEqual(wrong.map(placeOf), [], 'write "docs/protocol.md, section N", with a section that there is');
  });

  it('call it by its name', () => {
    const old = citations.filter(({ name }) => name === 'PROTOCOL.md');
    assert.deepEqual(old.map(placeOf), []);
  });
});

describe('the examples of docs/protocol.md', () => {
  it('are what the server answers', async () => {
    // No session may end between two examples.
    const router = sockjs({ prefix: '/echo', disconnectDelay: 600_000 }, echoOrGoAway);
    afterTest(async () => {
      await router.close({ timeout: 0 });
    });
    const server = createServer(router);
    attachUpgrade(server);
    const { port } = await listen(server);
    for (const example of EXAMPLES) {
      await assertExample(port, example);
    }
  });
});

/** The rows of all tables under a heading, as cells. */
function rowsUnder(title: string): string[][] {
  const start = LINES.findIndex((line) => line.startsWith('#') && line.endsWith(` ${title}`));
  assert.notEqual(start, -1, `no heading ${title}`);
  const end = LINES.findIndex((line, i) => i > start && /^##+ /.test(line));
  return LINES.slice(start, end === -1 ? undefined : end)
    .filter((line) => /^\| \d/.test(line))
    .map((line) => line.slice(2, -2).split(' | '));
}

/** What is in backticks. */
function quotedIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
}

describe('the texts of docs/protocol.md', () => {
  const code = [...SOURCES].flatMap(([file, source]) => (file.startsWith('lib/') ? [source] : [])).join('\n');

  for (const title of ['10.4 Error answers', '11. Close codes']) {
    it(`under "${title}" are those of the code`, () => {
      const texts = rowsUnder(title).flatMap(([, text = '']) => quotedIn(text));
      assert.ok(texts.length >= 10);
      for (const text of texts) {
        assert.ok(code.includes(`'${text}'`), `no '${text}' under lib/`);
      }
    });
  }
});
