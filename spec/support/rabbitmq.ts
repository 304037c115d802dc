/** A RabbitMQ for a suite: with STOMP on a port of its own, in a folder of its own, beside an epmd of its own. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, spawnChild } from './child-process.ts';
import { findProgram, freePort } from './programs.ts';

/** Debian's `rabbitmq-server` in `/usr/sbin` changes the user and the environment; this one does not. */
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** The port mapper of Erlang. RabbitMQ would start one that stays. */
const PORT_MAPPER = 'epmd';

/** The user id of Debian's `nobody`. */
const NOBODY = 65_534;

/** ms. RabbitMQ starts in 4 s on an idle machine. */
export const START_TIMEOUT = 120_000;

/** ms between two questions to a program that does not tell when it is ready. */
const POLL = 5;

const { CI } = process.env;

/**
 * Declares a suite that needs RabbitMQ. Where it is not installed, the suite is skipped and its title says so; on CI it
 * fails.
 */
export function describeWithRabbitMq(title: string, body: () => void): void {
  if (existsSync(PROGRAM) && findProgram(PORT_MAPPER) !== undefined) {
    describe(title, body);
  } else if (CI === 'true') {
    describe(title, () => {
      it('finds RabbitMQ', () => {
        throw new Error(`${PROGRAM} is missing, and on CI nothing is skipped: apt-get install rabbitmq-server`);
      });
    });
  } else {
    describe.skip(`${title} (skipped: rabbitmq-server is not installed)`, body);
  }
}

/** Starts RabbitMQ before the tests of the suite, and ends it after them. */
export function useRabbitMq(): RabbitMq {
  const broker = new RabbitMq();
  before('starts RabbitMQ', async function () {
    this.timeout(START_TIMEOUT);
    await broker.start();
  });
  after('ends RabbitMQ', () => broker.close());
  return broker;
}

/** Ports of one RabbitMQ. */
interface Ports {
  readonly stomp: number;
  readonly amqp: number;
  /** Between nodes of Erlang. */
  readonly distribution: number;
  readonly mapper: number;
}

/** A RabbitMQ that can be killed and started again on the same port. Its user is `guest`, password `guest`. */
export class RabbitMq {
  #dir: string | undefined;
  #ports: Ports | undefined;
  #mapper: Child | undefined;
  #node: Child | undefined;

  /** The port that takes STOMP. */
  get port(): number {
    return defined(this.#ports).stomp;
  }

  /** Starts it, on the ports that it had before. Settles once it takes connections. */
  async start(): Promise<void> {
    this.#dir ??= await ownFolder();
    while (!(await this.#startOnce())) {
      await this.crash();
      this.#ports = undefined;
    }
  }

  /** Settles with the groups of the next line of its log that matches. Later calls search the lines behind it. */
  log(pattern: RegExp): Promise<string[]> {
    return defined(this.#node).line(pattern);
  }

  /** Ends it as a crash does. */
  async crash(): Promise<void> {
    await this.#node?.kill();
    await this.#mapper?.kill();
    this.#node = undefined;
    this.#mapper = undefined;
  }

  /** Ends it and removes its files. */
  async close(): Promise<void> {
    await this.crash();
    if (this.#dir !== undefined) {
      await rm(this.#dir, { recursive: true, force: true, maxRetries: 10 });
    }
  }

  /** Settles with false where another program has taken one of the ports. */
  async #startOnce(): Promise<boolean> {
    const dir = defined(this.#dir);
    this.#ports ??= await freePorts();
    await writeFiles(dir, this.#ports);
    const settings = { cwd: dir, env: environmentOf(dir, this.#ports), ...userOf() };
    this.#mapper = new Child(PORT_MAPPER, spawnChild(PORT_MAPPER, ['-address', '127.0.0.1'], settings), true);
    // RabbitMQ would start another epmd, which stays, where it finds none.
    while (!(await isListening(this.#ports.mapper))) {
      if (this.#mapper.hasEnded) {
        return false;
      }
      await delay(POLL);
    }
    this.#node = new Child('RabbitMQ', spawnChild(PROGRAM, [], settings), true);
    try {
      await this.#node.line(/Server startup complete/);
    } catch (error) {
      if (String(error).includes('eaddrinuse')) {
        return false;
      }
      throw error;
    }
    this.#mapper.mustLive();
    this.#node.mustLive();
    return true;
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function environmentOf(dir: string, { amqp, distribution, mapper }: Ports): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: dir,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: `${mapper}`,
    RABBITMQ_NODENAME: `sockjs${amqp}@localhost`,
    RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dir, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_NODE_PORT: `${amqp}`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(dir, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    // The script then becomes the Erlang machine, so that signals to the child reach that.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}

async function writeFiles(dir: string, { stomp }: Ports): Promise<void> {
  await writeFile(join(dir, 'enabled_plugins'), '[rabbitmq_stomp].\n');
  await writeFile(join(dir, 'rabbitmq-env.conf'), '');
  await writeFile(join(dir, 'rabbitmq.conf'), `stomp.listeners.tcp.1 = 127.0.0.1:${stomp}\n`);
}

async function freePorts(): Promise<Ports> {
  return { stomp: await freePort(), amqp: await freePort(), distribution: await freePort(), mapper: await freePort() };
}

/** Never root. */
function userOf(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

async function ownFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sockjs-rabbitmq-'));
  const { uid, gid } = userOf();
  if (uid !== undefined && gid !== undefined) {
    await chown(dir, uid, gid);
  }
  return dir;
}

function defined<Value>(value: Value | undefined): Value {
  if (value === undefined) {
    throw new Error('RabbitMQ has not been started');
  }
  return value;
}
