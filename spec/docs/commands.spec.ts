/** The commands in the documents: what they name is there, and those for users run in a spec, or cannot for a reason. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { blocksIn } from './support/examples.ts';
import { PAGES, ROOT, readDocument } from './support/markdown.ts';

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'compat/README.md', 'demo/deploy/README.md', ...PAGES];

const { scripts } = JSON.parse(readDocument('package.json'));

/** What a shell would run: the lines of blocks, and spans of code that begin with a program. Comments are cut off. */
function commandsIn(markdown: string): string[] {
  const blocks = blocksIn('', markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'));
  const prose = markdown.replace(/^( *)```.*?^\1```$/gms, '');
  const spans = Array.from(
    prose.matchAll(/`((?:npm|npx|node|docker|kubectl|nginx|haproxy) [^`]+)`/g),
    ([, code = '']) => code,
  );
  return [...blocks, ...spans]
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(/&&|;| &(?!&)/))
    .map((text) => text.trim());
}

/** What a command names that is not there. */
function missing(command: string): string[] {
  const [, script] = /\bnpm (?:run )?((?<=run )[\w:-]+|start\b|test\b)/.exec(command) ?? [];
  const unknown = script === undefined || script in scripts ? [] : [`npm run ${script}`];
  const paths = command.match(/(?<![\w./-])(?:demo|lib|spec|docs|bench|scripts|compat)\/[\w./-]*\w/g) ?? [];
  return [...unknown, ...paths.filter((path) => !existsSync(join(ROOT, path)))];
}

/** Documents for users of the package; the others are for those who change it. */
const FOR_USERS = DOCUMENTS.filter(
  (path) => path !== 'CONTRIBUTING.md' && !/^docs\/(internals|releasing)\b/.test(path),
);

/** Which file of the specs runs a command, and what it says of it there. */
const RUN_BY: readonly (readonly [command: RegExp, file: string, text: string])[] = [
  [/^npm install \.\/express-sockjs-\S+\.tgz express$/, 'spec/package/package.spec.ts', '[packed.tarball, `express@'],
  [/^npm pack$/, 'spec/package/support/tarball.ts', "run('npm', ['pack', "],
  [/^npm start$/, 'spec/demo/demo.spec.ts', "startProgram('start')"],
  [/^npm run demo:cluster$/, 'spec/demo/support/cluster-program.ts', "startProgram('demo:cluster')"],
  [/^node server\.mjs$/, 'spec/docs/support/first-chat.ts', "'server.mjs']"],
  [/^npm run build:compat$/, 'spec/compat/support/driven.ts', 'scripts/build-compat.ts'],
  [/^npm pack \.\/compat$/, 'spec/compat/support/packed.ts', "packFolder(join(ROOT, 'compat')"],
  [/^npm install$/, 'spec/compat/package.spec.ts', 'install('],
  [/ demo\/recipes\/scale-out\.ts$/, 'spec/support/scale-out.ts', "'scale-out'"],
  [/ demo\/recipes\/rooms\.ts$/, 'spec/docs/recipes/rooms.spec.ts', "useRecipe('rooms')"],
  [/ demo\/recipes\/testing\.ts$/, 'spec/docs/recipes/all.spec.ts', "startRecipe('testing'"],
  [/ demo\/recipes\/stomp-rabbitmq\/server\.ts$/, 'spec/docs/recipes/support/stomp.ts', "'stomp-rabbitmq/server'"],
  [
    /--import \.\/demo\/recipes\/opentelemetry-sdk\.ts demo\/recipes\/opentelemetry\.ts$/,
    'spec/docs/recipes/monitoring.spec.ts',
    "preload: './demo/recipes/opentelemetry-sdk.ts'",
  ],
  [
    /^sudo nginx -c .*\/nginx-round-robin\.conf"$/,
    'spec/integration/rolling-deploy.spec.ts',
    "'nginx-round-robin.conf'",
  ],
  [/^nginx -s reload$/, 'spec/proxy/support/reloading-nginx.ts', 'async reload('],
  [/^deno run /, 'spec/runtime/support/runtime.ts', "deno: ['run', "],
  [/^bun run /, 'spec/runtime/support/runtime.ts', "bun: ['run']"],
  [/^node --enable-source-maps$/, 'spec/package/package.spec.ts', "['--enable-source-maps', "],
  [/^node --test$/, 'spec/docs/lone-commands.spec.ts', "'--test'"],
  [/^DEBUG=sockjs:\* node /, 'spec/docs/lone-commands.spec.ts', "DEBUG: 'sockjs:*'"],
];

/** Commands that no spec runs. */
const NOT_RUN: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^npm ci$/, 'installs what the specs need; it has run before them'],
  [/^npm (test|run test:runtime)\b/, 'runs the specs'],
  [/^npm run bench\b/, 'measures for up to half an hour; spec/bench holds what it is made of'],
  [/^npm ls sockjs$/, 'prints; spec/compat/package.spec.ts looks at what is installed'],
  [/^docker |^export REDIS_PASSWORD=/, 'needs Docker; spec/deploy/compose.spec.ts runs what the file starts'],
  [/^kubectl /, 'needs a cluster of Kubernetes; spec/deploy/kubernetes.spec.ts holds the manifests'],
  [/^node --trace-warnings$/, 'a flag of Node, which prints more of a warning'],
];

describe('commands in the documents', () => {
  it('are found, in blocks and in prose', () => {
    assert.deepEqual(
      commandsIn('`npm run x` and `code`\n\n```sh\nnpm ci && npm test   # all\nA=1 node lib/y.ts &\n```\n'),
      ['npm ci', 'npm test', 'A=1 node lib/y.ts', '', '', 'npm run x'],
    );
    assert.deepEqual(missing('npm run none -- lib/none.ts lib/index.ts'), ['npm run none', 'lib/none.ts']);
  });

  for (const document of DOCUMENTS) {
    it(`name scripts and files that there are: ${document}`, () => {
      assert.deepEqual(commandsIn(readDocument(document)).flatMap(missing), []);
    });
  }

  const forUsers = FOR_USERS.flatMap((document) =>
    commandsIn(readDocument(document))
      .filter((command) => command !== '')
      .map((command) => ({ document, command })),
  );
  const known = [...RUN_BY, ...NOT_RUN].map(([command]) => command);

  it('for users run in a spec, or are known not to', () => {
    assert.deepEqual(
      forUsers.filter(({ command }) => !known.some((pattern) => pattern.test(command))),
      [],
    );
    const unused = known.filter((pattern) => !forUsers.some(({ command }) => pattern.test(command)));
    assert.deepEqual(unused, []);
  });

  for (const [command, file, text] of RUN_BY) {
    it(`are run by ${file}: ${command.source}`, () => {
      assert.ok(readDocument(file).includes(text), text);
    });
  }
});
