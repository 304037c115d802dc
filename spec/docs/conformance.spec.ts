/** docs/conformance.md: its sections are those of docs/protocol.md, and the specs and titles that prove its rules exist. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchText, post } from '../support/http.ts';
import { serve } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENT = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8');
const PROTOCOL = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');

/** The rows of all tables, less heads and rules, with the section they are in and the line they are on. */
const ROWS = DOCUMENT.split('\n').flatMap((line, i, lines) => {
  const isRow = line.startsWith('| ') && !lines[i + 1]?.startsWith('|---');
  const section = lines.slice(0, i).findLast((before) => before.startsWith('## '));
  return isRow ? [{ line: i + 1, section: section?.slice(3) ?? '', cells: line.slice(2, -2).split(' | ') }] : [];
});

/** The last cell of a row: "`file`: "title", "title"; `file`: …". */
function proofsOf(cell: string): { readonly file: string; readonly titles: readonly string[] }[] {
  return cell.split('; `').map((proof) => {
    const [, file = '', titles = ''] = /^`?([^`]+)`: ("[^"]+"(?:, "[^"]+")*)$/.exec(proof) ?? [];
    return { file, titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title) };
  });
}

/** What a file calls its tests, an ellipsis for each part that varies. */
function titlesIn(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [
    ...text.matchAll(/\b(?:describe|it|holds)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g),
  ].map(([, single, double, template = '']) =>
    (single ?? double ?? withoutExpressions(template)).replace(/\\(.)/g, (_, escaped: string) => escaped),
  );
}

/** A template with an ellipsis for each expression in it. */
function withoutExpressions(template: string): string {
  let text = '';
  let depth = 0;
  for (let i = 0; i < template.length; i++) {
    if (template.startsWith('${', i)) {
      text += depth === 0 ? '…' : '';
      depth += 1;
      i += 1;
    } else if (depth > 0) {
      depth += template[i] === '{' ? 1 : template[i] === '}' ? -1 : 0;
    } else {
      text += template[i];
    }
  }
  return text;
}

describe('docs/conformance.md', () => {
  it('has all sections of the protocol, and rules in each', () => {
    const sections = new Set(ROWS.map(({ section }) => section));
    const ofProtocol = [...PROTOCOL.matchAll(/^## (\d+\. .*)$/gm)].map(([, title]) => title);
    assert.deepEqual([...sections], [...ofProtocol, 'With real clients', 'Deviations']);
    assert.equal(DOCUMENT.match(/^## /gm)?.length, sections.size);
  });

  it('gives each deviation the section that it belongs to, in their order', () => {
    const numbers = ROWS.filter(({ section }) => section === 'Deviations').map(({ cells }) =>
      Number(cells[0]?.split(':')[0]),
    );
    assert.ok(
      numbers.every((number) => number >= 1 && number <= 11),
      String(numbers),
    );
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  });

  for (const { line, section, cells } of ROWS) {
    it(`names specs that exist and titles that they have, line ${line}: ${cells[0]}`, () => {
      assert.equal(cells.length, section === 'Deviations' ? 3 : 2, 'a row has one cell too many or too few');
      for (const { file, titles } of proofsOf(cells.at(-1) ?? '')) {
        assert.match(file, /^spec\/.*\.ts$/, `no proof in ${JSON.stringify(cells.at(-1))}`);
        assert.ok(existsSync(join(ROOT, file)), `there is no ${file}`);
        const known = titlesIn(file);
        for (const title of titles) {
          assert.ok(known.includes(title), `${file} has no title "${title}", but\n${known.join('\n')}`);
        }
      }
    });
  }
});

describe('deviations that no other spec is about', () => {
  it('ids of more than 256 characters are 404, those of 256 open a session', async () => {
    const { origin } = await serve();
    const path = (length: number) => `${origin}/echo/0/${'x'.repeat(length)}/xhr`;
    assert.equal((await post(path(256))).body, 'o\n');
    assert.equal((await post(path(257))).status, 404);
    assert.equal((await post(`${origin}/echo/${'x'.repeat(257)}/s/xhr`)).status, 404);
  });

  it('/chunking_test is 404', async () => {
    const { origin } = await serve();
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      assert.equal((await fetchText(`${origin}/echo/chunking_test`, method)).status, 404);
    }
  });

  it('a WebSocket of version 8 is taken as one of 13', async () => {
    const { origin } = await serve();
    const client = new WebSocketClient(origin, '/echo/0/s/websocket', { protocolVersion: 8 });
    assert.equal(await client.next(), 'o');
    client.send('"x"');
    assert.equal(await client.next(), 'a["x"]');
  });
});
