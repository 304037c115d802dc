/** A redis-server for a suite: on a port of its own, in a folder of its own, without persistence. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Child, spawnChild } from '../child-process.ts';
import { afterTest } from '../cleanup.ts';
import { findProgram, freePort } from '../programs.ts';
import { TLS } from '../tls-certificate.ts';

const PROGRAM = 'redis-server';

/** The user id of Debian's `nobody`. */
const NOBODY = 65_534;

const READY = /Ready to accept connections|Sentinel ID is|Address already in use/;

/** The configuration that a Sentinel keeps what it learns in. */
const SENTINEL_FILE = 'sentinel.conf';

/** ms between two questions to the server, where it cannot tell by itself. */
const POLL = 5;

const { CI } = process.env;

/** Arguments of redis-server: what `redis.conf` would say, each behind `--`. */
export type Arguments = readonly string[];

/** Arguments of a server of a Redis Cluster. It must know its address, since at first it has no peers to tell it. */
export const CLUSTER_ARGUMENTS: Arguments = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'];

/** Arguments of a redis-server for `fallBack()`. */
export const DEBUG_ARGUMENTS: Arguments = ['--enable-debug-command', 'yes'];

/**
 * Declares a suite that needs a redis-server. Where it is not installed, the suite is skipped and its title says so; on
 * CI it fails.
 */
export function describeWithRedis(title: string, body: () => void): void {
  if (findProgram(PROGRAM) !== undefined) {
    describe(title, body);
  } else if (CI === 'true') {
    describe(title, () => {
      it(`finds ${PROGRAM}`, () => {
        throw new Error(`${PROGRAM} is not installed, and on CI nothing is skipped: apt-get install ${PROGRAM}`);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${PROGRAM} is not installed)`, body);
  }
}

/**
 * Starts a redis-server before the tests of the suite, and ends it after them. Its members may be used in tests and hooks.
 *
 * @param args further arguments
 */
export function useRedis(...args: Arguments): RedisServer {
  const server = new RedisServer(args);
  before(() => server.start());
  after(() => server.close());
  return server;
}

/** A redis-server that can be stalled, killed and started again on the same port. */
export class RedisServer {
  readonly #args: Arguments;
  readonly #isSentinel: boolean;
  #dir: string | undefined;
  #port: number | undefined;
  #process: ChildProcess | undefined;
  #child: Child | undefined;
  #admin: Redis | undefined;

  /** @param isSentinel whether it watches other servers, and holds no data */
  constructor(args: Arguments, isSentinel = false) {
    this.#args = args;
    this.#isSentinel = isSentinel;
  }

  get port(): number {
    return defined(this.#port);
  }

  /** A connection of the specs, for commands that a registry does not use. */
  get admin(): Redis {
    return defined(this.#admin);
  }

  /** Starts it, on the port that it had before. Settles once it accepts connections. */
  async start(): Promise<void> {
    this.#dir ??= await ownFolder();
    if (this.#isSentinel) {
      await this.#write(SENTINEL_FILE, '');
    }
    for (;;) {
      this.#port ??= await freePort();
      if (await this.#startOn(this.#port)) {
        break;
      }
      this.#port = undefined;
    }
    this.#admin ??= connectAdmin(this.#port);
    await this.#admin.ping();
  }

  /** Has it do nothing until `resume()`, as a machine does that swaps. Its connections stay. */
  stall(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it as a crash does. */
  async crash(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  /** Ends it as a crash does, and starts it again: it has lost everything. */
  async restart(): Promise<void> {
    await this.crash();
    await this.start();
  }

  /** Has it take TLS as well, with the certificate of the specs, at a port of its own. */
  async listenWithTls(): Promise<number> {
    const { key, cert } = TLS;
    await this.#write('key.pem', key);
    await this.#write('cert.pem', cert);
    const files = ['tls-key-file', 'key.pem', 'tls-cert-file', 'cert.pem', 'tls-ca-cert-file', 'cert.pem'];
    await this.admin.call('CONFIG', ['SET', 'tls-auth-clients', 'no', ...files]);
    for (;;) {
      const port = await freePort();
      try {
        await this.admin.config('SET', 'tls-port', port);
        return port;
      } catch {
        // Another program has taken it.
      }
    }
  }

  /** Cuts all connections but that of the specs. */
  async cutConnections(): Promise<void> {
    await this.admin.call('CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
  }

  /** Sets a directive for the rest of the test. */
  async configure(directive: string, value: string): Promise<void> {
    const [, before = ''] = (await this.admin.config('GET', directive)) as string[];
    afterTest(async () => {
      await this.admin.config('SET', directive, before);
    });
    await this.admin.config('SET', directive, value);
  }

  /**
   * Has it load its data as at a start, so slowly that a test sees it. Returns a function that has it done. It must have
   * been started with `DEBUG_ARGUMENTS`.
   */
  async beginLoading(): Promise<() => Promise<void>> {
    // Between two keys it answers.
    await this.configure('loading-process-events-interval-bytes', '1024');
    const value = randomBytes(8_192).toString('base64');
    await this.admin.mset(new Map(Array.from({ length: 600 }, (_, i) => [`ballast ${i}`, value])));
    await this.configure('key-load-delay', '100000');
    const loader = this.admin.duplicate();
    const reload = loader.call('DEBUG', ['RELOAD']);
    while (!(await this.admin.info('persistence')).includes('loading:1')) {
      await delay(POLL);
    }
    return async () => {
      await this.admin.config('SET', 'key-load-delay', '0');
      await reload;
      loader.disconnect();
    };
  }

  /** Has it lose everything, as a failover to an empty replica does. It must have been started with `DEBUG_ARGUMENTS`. */
  async fallBack(): Promise<void> {
    await this.admin.flushall();
    await this.admin.call('DEBUG', ['CHANGE-REPL-ID']);
  }

  /** Settles once so many ms have passed by its clock. */
  async elapse(ms: number): Promise<void> {
    // Redis counts the ms in which a life ends as a part of it.
    const end = (await this.#now()) + ms;
    while ((await this.#now()) <= end) {
      await delay(POLL);
    }
  }

  async #now(): Promise<number> {
    const [seconds, micros] = await this.admin.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }

  /** Ends it and removes its files. */
  async close(): Promise<void> {
    this.#admin?.disconnect();
    await this.crash();
    if (this.#dir !== undefined) {
      await rm(this.#dir, { recursive: true, force: true });
    }
  }

  /** Writes a file into its folder, which is its own. */
  async #write(name: string, text: string): Promise<void> {
    const file = join(defined(this.#dir), name);
    await writeFile(file, text);
    await giveAway(file);
  }

  /** Settles with true once it accepts connections, or with false where the port was taken. */
  async #startOn(port: number): Promise<boolean> {
    // The name of a file must be the first argument.
    const kind = this.#isSentinel ? [SENTINEL_FILE, '--sentinel'] : ['--save', '', '--appendonly', 'no'];
    const args = [...kind, '--port', `${port}`, '--bind', '127.0.0.1', ...this.#args];
    // Never as root.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const cwd = defined(this.#dir);
    this.#process = spawnChild(defined(findProgram(PROGRAM)), args, { cwd, ...user });
    this.#child = new Child(PROGRAM, this.#process, true);
    const [ready = ''] = await this.#child.line(new RegExp(`(${READY.source})`));
    if (!ready.startsWith('Address')) {
      this.#child.mustLive();
      return true;
    }
    await this.crash();
    return false;
  }
}

async function ownFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sockjs-redis-'));
  await giveAway(dir);
  return dir;
}

/** Gives a file to the user of redis-server. */
async function giveAway(file: string): Promise<void> {
  if (process.getuid?.() === 0) {
    await chown(file, NOBODY, NOBODY);
  }
}

/** Reconnects at once after a restart, and then does what waits. */
function connectAdmin(port: number): Redis {
  const admin = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 10, maxRetriesPerRequest: null });
  // While the server is away, each attempt fails.
  admin.on('error', () => {});
  return admin;
}

function defined<Value>(value: Value | undefined): Value {
  if (value === undefined) {
    throw new Error('the redis-server has not been started');
  }
  return value;
}
