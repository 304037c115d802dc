/** The package in test runners, in bundles, and under each way in which TypeScript resolves modules. */
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { post } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { expectSuccess, install, type Packed, pack, ROOT, run } from './support/tarball.ts';

const FIXTURES = join(ROOT, 'spec/package/fixtures');

describe('the package', function () {
  // Installing takes what the network takes.
  this.timeout(300_000);

  let packed: Packed;

  before('packs', async () => {
    packed = await pack();
  });

  after(() => rm(packed.work, { recursive: true, force: true }));

  /** Makes a project of the files of some fixtures, and installs what its package.json lists, and the package. */
  async function projectOf(...fixtures: readonly string[]): Promise<string> {
    const project = join(packed.work, fixtures.join('-'));
    for (const fixture of fixtures) {
      await cp(join(FIXTURES, fixture), project, { recursive: true });
    }
    await install(project, [packed.tarball]);
    return project;
  }

  for (const version of ['jest29', 'jest30']) {
    describe(`in ${version}`, () => {
      let project = '';
      before('installs', async () => {
        project = await projectOf('jest', version);
      });

      it('serves in the environments node and jsdom, without configuration', () =>
        expectSuccess(project, 'jest/bin/jest.js', '--testTimeout', '120000', '--rootDir', 'js'));

      it('serves tests that ts-jest compiles', () =>
        expectSuccess(project, 'jest/bin/jest.js', '--testTimeout', '120000', '--config', 'ts/jest.config.json'));
    });
  }

  describe('in Vitest', () => {
    let project = '';
    before('installs', async () => {
      project = await projectOf('vitest');
    });

    for (const environment of ['node', 'jsdom']) {
      it(`serves in the environment ${environment}`, () =>
        expectSuccess(project, 'vitest/vitest.mjs', 'run', '--testTimeout', '120000', '--environment', environment));
    }
  });

  describe('in a bundle', () => {
    let project = '';
    before('installs', async () => {
      project = await projectOf('bundlers');
    });

    async function expectServer(file: string): Promise<void> {
      const child = new Child(file, spawnChild(process.execPath, [file], { cwd: join(project, 'out') }));
      afterTest(() => child.kill());
      const [port] = await child.line(/^(\d+)$/);
      const origin = `http://127.0.0.1:${port}`;
      assert.equal((await post(`${origin}/echo/000/poll/xhr`)).body, 'o\n');
      assert.equal((await post(`${origin}/echo/000/poll/xhr_send`, '["by poll"]')).status, 204);
      assert.equal((await post(`${origin}/echo/000/poll/xhr`)).body, 'a["by poll"]\n');
      for (const endpoint of ['/echo', '/shared']) {
        const client = new WebSocketClient(origin, `${endpoint}/000/socket/websocket`);
        assert.equal(await client.next(), 'o');
        client.send('["by WebSocket"]');
        assert.equal(await client.next(), 'a["by WebSocket"]');
      }
    }

    it('serves when webpack has made it', async () => {
      const options = ['--mode', 'production', '--target', 'node', '--entry', './server.mjs', '--no-stats'];
      await expectSuccess(
        project,
        'webpack/bin/webpack.js',
        ...options,
        '-o',
        'out',
        '--output-filename',
        'webpack.cjs',
      );
      await expectServer('webpack.cjs');
    });

    it('serves when esbuild has made it', async () => {
      await run(
        join(project, 'node_modules/.bin/esbuild'),
        ['server.mjs', '--bundle', '--minify', '--platform=node', '--outfile=out/esbuild.cjs'],
        { cwd: project },
      );
      await expectServer('esbuild.cjs');
    });
  });

  describe('in TypeScript 5', () => {
    let project = '';
    before('installs', async () => {
      project = await projectOf('resolution');
    });

    for (const resolution of ['node10', 'node16', 'bundler']) {
      it(`has its types with moduleResolution ${resolution}`, () =>
        expectSuccess(project, 'typescript/bin/tsc', '--project', `${resolution}.json`));
    }
  });
});
