/** The examples in the documents and in the documentation comments: every one of them compiles. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGES } from './support/markdown.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Whose blocks marked `ts` are examples. */
const DOCUMENTS = ['README.md', 'demo/deploy/README.md', ...PAGES];

interface Example {
  readonly file: string;
  /** The line in that file on which it begins. */
  readonly line: number;
  readonly text: string;
}

/** The blocks of a document that are marked `ts`, those that are indented within a list as well. */
function blocksOf(file: string): Example[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^( *)```ts\n(.*?)^\1```$/gms)].map((match) => ({
    file,
    line: lineAt(text, match.index) + 1,
    text: match[2] ?? '',
  }));
}

/** What follows `@example` in a documentation comment, up to the next tag or the end. */
function commentExamplesOf(file: string): Example[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^ *\* @example\n((?:^ *\*(?!\/| @).*\n)+)/gm)].map((match) => ({
    file,
    line: lineAt(text, match.index) + 1,
    text: (match[1] ?? '').replace(/^ *\* ?/gm, ''),
  }));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

const SOURCES = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `lib/${path}`)
  .sort();

const EXAMPLES = [...DOCUMENTS.flatMap(blocksOf), ...SOURCES.flatMap(commentExamplesOf)];

/** What fragments take for granted: the reader knows what is meant, the compiler has to be told. */
const PRELUDE = `
import type { Server } from 'node:http';
import type { Express } from 'express';
import type { WebSocketServer } from 'ws';
import type { ClusterRegistry, Session, SessionHandler, SockjsOptions, SockjsRouter } from 'express-sockjs';
import type { ContractCluster } from 'express-sockjs/cluster-contract';
import type { createClient } from 'redis';

export interface User { readonly name: string }
export declare const app: Express;
export declare const server: Server;
export declare const router: SockjsRouter;
export declare const chat: SockjsRouter;
export declare const news: SockjsRouter;
export declare const session: Session;
export declare const options: SockjsOptions;
export declare const wss: WebSocketServer;
export declare const client: ReturnType<typeof createClient>;
export declare function myRegistry(): ClusterRegistry;
export declare const openMyRegistry: () => ContractCluster;
export declare const onSession: SessionHandler;
export declare const rows: readonly string[];
export declare function userOf(cookie: string | undefined): Promise<User | undefined>;
export declare function sessionCookieOf(req: { readonly headers: object }): string;
`;

/** One line in front of a fragment, so that its own lines are one further down. */
const BEFORE_FRAGMENT = [
  "import { createServer } from 'node:http';",
  "import express from 'express';",
  "import connect from 'connect';",
  "import { attachUpgrade, CloseCode, defaultOptions, jsessionid, SessionNotOpenError, sockjs, upgradeHandler } from 'express-sockjs';",
  "import { redisCluster } from 'express-sockjs/redis';",
  "import { registryContract } from 'express-sockjs/cluster-contract';",
  "import type { ContractCluster } from 'express-sockjs/cluster-contract';",
  "import type { Session } from 'express-sockjs';",
  "import { createClient } from 'redis';",
  `import { ${[...PRELUDE.matchAll(/^export declare \w+ (\w+)/gm)].map(([, name]) => name).join(', ')}, type User } from './prelude.ts';`,
  // A function, so that a fragment may use any of these names for something else.
  'export async function fragment() {',
].join(' ');

/** A program by its own imports; anything else is a fragment. */
function isProgram({ text }: Example): boolean {
  return /^import [^;]* from ['"]/m.test(text);
}

/** An example as a file of its own, and by how many lines it has moved down in it. */
function moduleOf(example: Example): { readonly text: string; readonly offset: number } {
  return isProgram(example)
    ? { text: `${example.text}\nexport {};\n`, offset: 0 }
    : { text: `${BEFORE_FRAGMENT}\n${example.text}\n}\n`, offset: 1 };
}

/** What a strict project has set; unused names and the like are an example's own business. */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node', 'mocha'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    paths: {
      'express-sockjs': [join(ROOT, 'lib/index.ts')],
      'express-sockjs/redis': [join(ROOT, 'lib/redis.ts')],
      'express-sockjs/cluster-contract': [join(ROOT, 'lib/cluster-contract.ts')],
    },
  },
  include: ['*.ts'],
};

/** Compiles all examples at once; what is wrong with each, as lines that say where in its file. */
async function compile(examples: readonly Example[]): Promise<Map<Example, string[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'express-sockjs-examples-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    await writeFile(join(folder, 'prelude.ts'), PRELUDE);
    for (const [i, example] of examples.entries()) {
      await writeFile(join(folder, `example${i}.ts`), moduleOf(example).text);
    }
    const output = await new Promise<string>((resolve) => {
      // It fails where anything does not compile, which is what its output is about.
      execFile(process.execPath, [TSC, '--pretty', 'false', '-p', folder], { cwd: folder }, (error, stdout, stderr) =>
        resolve(`${stdout}${stderr}${error?.signal ? `the compiler was ended by ${error.signal}` : ''}`),
      );
    });
    return complaintsOf(examples, output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The compiler's output by example. Output about no example is a failure of this spec. */
function complaintsOf(examples: readonly Example[], output: string): Map<Example, string[]> {
  const complaints = new Map<Example, string[]>();
  const others: string[] = [];
  let last = others;
  for (const text of output.split('\n').filter((line) => line !== '')) {
    const [, number, line, message] = /^example(\d+)\.ts\((\d+),\d+\): (.*)$/.exec(text) ?? [];
    const example = number === undefined ? undefined : examples[Number(number)];
    if (example !== undefined) {
      last = complaints.get(example) ?? [];
      complaints.set(example, last);
      last.push(`${example.file}:${example.line + Number(line) - moduleOf(example).offset - 1}: ${message}`);
    } else if (/^\s/.test(text)) {
      last.push(text);
    } else {
      others.push(text);
    }
  }
  assert.deepEqual(others, [], 'the compiler says something of another file than the examples');
  return complaints;
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
      const marks = readFileSync(join(ROOT, file), 'utf8').match(/^ *```ts\b/gm)?.length ?? 0;
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
      line: 10,
      text: "const a = 1;\nsockjs({ heartbeat: a }, () => {});\napp.use('/x');",
    };
    const program: Example = { file: 'y.md', line: 5, text: "import { nothing } from 'express-sockjs';\nnothing();" };
    const reports = await compile([wrong, program]);
    // Each signature of sockjs() that does not fit adds lines.
    assert.match(reports.get(wrong)?.join('\n') ?? '', /^x\.md:11: error TS2769: .*'heartbeat'/s);
    assert.match(reports.get(program)?.[0] ?? '', /^y\.md:5: error TS2305: .*'nothing'/);
  });
});
