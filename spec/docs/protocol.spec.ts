/** docs/protocol.md: its contents list, the sections that comments cite, its examples on the wire, and its texts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { attachUpgrade, sockjs } from '../../lib/index.ts';
import { afterTest } from '../support/cleanup.ts';
import { listen } from '../support/test-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LINES = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8').split('\n');

interface Block {
  /** What follows the opening fence, such as `http`. */
  readonly language: string;
  /** The line in the document on which the text begins. */
  readonly line: number;
  readonly text: string;
}

interface Heading {
  readonly level: number;
  readonly title: string;
}

/** All fenced blocks of the document, and its headings. */
function parseDocument(lines: readonly string[]): { blocks: Block[]; headings: Heading[] } {
  const blocks: Block[] = [];
  const headings: Heading[] = [];
  let start: number | undefined;
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('```')) {
      if (start === undefined) {
        start = i;
      } else {
        const language = lines[start]?.slice(3) ?? '';
        blocks.push({ language, line: start + 2, text: lines.slice(start + 1, i).join('\n') });
        start = undefined;
      }
    } else if (start === undefined && /^#+ /.test(line)) {
      const [marks = '', title = ''] = line.split(/ (.*)/);
      headings.push({ level: marks.length, title });
    }
  }
  return { blocks, headings };
}

const { blocks: BLOCKS, headings: HEADINGS } = parseDocument(LINES);

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

/** A request of the document, and the answer that follows it. */
interface Example {
  readonly line: number;
  readonly request: string;
  readonly answer: string;
}

function examplesIn(blocks: readonly Block[]): Example[] {
  const messages = blocks.filter(({ language }) => language === 'http');
  assert.equal(messages.length % 2, 0, 'a request has no answer');
  return Array.from({ length: messages.length / 2 }, (_, i) => {
    const [request, answer] = messages.slice(2 * i, 2 * i + 2);
    assert.match(answer?.text ?? '', /^HTTP\/1\.1 \d+ /, `line ${answer?.line}`);
    return { line: request?.line ?? 0, request: request?.text ?? '', answer: answer?.text ?? '' };
  });
}

/** A request as it travels: lines of the head end with CRLF, the body is sent as it stands. */
function bytesOf(request: string): string {
  const [head = '', body = ''] = request.split(/\n\n(.*)/s);
  return `${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`;
}

/** Of every answer, added by Node; the document says that it leaves them out. */
const LEFT_OUT = /^(?:date: |keep-alive: |connection: keep-alive$)/i;

/** An answer as lines, the headers in the order of their names, without empty lines at the end. */
function linesOf(answer: string): string[] {
  const lines = answer.trimEnd().split(/\r?\n/);
  const end = lines.includes('') ? lines.indexOf('') : lines.length;
  const [status = '', ...headers] = lines.slice(0, end).filter((line) => !LEFT_OUT.test(line));
  return [status, ...headers.sort(), ...lines.slice(end)];
}

/** The lines of an answer, those that an example describes with a `…` in the words of the example. */
function inWordsOf(example: readonly string[], answer: readonly string[]): string[] {
  return answer.map((line, i) => {
    const expected = example[i] ?? '';
    const parts = expected.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
    return new RegExp(`^${parts.join('.*')}$`).test(line) ? expected : line;
  });
}

/** ms that an answer may take. Only a wrong one takes so long. */
const PATIENCE = 20_000;

/** Sends a request, and returns what was received once that is the answer, or nothing more comes. */
async function ask(port: number, request: string, isAnswer: (received: string) => boolean): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1').write(bytesOf(request));
  let received = '';
  socket.on('data', (chunk: string) => {
    received += chunk;
    if (isAnswer(received)) {
      socket.destroy();
    }
  });
  const timer = setTimeout(() => socket.destroy(), PATIENCE);
  await once(socket, 'close');
  clearTimeout(timer);
  return received;
}

describe('the examples of docs/protocol.md', () => {
  it('are what the server answers', async () => {
    const examples = examplesIn(BLOCKS);
    assert.ok(examples.length > 10);
    // No session may end between two examples.
    const router = sockjs({ prefix: '/echo', disconnectDelay: 600_000 }, (session) => {
      session.on('message', (message) => {
        if (message === 'bye') {
          session.close(3000, 'Go away!');
        } else {
          session.send(message);
        }
      });
    });
    afterTest(async () => {
      await router.close({ timeout: 0 });
    });
    const server = createServer(router);
    attachUpgrade(server);
    const { port } = await listen(server);
    for (const { line, request, answer } of examples) {
      const expected = linesOf(answer);
      // Behind a 101 the bytes of a WebSocket follow, which the document shows elsewhere.
      const isHandshake = answer.includes(' 101 ');
      const linesFor = (received: string) =>
        inWordsOf(expected, linesOf(isHandshake ? received.replace(/\r\n\r\n.*/s, '') : received));
      const received = await ask(port, request, (text) => isDeepStrictEqual(linesFor(text), expected));
      assert.deepEqual(linesFor(received), expected, `line ${line}: ${request}`);
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
