/** The package as it is published: what is in it, and that it works in projects of every kind it claims to. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { post } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { install, type Packed, pack, ROOT, run } from './support/tarball.ts';

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
/** The entries of the package, as dist/ names them. */
const ENTRIES = ['index', 'redis', 'cluster', 'cluster-contract', 'nestjs'];
/** The modules in dist/: the entries, and what they share. */
const MODULES = [...ENTRIES, 'shared'];
/** Has a Node that can `require` ES modules refuse them, as Jest and older versions do. */
const WITHOUT_REQUIRE_ESM = '--no-experimental-require-module';

/** The same server in each dialect, on a port that it prints. */
const SERVE = `
app.use('/echo', endpoint);
const server = createServer(app);
attachUpgrade(server);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' && address !== null ? address.port : address);
});
`;

const UNTYPED = `
const app = express();
const endpoint = sockjs((session) => {
  session.on('message', (message) => session.send(message));
});
`;

const TYPED = `
interface Visit { count: number }
const app = express();
const options: SockjsOptions<Visit, Request> = { heartbeatDelay: defaultOptions.heartbeatDelay, baseUrl: (req) => req.baseUrl };
const handler: SessionHandler<Visit, Request> = async (session) => {
  session.data = { count: session.request.baseUrl.length };
  session.on('close', ({ code, reason, wasClean }) => console.error(code.toFixed(), reason.trim(), wasClean === true));
  // @ts-expect-error: there is no such event
  session.off('error', () => {});
  // @ts-expect-error: messages are text
  if (Math.random() > 1) session.send(1);
  for await (const message of session) session.send(message);
};
const endpoint = sockjs(options, handler);
export const mounted = () => [
  app.use('/typed', sockjs({ authorize: (req) => req.ip !== '' }, (session) => session.request.ip?.trim())),
  app.use(sockjs({ authorize: async (req) => req.secure && { name: req.hostname } }, (session) => session.data?.name.trim())),
  // @ts-expect-error: data is unknown
  app.use(sockjs({ authorize: async (req) => req.secure }, (session) => session.data.name)),
  // @ts-expect-error: in a variable a request is an IncomingMessage
  sockjs((session) => session.request.ip),
];
// @ts-expect-error: there is no such option
export const wrong = () => sockjs({ heartbeat: 1 }, () => {});
const client = { isOpen: true, sendCommand: async (args: string[]) => args.length };
export const shared = () => sockjs({ cluster: redisCluster(client, { name: 'chat' }) }, () => {}).cluster?.peers;
export const cases: readonly string[] = registryContract(() => ({
  registry: () => redisCluster(client, { name: 'chat' }).registry,
  elapse: async () => {},
})).map(({ title }) => title);
export const workers = () => sockjs({ cluster: nodeCluster({ name: 'chat', nodeTimeout: 2000 }) }, () => {}).cluster?.peers;
export const primary: () => void = setupPrimary;
// @ts-expect-error: the workers have no addresses
export const noAddress = () => nodeCluster({ name: 'chat', listen: { port: 0 } });
// @ts-expect-error: this is no client
export const noClient = () => redisCluster({ isOpen: true }, { name: 'chat' });
`;

/** Compares the exports of the package, loaded in both ways. */
const BOTH = `
import { createRequire } from 'node:module';
import * as sockjs from 'express-sockjs';
import * as redis from 'express-sockjs/redis';
import * as cluster from 'express-sockjs/cluster';
import * as contract from 'express-sockjs/cluster-contract';
import * as nestjs from 'express-sockjs/nestjs';
const require = createRequire(import.meta.url);
const both = [
  [sockjs, require('express-sockjs')],
  [redis, require('express-sockjs/redis')],
  [cluster, require('express-sockjs/cluster')],
  [contract, require('express-sockjs/cluster-contract')],
  [nestjs, require('express-sockjs/nestjs')],
];
const names = both.flatMap(([, required]) => Object.keys(required).sort());
const same = both.flatMap(([imported, required]) => Object.keys(imported).filter((name) => imported[name] === required[name]).sort());
const thrown = new sockjs.SessionNotOpenError() instanceof both[0][1].SessionNotOpenError;
console.log(JSON.stringify({ names, same, thrown }));
`;

const PROGRAMS = {
  'both.mjs': BOTH,
  'server.cjs': `
const { createServer } = require('node:http');
const express = require('express');
const { attachUpgrade, sockjs } = require('express-sockjs');
${UNTYPED}${SERVE}`,
  'server.mjs': `
import { createServer } from 'node:http';
import express from 'express';
import { attachUpgrade, sockjs } from 'express-sockjs';
${UNTYPED}${SERVE}`,
  'server.mts': `
import { createServer } from 'node:http';
import express, { type Request } from 'express';
import { attachUpgrade, defaultOptions, type SessionHandler, sockjs, type SockjsOptions } from 'express-sockjs';
import { nodeCluster, setupPrimary } from 'express-sockjs/cluster';
import { registryContract } from 'express-sockjs/cluster-contract';
import { redisCluster } from 'express-sockjs/redis';
${TYPED}${SERVE}`,
  'server.cts': `
import { createServer } from 'node:http';
import express = require('express');
import type { Request } from 'express';
import { attachUpgrade, defaultOptions, type SessionHandler, sockjs, type SockjsOptions } from 'express-sockjs';
import { nodeCluster, setupPrimary } from 'express-sockjs/cluster';
import { registryContract } from 'express-sockjs/cluster-contract';
import { redisCluster } from 'express-sockjs/redis';
${TYPED}${SERVE}`,
};

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    outDir: 'out',
  },
  files: ['server.mts', 'server.cts', 'readme.mts'],
};

const LOADED_BY = [
  ['CommonJS', 'server.cjs'],
  ['ES modules', 'server.mjs'],
  ['TypeScript that becomes CommonJS', 'out/server.cjs'],
  ['TypeScript that becomes ES modules', 'out/server.mjs'],
] as const;

/** A package in the output of `npm ls --json`; an optional peer that is not installed has no version. */
interface Installed {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, Installed>>;
}

/** All packages below an installed one, each with its version. */
function namesIn({ dependencies = {} }: Installed): string[] {
  const installed = Object.entries(dependencies).filter(([, { version }]) => version !== undefined);
  return installed.flatMap(([name, below]) => [`${name}@${below.version}`, ...namesIn(below)]);
}

describe('the package', function () {
  // Installing takes what the network takes.
  this.timeout(300_000);

  let packed: Packed;

  before('packs', async () => {
    packed = await pack();
  });

  after(() => rm(packed.work, { recursive: true, force: true }));

  it('has the sources, the entries and what they share, declarations, the documents for users, and the programs and settings that they link; nothing else', async () => {
    const pages = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((path) =>
      /^(README|recipes|(guide|reference|migrating)\/.*)\.md$/.test(path),
    );
    const sources = (await readdir(join(ROOT, 'lib'), { recursive: true })).filter((path) => path.endsWith('.ts'));
    const programs = (await readdir(join(ROOT, 'demo'), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .filter((path) => /^demo\/(recipes|deploy)\//.test(path));
    const declarations = sources.flatMap((path) =>
      ['.d.cts', '.d.cts.map'].map((extension) => `dist/${path.replace(/\.ts$/, extension)}`),
    );
    assert.deepEqual(
      packed.files.filter((path) => !declarations.includes(path)),
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'docs/conformance.md',
        'docs/protocol.md',
        'package.json',
        ...programs,
        ...MODULES.flatMap((name) => [`dist/${name}.cjs`, `dist/${name}.cjs.map`]),
        ...pages.map((path) => `docs/${path}`),
        ...sources.map((path) => `lib/${path}`),
      ].sort(),
    );
  });

  it('has the declarations that others import, and no others', async () => {
    const paths = packed.files.filter((path) => path.endsWith('.d.cts'));
    const imported = new Set(ENTRIES.map((name) => `dist/${name}.d.cts`));
    for (const path of paths) {
      const text = await readFile(join(packed.folder, path), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/['"](\.[^'"\n]*)['"]/g)) {
        imported.add(join(path, '..', specifier.replace(/\.cjs$/, '.d.cts')));
      }
    }
    assert.deepEqual(paths, [...imported].sort());
  });

  it('has maps that lead to the sources in it', async () => {
    for (const path of packed.files.filter((name) => name.endsWith('.map'))) {
      const { sources, file } = JSON.parse(await readFile(join(packed.folder, path), 'utf8'));
      const missing = sources.filter((source: string) => !packed.files.includes(join(path, '..', source)));
      assert.deepEqual({ path, missing, file }, { path, missing: [], file: basename(path, '.map') });
    }
  });

  it('has modules that V8 compiles fast: in ASCII, and without the comments of the sources', async () => {
    for (const name of MODULES) {
      const code = await readFile(join(packed.folder, `dist/${name}.cjs`), 'utf8');
      assert.match(code, /^\p{ASCII}+$/u, name);
      assert.doesNotMatch(code, /^\s*\/\*\*/m, name);
    }
  });

  it('has each source in one module; those for Redis, for workers and the contract in those of their entries', async () => {
    const modules = new Map<string, string[]>();
    for (const name of MODULES) {
      const { sources } = JSON.parse(await readFile(join(packed.folder, `dist/${name}.cjs.map`), 'utf8'));
      for (const source of sources as string[]) {
        modules.set(source, [...(modules.get(source) ?? []), name]);
      }
    }
    const copied = [...modules].filter(([, names]) => names.length > 1);
    assert.deepEqual(copied, []);
    for (const [folder, entry] of [
      ['../lib/cluster/redis/', 'redis'],
      ['../lib/cluster/ipc/', 'cluster'],
      ['../lib/cluster/contract/', 'cluster-contract'],
      ['../lib/nestjs/', 'nestjs'],
    ] as const) {
      const names = [...modules].filter(([source]) => source.startsWith(folder)).map(([, [name]]) => name);
      assert.deepEqual([...new Set(names)], [entry]);
    }
  });

  it('is as small as the README says', async () => {
    const readme = await readFile(join(packed.folder, 'README.md'), 'utf8');
    const [, said = ''] = /(\d+) KB packed/.exec(readme) ?? [];
    const { size } = await stat(packed.tarball);
    assert.ok(Math.abs(size / 1000 - Number(said)) <= 20, `${said} KB in the README, ${size} bytes`);
  });

  for (const major of [5, 4]) {
    describe(`in a project with Express ${major}`, () => {
      let project = '';

      before('installs and compiles', async () => {
        project = join(packed.work, `express${major}`);
        await mkdir(project);
        await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
        await writeFile(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
        for (const [name, text] of Object.entries(PROGRAMS)) {
          await writeFile(join(project, name), text);
        }
        const readme = await readFile(join(packed.folder, 'README.md'), 'utf8');
        await writeFile(join(project, 'readme.mts'), /^```ts\n(.*?)^```/ms.exec(readme)?.[1] ?? '');
        await install(project, [packed.tarball, `express@${major}`, `@types/express@${major}`, '@types/node@20']);
      });

      it('has one Express, and it is that one', async () => {
        for (const name of ['express', '@types/express']) {
          const { stdout } = await run('npm', ['ls', '--prefix', project, '--parseable', '--long', name], {
            cwd: project,
          });
          const found = stdout.matchAll(/node_modules[/\\](?:@types[/\\])?express:(\S+)@(\d+)\./g);
          assert.deepEqual(
            [...found].map(([, which, version]) => [which, Number(version)]),
            [[name, major]],
          );
        }
      });

      it('brings beside Express and ws what the README says', async () => {
        const { stdout } = await run('npm', ['ls', '--prefix', project, '--all', '--json'], { cwd: project });
        const { dependencies = {} }: Installed = JSON.parse(stdout);
        const { express, 'express-sockjs': own } = dependencies;
        const { express: _, ws, ...others } = own?.dependencies ?? {};
        const known = new Set([...namesIn({ dependencies: { ...express?.dependencies, ...ws?.dependencies } })]);
        const brought = namesIn({ dependencies: others }).filter((name) => !known.has(name));
        const types = brought.filter((name) => /^(@types[/\\]|undici-types@)/.test(name));
        assert.deepEqual(
          brought.filter((name) => !types.includes(name)).map((name) => name.replace(/@\d.*/, '')),
          major === 5 ? ['cookie'] : ['cookie', 'debug'],
        );
      });

      it('has types that a strict compiler takes, for the example in the README too', async () => {
        const {
          stdout,
          stderr,
          code = 0,
        } = await run(process.execPath, [TSC], { cwd: project }).catch((error) => error);
        assert.deepEqual({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 });
      });

      it('is the same implementation for require() and for import', async () => {
        const { stdout } = await run(process.execPath, [WITHOUT_REQUIRE_ESM, 'both.mjs'], { cwd: project });
        const { names, same, thrown } = JSON.parse(stdout);
        assert.ok(
          [
            'sockjs',
            'Session',
            'redisCluster',
            'nodeCluster',
            'setupPrimary',
            'registryContract',
            'SockjsAdapter',
          ].every((name) => names.includes(name)),
          stdout,
        );
        assert.deepEqual({ same, thrown }, { same: names, thrown: true });
      });

      it('loads no code for Redis or workers and no contract with express-sockjs, and no other package with the other entries', async () => {
        const loaded = async (entry: string): Promise<string[]> => {
          const program = `require('${entry}'); console.log(JSON.stringify(Object.keys(require.cache)))`;
          const { stdout } = await run(process.execPath, ['-e', program], { cwd: project });
          const paths: string[] = JSON.parse(stdout);
          return paths.map((path) => relative(join(project, 'node_modules'), path).replaceAll('\\', '/')).sort();
        };
        const own = (await loaded('express-sockjs')).filter((path) => path.startsWith('express-sockjs/dist/'));
        assert.deepEqual(own, ['express-sockjs/dist/index.cjs', 'express-sockjs/dist/shared.cjs']);
        for (const entry of ['redis', 'cluster']) {
          assert.deepEqual(await loaded(`express-sockjs/${entry}`), [
            `express-sockjs/dist/${entry}.cjs`,
            'express-sockjs/dist/shared.cjs',
          ]);
        }
        assert.deepEqual(await loaded('express-sockjs/cluster-contract'), ['express-sockjs/dist/cluster-contract.cjs']);
        const ofNest = (await loaded('express-sockjs/nestjs')).filter((path) =>
          path.startsWith('express-sockjs/dist/'),
        );
        assert.deepEqual(ofNest.sort(), [...own, 'express-sockjs/dist/nestjs.cjs'].sort());
      });

      it('has stack traces that name the TypeScript sources', async () => {
        const program = "try { require('express-sockjs').sockjs() } catch (error) { console.log(error.stack) }";
        const { stdout } = await run(process.execPath, ['--enable-source-maps', '-e', program], { cwd: project });
        const [, path = '', line] =
          /at readArguments \((.*[/\\]lib[/\\]options[/\\]arguments\.ts):(\d+):/.exec(stdout) ?? [];
        const lines = (await readFile(path, 'utf8')).split('\n');
        assert.match(lines[Number(line) - 1] ?? '', /new TypeError\("sockjs: onSession is missing/);
      });

      for (const [by, file] of LOADED_BY) {
        it(`serves polls and WebSockets when loaded by ${by}`, async () => {
          const flags = ['--throw-deprecation', WITHOUT_REQUIRE_ESM];
          const child = new Child(file, spawnChild(process.execPath, [...flags, file], { cwd: project }));
          afterTest(() => child.kill());
          const [port] = await child.line(/^(\d+)$/);
          const origin = `http://127.0.0.1:${port}`;

          const url = `${origin}/echo/000/${basename(file)}`.replaceAll('server.', '');
          assert.equal((await post(`${url}/xhr`)).body, 'o\n');
          assert.equal((await post(`${url}/xhr_send`, '["by poll"]')).status, 204);
          assert.equal((await post(`${url}/xhr`)).body, 'a["by poll"]\n');

          const client = new WebSocketClient(origin, '/echo/000/socket/websocket');
          assert.equal(await client.next(), 'o');
          client.send('["by WebSocket"]');
          assert.equal(await client.next(), 'a["by WebSocket"]');
        });
      }
    });
  }
});
