/** Compiles examples as a reader would, who knows what the fragments among them leave out. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Example } from './examples.ts';
import { ROOT } from './markdown.ts';

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

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
  "import { nodeCluster, setupPrimary } from 'express-sockjs/cluster';",
  "import { registryContract } from 'express-sockjs/cluster-contract';",
  "import type { ContractCluster } from 'express-sockjs/cluster-contract';",
  "import type { Session } from 'express-sockjs';",
  "import { createClient } from 'redis';",
  `import { ${[...PRELUDE.matchAll(/^export declare \w+ (\w+)/gm)].map(([, name]) => name).join(', ')}, type User } from './prelude.ts';`,
  // A function, so that a fragment may use any of these names for something else.
  'export async function fragment() {',
].join(' ');

/** A module by its own imports; anything else is a fragment, but for CommonJS. */
function isModule({ text }: Example): boolean {
  return /^import [^;]* from ['"]/m.test(text);
}

function isCommonJs({ language, text }: Example): boolean {
  return language === 'js' && /\brequire\(|\bmodule\.exports\b/.test(text);
}

/** Browsers have other globals than Node. */
function isForBrowser({ text }: Example): boolean {
  return /\bnew SockJS\(/.test(text);
}

/** The ending of an example's file. An ES module that is JavaScript is TypeScript as well. */
function extensionOf(example: Example): string {
  if (isCommonJs(example)) {
    return 'cjs';
  }
  return example.language === 'tsx' ? 'tsx' : 'ts';
}

/** An example as a file of its own, and by how many lines it has moved down in it. */
function moduleOf(example: Example): { readonly text: string; readonly offset: number } {
  if (isCommonJs(example)) {
    return { text: example.text, offset: 0 };
  }
  if (isModule(example)) {
    return { text: `${example.text}\nexport {};\n`, offset: 0 };
  }
  const before = isForBrowser(example) ? 'export async function fragment() {' : BEFORE_FRAGMENT;
  return { text: `${before}\n${example.text}\n}\n`, offset: 1 };
}

/** What examples use of packages that are not installed here, by their documentation. */
const FOREIGN = `
declare module 'next' {
  import type { IncomingMessage, ServerResponse } from 'node:http';
  import type { Duplex } from 'node:stream';
  export default function next(options: { dev?: boolean }): {
    prepare(): Promise<void>;
    getRequestHandler(): (req: IncomingMessage, res: ServerResponse) => Promise<void>;
    getUpgradeHandler(): (req: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;
  };
}
declare module 'sockjs' {
  import type { Server } from 'node:http';
  interface Connection {
    readonly remoteAddress: string;
    on(event: 'data', listener: (message: string) => void): void;
    on(event: 'close', listener: () => void): void;
    write(message: string): boolean;
  }
  interface Options {
    prefix?: string;
    heartbeat_delay?: number;
    log?: (severity: string, message: string) => void;
  }
  export function createServer(options: Options): {
    on(event: 'connection', listener: (conn: Connection) => void): void;
    installHandlers(server: Server): void;
  };
}
`;

/** What a strict project has set; unused names and the like are an example's own business. */
const STRICT = {
  target: 'es2023',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
};

const IN_NODE = {
  compilerOptions: {
    ...STRICT,
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node', 'mocha'],
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    // The examples in CommonJS are JavaScript, and gateways of Nest have decorators.
    checkJs: true,
    experimentalDecorators: true,
    paths: {
      'express-sockjs': [join(ROOT, 'lib/index.ts')],
      'express-sockjs/redis': [join(ROOT, 'lib/redis.ts')],
      'express-sockjs/cluster': [join(ROOT, 'lib/cluster.ts')],
      'express-sockjs/cluster-contract': [join(ROOT, 'lib/cluster-contract.ts')],
      'express-sockjs/nestjs': [join(ROOT, 'lib/nestjs.ts')],
    },
  },
};

/** With a bundler, or with the scripts of a page, which make `SockJS` a global. */
const IN_BROWSER = {
  compilerOptions: {
    ...STRICT,
    lib: ['es2023', 'dom', 'dom.iterable'],
    module: 'esnext',
    moduleResolution: 'bundler',
    types: ['react', 'sockjs-client'],
    jsx: 'react-jsx',
    allowUmdGlobalAccess: true,
  },
};

/** Compiles all examples; what is wrong with each, as lines that say where in its file. */
export async function compile(examples: readonly Example[]): Promise<Map<Example, string[]>> {
  const forBrowsers = examples.filter(isForBrowser);
  const forNode = examples.filter((example) => !isForBrowser(example));
  return new Map([
    ...(await compileIn(IN_NODE, forNode, { 'prelude.ts': PRELUDE, 'foreign.d.ts': FOREIGN })),
    ...(await compileIn(IN_BROWSER, forBrowsers, {})),
  ]);
}

/** Compiles examples in one project, beside other files. */
async function compileIn(
  tsconfig: object,
  examples: readonly Example[],
  others: Readonly<Record<string, string>>,
): Promise<Map<Example, string[]>> {
  const folder = await mkdtemp(join(tmpdir(), 'express-sockjs-examples-'));
  try {
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const modules = new Map(
      examples.map((example, i) => [`example${i}.${extensionOf(example)}`, moduleOf(example).text]),
    );
    const files = { ...others, ...Object.fromEntries(modules) };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, name), text);
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...tsconfig, files: Object.keys(files) }));
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
    const [, number, line, message] = /^example(\d+)\.\w+\((\d+),\d+\): (.*)$/.exec(text) ?? [];
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
