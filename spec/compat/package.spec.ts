/** The package as it is published: what is in it, and that an override puts it in the place of npm sockjs. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { install, run } from '../package/support/tarball.ts';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { ROOT } from './support/driven.ts';
import { packCompat } from './support/packed.ts';

/** Bytes of npm sockjs 0.3.24 with all that it depends on. */
const GENUINE_TREE = 856_000;

/** A program that knows of npm sockjs only, by way of a dependency that requires it. */
const PROGRAM = `
const { createServer } = require('node:http');
const { sockjs, transport } = require('chat');
const { decorateConnection } = transport.Session.prototype;
transport.Session.prototype.decorateConnection = function (req) {
  decorateConnection.call(this, req);
  this.connection.headers.origin = req.headers.origin;
};
const echo = sockjs.listen(undefined, { log: () => {} });
echo.on('connection', (conn) => conn.on('data', () => conn.write(conn.headers.origin)));
const handler = echo.listener({ prefix: '/echo' }).getHandler();
const server = createServer((req, res) => handler(req, res) || res.writeHead(418).end());
server.on('upgrade', (req, socket, head) => handler(req, socket, head) || socket.destroy());
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** The same with the types of `@types/sockjs`, and every member that they have. */
const TYPED = `
import { createServer } from 'node:http';
import sockjs, { type Connection, type ServerOptions } from 'sockjs';
const options: ServerOptions = {
  sockjs_url: 'sockjs.js', prefix: '/echo', response_limit: 4096, websocket: true, jsessionid: false,
  heartbeat_delay: 25_000, disconnect_delay: 5000, log: (_severity: string, _line: string) => {},
};
const echo = sockjs.createServer(options);
echo.on('connection', (conn: Connection) => {
  const texts = [conn.remoteAddress, conn.headers.host, conn.url, conn.pathname, conn.prefix, conn.protocol, conn.id];
  const numbers = [conn.remotePort, conn.readyState];
  conn.on('data', (message: string) => conn.write(message + [...texts, ...numbers].map((member) => typeof member).join()));
  conn.on('close', () => conn.destroy());
  conn.pause();
  conn.resume();
});
const server = createServer();
echo.installHandlers(server, { prefix: '/echo' });
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2023',
    types: ['node'],
    strict: true,
    outDir: 'out',
    esModuleInterop: true,
  },
  files: ['typed.mts'],
};

describe('compat: the package', function () {
  // Installing takes what the machine takes.
  this.timeout(300_000);

  let work = '';
  let tarball = '';
  let folder = '';
  let files: readonly string[] = [];

  before('packs', async () => {
    ({ work, tarball, folder, files } = await packCompat());
  });

  after(() => rm(work, { recursive: true, force: true }));

  const bundle = () => readFile(join(folder, 'dist/index.cjs'), 'utf8');

  it('has one module, the path of the transport, and no dependency of any kind', async () => {
    deepEqual(files, [
      'LICENSE',
      'README.md',
      'dist/LICENSES.txt',
      'dist/index.cjs',
      'lib/transport.js',
      'package.json',
    ]);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    deepEqual(
      Object.keys(manifest).filter((name) => /dependencies|scripts|exports/i.test(name)),
      [],
    );
  });

  it('loads modules of Node only', async () => {
    const loaded = [...(await bundle()).matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = '']) => name);
    ok(loaded.includes('node:stream'));
    deepEqual(
      loaded.filter((name) => !builtinModules.includes(name.replace(/^node:/, ''))),
      [],
    );
  });

  it('has no code of Express and none of the cluster', async () => {
    // The build names each module in a comment.
    const modules = [...(await bundle()).matchAll(/^\s*\/\/ ?(?:#region )?(\S+\.[cm]?[jt]s)$/gm)].map(
      ([, path = '']) => path,
    );
    ok(modules.includes('lib/session/lifecycle.ts'), String(modules));
    deepEqual(
      modules.filter((path) => /lib\/(cluster|redis)|node_modules\/(?!ws\/|cookie\/)/.test(path)),
      [],
    );
  });

  it('is smaller than npm sockjs with its dependencies', async () => {
    const sizes = await Promise.all(files.map(async (path) => (await stat(join(folder, path))).size));
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
    ok(size < GENUINE_TREE, `${size} bytes`);
  });

  it('has in its README the version of ws that is inside, the switch, and what it is switched from', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    const { version } = JSON.parse(await readFile(join(ROOT, 'node_modules/ws/package.json'), 'utf8'));
    match(readme, new RegExp(`\\bws\\b\\S* ${version.replaceAll('.', '\\.')}\\b`));
    match(
      await readFile(join(folder, 'dist/LICENSES.txt'), 'utf8'),
      new RegExp(`^ws ${version.replaceAll('.', '\\.')}`),
    );
    const firstScreen = readme.split('\n').slice(0, 20).join('\n');
    for (const text of ['no limits', 'uncaughtException', 'safe: true']) {
      ok(firstScreen.includes(text), text);
    }
  });

  it('is what a dependency gets by an override, for sockjs and for sockjs/lib/transport', async () => {
    const project = join(work, 'project');
    const chat = join(work, 'chat');
    await mkdir(project);
    await mkdir(chat);
    const dependency = { name: 'chat', version: '1.0.0', dependencies: { sockjs: '^0.3.24' } };
    await writeFile(join(chat, 'package.json'), JSON.stringify(dependency));
    await writeFile(
      join(chat, 'index.js'),
      "exports.sockjs = require('sockjs'); exports.transport = require('sockjs/lib/transport');",
    );
    const overrides = { sockjs: `file:${tarball}` };
    await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, overrides }));
    await writeFile(join(project, 'server.cjs'), PROGRAM);
    const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', work], { cwd: chat });
    await install(project, [join(work, stdout.trim())]);
    const { name } = JSON.parse(await readFile(join(project, 'node_modules/sockjs/package.json'), 'utf8'));
    equal(name, 'sockjs-compat');

    const flags = ['--throw-deprecation', 'server.cjs'];
    const child = new Child('the server', spawnChild(process.execPath, flags, { cwd: project }));
    afterTest(() => child.kill());
    const [port] = await child.line(/^(\d+)$/);
    const origin = `http://127.0.0.1:${port}`;
    equal((await fetchText(`${origin}/page`)).status, 418);
    const client = new WebSocketClient(origin, '/echo/000/aaaa/websocket', { origin: 'http://page.test' });
    equal(await client.next(), 'o');
    client.send('["x"]');
    equal(await client.next(), 'a["http://page.test"]');
  });

  it('runs what the types of @types/sockjs allow', async () => {
    const project = join(work, 'typed');
    await mkdir(project);
    const overrides = { sockjs: '$sockjs' };
    const dependencies = { sockjs: `file:${tarball}` };
    await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    await writeFile(join(project, 'typed.mts'), TYPED);
    await install(project, ['@types/sockjs@0.3.36', '@types/node@20']);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc], { cwd: project }).catch((error) => error);
    equal(stdout, '');
    const child = new Child('the server', spawnChild(process.execPath, ['out/typed.mjs'], { cwd: project }));
    afterTest(() => child.kill());
    const [port] = await child.line(/^(\d+)$/);
    const client = new WebSocketClient(`http://127.0.0.1:${port}`, '/echo/000/aaaa/websocket');
    equal(await client.next(), 'o');
    client.send('["types "]');
    equal(await client.next(), `a["types ${[...Array(7).fill('string'), 'number', 'number'].join()}"]`);
  });
});
