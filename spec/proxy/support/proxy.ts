/** Runs nginx and HAProxy with the files of `demo/deploy/`, in which nothing is replaced but addresses, paths, times. */
import { accessSync, constants } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';

export type ProxyName = 'nginx' | 'HAProxy';

/** What stands in a file of `demo/deploy/`, and what the specs put in its place. */
export type Replacements = Readonly<Record<string, string>>;

export interface RunningProxy {
  /** As in `http://127.0.0.1:1234`. */
  readonly origin: string;
  readonly port: number;
}

interface Kind {
  readonly program: string;
  /** Arguments that keep it in the foreground, as one process. */
  arguments(dir: string, file: string): string[];
  /** What the file has to say otherwise, beside the addresses of the servers. */
  replacements(dir: string, port: number): Replacements;
}

const KINDS: Readonly<Record<ProxyName, Kind>> = {
  nginx: {
    program: 'nginx',
    // Without a master there is nobody who could outlive the one process that is ended, and no user to change to.
    arguments: (dir, file) => ['-p', dir, '-e', 'stderr', '-c', file, '-g', 'daemon off; master_process off;'],
    replacements: (dir, port) => ({
      'listen 8080;': `listen 127.0.0.1:${port};`,
      'error_log /var/log/nginx/error.log;': 'error_log stderr;',
      '/var/log/nginx/access.log': join(dir, 'access.log'),
      '/run/nginx.pid': join(dir, 'nginx.pid'),
      // Where these are is compiled in, and only for root to write to.
      'http {': `http {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `  ${name}_temp_path ${join(dir, name)};\n`)
        .join('')}`,
    }),
  },
  HAProxy: {
    program: 'haproxy',
    arguments: (_dir, file) => ['-db', '-f', file],
    replacements: (_dir, port) => ({ 'bind :8080': `bind 127.0.0.1:${port}` }),
  },
};

/** Where distributions put servers; not on everybody's PATH. */
const SYSTEM_PATHS = ['/usr/sbin', '/usr/local/sbin'];

/** Debian's `nobody`. */
const NOBODY = 65_534;

/** The longest that a proxy may take to listen. */
const START_TIMEOUT = 15_000;

const ADDRESS_IN_USE = /address already in use|cannot bind/i;

const { CI, PATH = '' } = process.env;

function findProgram(program: string): string | undefined {
  const paths = [...PATH.split(delimiter), ...SYSTEM_PATHS];
  return paths
    .map((path) => join(path, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Describes what holds behind a proxy. Where it is not installed the title says that this is skipped, except on CI, where
 * a missing proxy is a failure.
 */
export function describeProxy(name: ProxyName, title: string, body: () => void): void {
  const { program } = KINDS[name];
  if (findProgram(program) !== undefined) {
    describe(`${name}: ${title}`, body);
  } else if (CI === 'true') {
    describe(`${name}: ${title}`, () => {
      it(`finds ${program}`, () => {
        throw new Error(`${program} is not installed, and on CI nothing is skipped: apt-get install ${program}`);
      });
    });
  } else {
    describe.skip(`${name}: ${title} (skipped: ${program} is not installed)`, body);
  }
}

/**
 * Starts a proxy before two servers and settles once it listens; ends it after the test.
 *
 * @param file in `demo/deploy/`
 * @param servers ports of the two
 * @param more further replacements
 */
export async function startProxy(
  name: ProxyName,
  file: string,
  servers: readonly [number, number],
  more: Replacements = {},
): Promise<RunningProxy> {
  const { program, arguments: args, replacements } = KINDS[name];
  const path = findProgram(program);
  if (path === undefined) {
    throw new Error(`${program} is not installed`);
  }
  const text = await readFile(new URL(`../../../demo/deploy/${file}`, import.meta.url), 'utf8');
  // Not as root, where it is up to us.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  for (;;) {
    const port = await freePort();
    const dir = await mkdtemp(join(tmpdir(), 'sockjs-proxy-'));
    afterTest(() => rm(dir, { recursive: true, force: true }));
    if (user.uid !== undefined) {
      await chown(dir, user.uid, user.gid);
    }
    const config = join(dir, file);
    await writeFile(
      config,
      replace(text, {
        '127.0.0.1:3001': `127.0.0.1:${servers[0]}`,
        '127.0.0.1:3002': `127.0.0.1:${servers[1]}`,
        ...replacements(dir, port),
        ...more,
      }),
    );
    // Until it listens, its end says that the port was taken.
    const child = new Child(program, spawnChild(path, args(dir, config), { ...user, cwd: dir }), true);
    afterTest(() => child.kill());
    if (await untilListening(child, port)) {
      child.mustLive();
      return { origin: `http://127.0.0.1:${port}`, port };
    }
    if (!ADDRESS_IN_USE.test(child.stderr)) {
      throw new Error(`${program} did not start with ${file}:\n${child.stderr || 'It ended without a word.'}`);
    }
  }
}

/** Replaces all at once; each must be there, or the file has changed and the specs would run something else. */
function replace(text: string, replacements: Replacements): string {
  for (const old of Object.keys(replacements)) {
    if (!text.includes(old)) {
      throw new Error(`not in the file: ${old}`);
    }
  }
  const patterns = Object.keys(replacements).map((old) => old.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return text.replace(new RegExp(patterns.join('|'), 'g'), (old) => replacements[old] ?? old);
}

/**
 * A port that nothing listens on: proxies cannot tell which one they were given. Below the range from which systems give
 * ports to all who do not ask for one, so that nobody gets it in the meantime; another proxy could, and is not fatal.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (isFree) {
      return port;
    }
  }
}

/** Settles with whether the child takes connections, as soon as it does or has ended. */
async function untilListening(child: Child, port: number): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT;
  while (!child.hasEnded) {
    if (Date.now() > deadline) {
      throw new Error(`not listening after ${START_TIMEOUT} ms`);
    }
    if (await canConnect(port)) {
      return true;
    }
    // Neither says when it is ready.
    await delay(10);
  }
  return false;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
