/** docs/protocol.md as the specs read it: its headings, and its examples, which an endpoint must answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

/** The lines of the document. */
export const LINES: readonly string[] = readFileSync(
  fileURLToPath(new URL('../../docs/protocol.md', import.meta.url)),
  'utf8',
).split('\n');

interface Block {
  /** What follows the opening fence, such as `http`. */
  readonly language: string;
  /** The line in the document on which the text begins. */
  readonly line: number;
  readonly text: string;
}

export interface Heading {
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

const { blocks: BLOCKS, headings } = parseDocument(LINES);

/** The headings of the document, in their order. */
export const HEADINGS: readonly Heading[] = headings;

/** A request of the document, and the answer that follows it. */
export interface Example {
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

/** All examples, in their order: some go on where the one before has ended. */
export const EXAMPLES: readonly Example[] = examplesIn(BLOCKS);
assert.ok(EXAMPLES.length > 10);

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

/** Sends the request of an example to an endpoint at `/echo`, whose handler is `echoOrGoAway`, and compares the answer. */
export async function assertExample(port: number, { line, request, answer }: Example): Promise<void> {
  const expected = linesOf(answer);
  // Behind a 101 the bytes of a WebSocket follow, which the document shows elsewhere.
  const isHandshake = answer.includes(' 101 ');
  const linesFor = (received: string) =>
    inWordsOf(expected, linesOf(isHandshake ? received.replace(/\r\n\r\n.*/s, '') : received));
  const received = await ask(port, request, (text) => isDeepStrictEqual(linesFor(text), expected));
  assert.deepEqual(linesFor(received), expected, `line ${line}: ${request}`);
}
