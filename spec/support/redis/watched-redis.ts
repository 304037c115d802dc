/** A primary and a replica that a Sentinel watches. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterTest } from '../cleanup.ts';
import { PRIMARY_NAME } from '../cluster/node-client.ts';
import { DEBUG_ARGUMENTS, RedisServer } from './redis-server.ts';

/** ms between two questions to a server. */
const POLL = 5;

/** ms without an answer after which the Sentinel takes the primary for down: long enough for a busy machine. */
const DOWN_AFTER = 1_000;

/**
 * What a Sentinel does rarely, each in ms: so often that a test need not wait for it. It pings every second as by default: a
 * replica that has not answered for five periods becomes no primary.
 */
const PERIODS = { 'INFO-PERIOD': 100, 'PUBLISH-PERIOD': 100, 'TILT-PERIOD': 1_000 };

/** Starts one before the tests of the suite, and ends it after them. */
export function useWatchedRedis(): WatchedRedis {
  const watched = new WatchedRedis();
  before(() => watched.start());
  after(() => watched.close());
  return watched;
}

/** Starts one for the current test. */
export async function startWatchedRedis(): Promise<WatchedRedis> {
  const watched = new WatchedRedis();
  afterTest(() => watched.close());
  await watched.start();
  return watched;
}

/** No server waits for further replicas before it sends its data. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0'];

export class WatchedRedis {
  readonly sentinel = new RedisServer([], true);
  /** The primary. After a failover, this is what was the replica. */
  primary = new RedisServer([...AT_ONCE, ...DEBUG_ARGUMENTS]);
  replica = new RedisServer([...AT_ONCE, ...DEBUG_ARGUMENTS]);

  /** Settles when the replica has all data, and the Sentinel knows it. */
  async start(): Promise<void> {
    const { sentinel, primary, replica } = this;
    await Promise.all([sentinel, primary, replica].map((server) => server.start()));
    await replica.admin.replicaof('127.0.0.1', primary.port);
    await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'));
    for (const [period, ms] of Object.entries(PERIODS)) {
      await this.#sentinel('DEBUG', period, `${ms}`);
    }
    await this.#sentinel('MONITOR', PRIMARY_NAME, '127.0.0.1', `${primary.port}`, '1');
    await this.#sentinel('SET', PRIMARY_NAME, 'down-after-milliseconds', `${DOWN_AFTER}`, 'failover-timeout', '2000');
    await this.#untilReplicaIsKnown();
  }

  async close(): Promise<void> {
    await Promise.all([this.sentinel, this.primary, this.replica].map((server) => server.close()));
  }

  /** Settles once the replica has all that the primary has acknowledged so far. */
  async untilReplicated(): Promise<void> {
    await untilReplicated(this.primary, this.replica);
  }

  /** Cuts the replica off: what the primary acknowledges from now on is lost with it. */
  async stopReplication(): Promise<void> {
    this.replica.stall();
    // Else the kernel would keep for the replica what the primary has sent.
    await this.primary.admin.call('CLIENT', ['KILL', 'TYPE', 'replica']);
  }

  /** Ends the primary as a crash does. Settles once the replica is the primary. */
  async loseThePrimary(): Promise<void> {
    await this.primary.crash();
    this.replica.resume();
    await this.untilFailedOver();
  }

  /** Has the Sentinel make the replica the primary while all live, as before maintenance. */
  async failOver(): Promise<void> {
    await this.#sentinel('FAILOVER', PRIMARY_NAME);
    await this.untilFailedOver();
  }

  /** Settles once the Sentinel has made the replica the primary, and says so to those who ask. */
  async untilFailedOver(): Promise<void> {
    await until(async () => {
      const [, port] = (await this.#sentinel('GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME)) as string[];
      return Number(port) === this.replica.port;
    });
    [this.primary, this.replica] = [this.replica, this.primary];
  }

  async #untilReplicaIsKnown(): Promise<void> {
    await until(async () => {
      const replicas = await this.#sentinel('REPLICAS', PRIMARY_NAME);
      return JSON.stringify(replicas).includes('"master-link-status","ok"');
    });
  }

  #sentinel(...args: string[]): Promise<unknown> {
    return this.sentinel.admin.call('SENTINEL', args);
  }
}

/** Settles once a replica has all that its primary has acknowledged so far. `WAIT` would look at one connection only. */
export async function untilReplicated(primary: RedisServer, replica: RedisServer): Promise<void> {
  const offset = async (server: RedisServer, field: string) => {
    const [, digits] = new RegExp(`^${field}:(\\d+)`, 'm').exec(await server.admin.info('replication')) ?? [];
    return Number(digits);
  };
  const due = await offset(primary, 'master_repl_offset');
  await until(async () => (await offset(replica, 'slave_repl_offset')) >= due);
}

/** Asks until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await delay(POLL);
  }
}
