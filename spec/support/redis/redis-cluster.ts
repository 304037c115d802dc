/** A Redis Cluster of three primaries, on ports of this machine. */
import assert from 'node:assert/strict';
import { afterTest } from '../cleanup.ts';
import { CLUSTER_ARGUMENTS, DEBUG_ARGUMENTS, RedisServer } from './redis-server.ts';
import { until } from './watched-redis.ts';

const SLOTS = 16_384;
const PRIMARIES = 3;

/** Keys of one `MIGRATE`. */
const KEYS_AT_ONCE = 100;

const ARGUMENTS = [
  ...CLUSTER_ARGUMENTS,
  ...DEBUG_ARGUMENTS,
  // ms without an answer after which the others take a server for down: long enough for a busy machine.
  ...['--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0'],
];

/** Starts a Redis Cluster before the tests of the suite, and ends it after them. */
export function useRedisCluster(): RedisCluster {
  const cluster = new RedisCluster();
  before(() => cluster.start());
  after(() => cluster.close());
  return cluster;
}

/** Starts a Redis Cluster for the current test. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const cluster = new RedisCluster();
  afterTest(() => cluster.close());
  await cluster.start();
  return cluster;
}

/** A slot on its way to another server, as an operator moves it. */
export interface SlotMove {
  readonly target: RedisServer;
  /** Moves these keys, or all that are left. From then on, commands for them are told to ask at the other server. */
  moveKeys(keys?: readonly string[]): Promise<void>;
  /** Gives the slot to the other server. All keys must have been moved. */
  finish(): Promise<void>;
}

export class RedisCluster {
  readonly servers = Array.from({ length: PRIMARIES }, () => new RedisServer(ARGUMENTS));

  /** Settles once all servers agree on who has which slots. */
  async start(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.start()));
    const [first = assert.fail(), ...others] = this.servers;
    for (const [i, server] of this.servers.entries()) {
      const [from, to] = [i, i + 1].map((part) => Math.floor((SLOTS * part) / PRIMARIES));
      await tell(server, 'ADDSLOTSRANGE', `${from}`, `${Number(to) - 1}`);
      // No two may have the same when they meet.
      await tell(server, 'SET-CONFIG-EPOCH', `${i + 1}`);
    }
    for (const { port } of others) {
      await tell(first, 'MEET', '127.0.0.1', `${port}`);
    }
    await this.#untilOk();
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }

  /** A port at which a client finds the others. */
  get port(): number {
    return (this.servers[0] ?? assert.fail()).port;
  }

  /** The keys of all servers that match. */
  async keys(pattern: string): Promise<string[]> {
    return (await Promise.all(this.servers.map(({ admin }) => admin.keys(pattern)))).flat();
  }

  /** The server that has the slot of a key. */
  async ownerOf(key: string): Promise<RedisServer> {
    for (const server of this.servers) {
      const isOwner = await server.admin.exists(key).then(
        () => true,
        () => false,
      );
      if (isOwner) {
        return server;
      }
    }
    return assert.fail(`no server has ${key}`);
  }

  /** Has all servers lose everything, as a failover to empty replicas does. */
  async fallBack(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.fallBack()));
  }

  /** Adds a replica of a server. Settles when it has all data. */
  async addReplica(primary: RedisServer): Promise<RedisServer> {
    const replica = new RedisServer(ARGUMENTS);
    this.servers.push(replica);
    await replica.start();
    await tell(primary, 'MEET', '127.0.0.1', `${replica.port}`);
    await this.#untilOk();
    await tell(replica, 'REPLICATE', await tell(primary, 'MYID'));
    await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'));
    return replica;
  }

  /** Has the slot of a key move to another server. Its keys are where they were. */
  async beginMove(key: string): Promise<SlotMove> {
    const source = await this.ownerOf(key);
    const target = this.servers.find((server) => server !== source) ?? assert.fail();
    const slot = await tell(source, 'KEYSLOT', key);
    const targetId = await tell(target, 'MYID');
    await tell(target, 'SETSLOT', slot, 'IMPORTING', await tell(source, 'MYID'));
    await tell(source, 'SETSLOT', slot, 'MIGRATING', targetId);
    const migrate = (keys: readonly string[]) =>
      source.admin.call('MIGRATE', ['127.0.0.1', `${target.port}`, '', '0', '5000', 'KEYS', ...keys]);
    return {
      target,
      moveKeys: async (keys) => {
        if (keys !== undefined) {
          await migrate(keys);
          return;
        }
        for (;;) {
          const left = await source.admin.call('CLUSTER', ['GETKEYSINSLOT', slot, `${KEYS_AT_ONCE}`]);
          if (!Array.isArray(left) || left.length === 0) {
            return;
          }
          await migrate(left.map(String));
        }
      },
      finish: async () => {
        for (const server of new Set([target, source, ...this.servers])) {
          await tell(server, 'SETSLOT', slot, 'NODE', targetId);
        }
      },
    };
  }

  /** Settles once all servers know all others, and who has which slots. */
  async #untilOk(): Promise<void> {
    const expected = ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_known_nodes:${this.servers.length}`];
    for (const server of this.servers) {
      await until(async () => {
        const lines = (await tell(server, 'INFO')).split('\r\n');
        return expected.every((line) => lines.includes(line));
      });
    }
  }
}

async function tell(server: RedisServer, ...args: string[]): Promise<string> {
  return String(await server.admin.call('CLUSTER', args));
}
