/** The package as it is published: what is in it, and that it works in projects of every kind it claims to. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { post } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

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
`;

const PROGRAMS = {
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
${TYPED}${SERVE}`,
  'server.cts': `
import { createServer } from 'node:http';
import express = require('express');
import type { Request } from 'express';
import { attachUpgrade, defaultOptions, type SessionHandler, sockjs, type SockjsOptions } from 'express-sockjs';
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

describe('the package', function () {
  // Installing takes what the network takes.
  this.timeout(300_000);

  let work = '';
  let tarball = '';
  let packed: string[] = [];

  before('packs', async () => {
    work = await mkdtemp(join(tmpdir(), 'express-sockjs-'));
    // A copy, since packing builds, and must not change the dist of the working tree.
    const copy = join(work, 'copy');
    const leftOut = new Set(['.git', 'node_modules', 'dist', 'coverage'].map((name) => join(ROOT, name)));
    await cp(ROOT, copy, { recursive: true, filter: (source) => !leftOut.has(source) });
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
    await run('npm', ['pack', '--pack-destination', work], { cwd: copy });
    tarball = join(work, (await readdir(work)).find((name) => name.endsWith('.tgz')) ?? '');
    const { stdout } = await run('tar', ['-tzf', tarball]);
    packed = stdout
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''))
      .sort();
    await run('tar', ['-xzf', tarball, '-C', work]);
  });

  after(() => rm(work, { recursive: true, force: true }));

  it('has the sources, what is built from each of them, and the documents for users; nothing else', async () => {
    const pages = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((path) =>
      /^(README|(guide|reference|migrating)\/.*)\.md$/.test(path),
    );
    const sources = (await readdir(join(ROOT, 'lib'), { recursive: true })).filter((path) => path.endsWith('.ts'));
    const built = sources.flatMap((path) =>
      ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((extension) => path.replace(/\.ts$/, extension)),
    );
    assert.deepEqual(
      packed,
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'docs/conformance.md',
        'docs/protocol.md',
        'package.json',
        ...pages.map((path) => `docs/${path}`),
        ...sources.map((path) => `lib/${path}`),
        ...built.map((path) => `dist/${path}`),
      ].sort(),
    );
  });

  it('imports no TypeScript file from what is built', async () => {
    for (const path of packed.filter((name) => /^dist\/.*\.(js|d\.ts)$/.test(name))) {
      const text = await readFile(join(work, 'package', path), 'utf8');
      assert.deepEqual(text.match(/['"]\.[^'"\n]*(?<!\.d)\.ts['"]/g), null, path);
    }
  });

  it('has maps that lead to the sources in it', async () => {
    for (const path of packed.filter((name) => name.endsWith('.map'))) {
      const { sources } = JSON.parse(await readFile(join(work, 'package', path), 'utf8'));
      assert.deepEqual(
        sources.map((source: string) => packed.includes(join(path, '..', source))),
        [true],
        path,
      );
    }
  });

  for (const major of [5, 4]) {
    describe(`in a project with Express ${major}`, () => {
      let project = '';

      before('installs and compiles', async () => {
        project = join(work, `express${major}`);
        await mkdir(project);
        await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
        await writeFile(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
        for (const [name, text] of Object.entries(PROGRAMS)) {
          await writeFile(join(project, name), text);
        }
        const readme = await readFile(join(work, 'package', 'README.md'), 'utf8');
        await writeFile(join(project, 'readme.mts'), /^```ts\n(.*?)^```/ms.exec(readme)?.[1] ?? '');
        const packages = [tarball, `express@${major}`, `@types/express@${major}`, '@types/node@20'];
        await run('npm', ['install', '--prefix', project, '--prefer-offline', '--no-audit', '--no-fund', ...packages], {
          cwd: project,
        });
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

      it('has types that a strict compiler takes, for the example in the README too', async () => {
        const {
          stdout,
          stderr,
          code = 0,
        } = await run(process.execPath, [TSC], { cwd: project }).catch((error) => error);
        assert.deepEqual({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 });
      });

      for (const [by, file] of LOADED_BY) {
        it(`serves polls and WebSockets when loaded by ${by}`, async () => {
          const child = new Child(file, spawnChild(process.execPath, ['--throw-deprecation', file], { cwd: project }));
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
