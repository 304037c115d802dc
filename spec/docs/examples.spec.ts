/** The examples in the documents and in the documentation comments: every one of them compiles. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterTest } from '../support/cleanup.ts';
import { parseYaml } from '../support/yaml.ts';
import { compile } from './support/example-compiler.ts';
import { blocksIn, blocksOf, commentExamplesOf, DOCUMENTS, type Example } from './support/examples.ts';
import { ROOT } from './support/markdown.ts';

/** What the compiler takes. */
const COMPILED = ['ts', 'tsx', 'js'];

/** Where Debian has the packages of Go. */
const GOPATH = '/usr/share/gocode';

/** The other languages of blocks, and where these are checked. */
const OTHER_LANGUAGES = new Map([
  ['json', 'parsed below'],
  ['yaml', 'parsed below'],
  ['html', 'spec/docs/first-chat.spec.ts runs that of README.md'],
  ['sh', 'spec/docs/commands.spec.ts'],
  ['mermaid', 'spec/docs/site.spec.ts draws them'],
  ['http', 'spec/integration/conformance.spec.ts compares them with what the server sends'],
  ['nginx', 'a part of a file; spec/proxy runs the whole files'],
  ['ini', 'a unit of systemd, which containers do not run'],
  ['go', 'vetted below'],
  ['text', 'no code'],
]);

const SOURCES = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `lib/${path}`)
  .sort();

const BLOCKS = DOCUMENTS.flatMap(blocksOf);

const EXAMPLES = [
  ...BLOCKS.filter(({ language }) => COMPILED.includes(language)),
  ...SOURCES.flatMap(commentExamplesOf),
];

/** Blocks in a language that nothing is known of, or in none. */
function unknownLanguages(blocks: readonly Example[]): string[] {
  return blocks
    .filter(({ language }) => !COMPILED.includes(language) && !OTHER_LANGUAGES.has(language))
    .map(({ file, line, language }) => `${file}:${line}: ${language || 'no language'}`);
}

describe('examples', function () {
  // The compiler is a program of its own, and reads the types of Node and Express first.
  this.timeout(60_000);

  let complaints = new Map<Example, string[]>();

  before('compile', async () => {
    complaints = await compile(EXAMPLES);
  });

  it('are found: in README.md, in pages of each folder of docs/ and in documentation comments', () => {
    const found = [...new Set(EXAMPLES.map(({ file }) => file))];
    for (const place of ['README.md', 'docs/guide/', 'docs/reference/', 'docs/migrating/', 'lib/']) {
      assert.ok(
        found.some((file) => file.startsWith(place)),
        `no example in ${place}`,
      );
    }
    for (const file of DOCUMENTS) {
      const marks = readFileSync(join(ROOT, file), 'utf8').match(/^ *```(ts|tsx|js)$/gm)?.length ?? 0;
      assert.equal(EXAMPLES.filter((example) => example.file === file).length, marks, file);
    }
    for (const file of SOURCES) {
      const tags = readFileSync(join(ROOT, file), 'utf8').match(/@example\b/g)?.length ?? 0;
      assert.equal(EXAMPLES.filter((example) => example.file === file).length, tags, file);
    }
  });

  for (const example of EXAMPLES) {
    it(`compile: ${example.file}, line ${example.line}`, () => {
      assert.equal(complaints.get(example)?.join('\n') ?? '', '');
    });
  }

  it('that do not compile are reported with file and line', async () => {
    const wrong: Example = {
      file: 'x.md',
      language: 'ts',
      line: 10,
      text: "const a = 1;\nsockjs({ heartbeat: a }, () => {});\napp.use('/x');",
    };
    const program: Example = {
      file: 'y.md',
      language: 'ts',
      line: 5,
      text: "import { nothing } from 'express-sockjs';\nnothing();",
    };
    const script: Example = {
      file: 'z.md',
      language: 'js',
      line: 3,
      text: "const sockjs = require('sockjs');\nsockjs.create();",
    };
    const page: Example = { file: 'p.md', language: 'js', line: 7, text: "new SockJS('/x').sent = 1;" };
    const view: Example = {
      file: 'v.md',
      language: 'tsx',
      line: 2,
      text: "import SockJS from 'sockjs-client';\nexport const view = () => <b title={1}>{new SockJS('/').url}</b>;",
    };
    const reports = await compile([wrong, program, script, page, view]);
    // Each signature of sockjs() that does not fit adds lines.
    assert.match(reports.get(wrong)?.join('\n') ?? '', /^x\.md:11: error TS2769: .*'heartbeat'/s);
    assert.match(reports.get(program)?.[0] ?? '', /^y\.md:5: error TS2305: .*'nothing'/);
    assert.match(reports.get(script)?.[0] ?? '', /^z\.md:4: error TS\d+: .*'create'/);
    assert.match(reports.get(page)?.[0] ?? '', /^p\.md:7: error TS\d+: .*'sent'/);
    assert.match(reports.get(view)?.[0] ?? '', /^v\.md:3: error TS2322: /);
  });

  it('are in a language that is checked, or known not to be', () => {
    assert.deepEqual(unknownLanguages(BLOCKS), []);
    const text = '```\nnone\n```\n\n- item\n\n  ```cobol\n  other\n  ```\n\n```ts\ngood();\n```\n';
    assert.deepEqual(unknownLanguages(blocksIn('x.md', text)), ['x.md:2: no language', 'x.md:8: cobol']);
    const unused = [...OTHER_LANGUAGES.keys()].filter((name) => !BLOCKS.some(({ language }) => language === name));
    assert.deepEqual(unused, []);
  });

  for (const { file, line, language, text } of BLOCKS.filter((block) => /^(json|yaml)$/.test(block.language))) {
    it(`can be parsed: ${file}, line ${line}`, () => {
      assert.ok(language === 'json' ? JSON.parse(text) : parseYaml(text));
    });
  }

  for (const { file, line, text } of BLOCKS.filter(({ language }) => language === 'go')) {
    it(`compile: ${file}, line ${line}`, async function () {
      // Go compiles the packages that are imported first.
      this.timeout(300_000);
      if (!existsSync(`${GOPATH}/src/github.com/igm/sockjs-go/v3`)) {
        console.log('the example in Go is skipped: golang-github-igm-sockjs-go-dev is not installed');
        this.skip();
      }
      const folder = await mkdtemp(join(tmpdir(), 'express-sockjs-go-'));
      afterTest(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, 'main.go'), text);
      await promisify(execFile)('go', ['vet', 'main.go'], {
        cwd: folder,
        env: { ...process.env, GO111MODULE: 'off', GOPATH },
      });
    });
  }
});
