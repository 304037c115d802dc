/** Runs nginx and HAProxy with the files of `demo/deploy/`. It replaces only addresses, paths and times in them. */
import type { ChildProcess } from 'node:child_process';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { findProgram, freePort } from '../../support/programs.ts';

export type ProxyName = 'nginx' | 'HAProxy';

/** Texts in a file of `demo/deploy/`, and what replaces them. */
export type Replacements = Readonly<Record<string, string>>;

export interface RunningProxy {
  /** As in `http://127.0.0.1:1234`. */
  readonly origin: string;
  readonly port: number;
}

interface Kind {
  readonly program: string;
  /** Arguments that run the program in the foreground, as one process. */
  arguments(dir: string, file: string): string[];
  /** The replacements besides the addresses of the servers. */
  replacements(dir: string, port: number): Replacements;
}

const KINDS: Readonly<Record<ProxyName, Kind>> = {
  nginx: {
    program: 'nginx',
    // Without a master process, no worker can outlive the process that the spec kills, and nginx does not switch its
    // user.
    arguments: (dir, file) => ['-p', dir, '-e', 'stderr', '-c', file, '-g', 'daemon off; master_process off;'],
    replacements: (dir, port) => ({
      'listen 8080;': `listen 127.0.0.1:${port};`,
      'error_log /var/log/nginx/error.log;': 'error_log stderr;',
      '/var/log/nginx/access.log': join(dir, 'access.log'),
      '/run/nginx.pid': join(dir, 'nginx.pid'),
      // Their paths are compiled in, and only root may write there.
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

/** The user id of Debian's `nobody`. */
const NOBODY = 65_534;

/** ms in which a proxy must listen. */
const START_TIMEOUT = 15_000;

const ADDRESS_IN_USE = /address already in use|cannot bind/i;

const { CI } = process.env;

/**
 * Declares a suite behind a proxy. Where the proxy is not installed, the suite is skipped and its title says so; on CI
 * it fails.
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
 * Starts a proxy in front of two servers. Settles once it listens. It is killed after the test.
 *
 * @param file in `demo/deploy/`
 * @param servers ports of the two servers
 * @param more further replacements
 */
export async function startProxy(
  name: ProxyName,
  file: string,
  servers: readonly [number, number],
  more: Replacements = {},
): Promise<RunningProxy> {
  const text = await readDeployFile(file);
  const { port } = await launch(name, file, (dir, port) =>
    replace(text, {
      '127.0.0.1:3001': `127.0.0.1:${servers[0]}`,
      '127.0.0.1:3002': `127.0.0.1:${servers[1]}`,
      ...replacementsOf(name, dir, port),
      ...more,
    }),
  );
  return { origin: `http://127.0.0.1:${port}`, port };
}

/** A proxy that was started. */
export interface Launched {
  readonly child: Child;
  readonly process: ChildProcess;
  readonly port: number;
  /** A folder of its own. It is removed after the test. */
  readonly dir: string;
  /** The path of its configuration. */
  readonly config: string;
}

/**
 * Starts a proxy on a free port. Settles once it listens. It is killed after the test.
 *
 * @param file the name of its configuration
 * @param configure returns the configuration
 * @param args the arguments of the program
 */
export async function launch(
  name: ProxyName,
  file: string,
  configure: (dir: string, port: number) => string,
  args: (dir: string, config: string) => string[] = KINDS[name].arguments,
): Promise<Launched> {
  const { program } = KINDS[name];
  const path = findProgram(program);
  if (path === undefined) {
    throw new Error(`${program} is not installed`);
  }
  // Never as root.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  for (;;) {
    const port = await freePort();
    const dir = await mkdtemp(join(tmpdir(), 'sockjs-proxy-'));
    afterTest(() => rm(dir, { recursive: true, force: true }));
    if (user.uid !== undefined) {
      await chown(dir, user.uid, user.gid);
    }
    const config = join(dir, file);
    await writeFile(config, configure(dir, port));
    const started = spawnChild(path, args(dir, config), { ...user, cwd: dir });
    // Until it listens, its end means that the port was taken.
    const child = new Child(program, started, true);
    afterTest(() => child.kill());
    if (await untilListening(child, port)) {
      child.mustLive();
      return { child, process: started, port, dir, config };
    }
    if (!ADDRESS_IN_USE.test(child.stderr)) {
      throw new Error(`${program} did not start with ${file}:\n${child.stderr || 'It ended without a word.'}`);
    }
  }
}

/** The text of a file in `demo/deploy/`. */
export function readDeployFile(file: string): Promise<string> {
  return readFile(new URL(`../../../demo/deploy/${file}`, import.meta.url), 'utf8');
}

/** What must be replaced in every configuration of a proxy: where it listens, and its paths. */
export function replacementsOf(name: ProxyName, dir: string, port: number): Replacements {
  return KINDS[name].replacements(dir, port);
}

/**
 * Replaces all texts at once.
 *
 * @throws Error if a text is missing, since the specs would then run another configuration
 */
export function replace(text: string, replacements: Replacements): string {
  for (const old of Object.keys(replacements)) {
    if (!text.includes(old)) {
      throw new Error(`not in the file: ${old}`);
    }
  }
  const patterns = Object.keys(replacements).map((old) => old.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return text.replace(new RegExp(patterns.join('|'), 'g'), (old) => replacements[old] ?? old);
}

/** Settles with true when the proxy accepts connections, or with false when it has ended. */
async function untilListening(child: Child, port: number): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT;
  while (!child.hasEnded) {
    if (Date.now() > deadline) {
      throw new Error(`not listening after ${START_TIMEOUT} ms`);
    }
    if (await canConnect(port)) {
      return true;
    }
    // Neither proxy reports when it is ready.
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
