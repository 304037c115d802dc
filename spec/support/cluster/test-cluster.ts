/** Processes of an endpoint as the specs of faults start them. */
import assert from 'node:assert/strict';
import { afterTest } from '../cleanup.ts';
import { RESPONSE_LIMIT } from './exchanges.ts';
import type { Network } from './network.ts';
import type { ClientName, RedisKind } from './node-client.ts';
import { ClusterProcesses } from './processes.ts';

/** ms: short, since some tests wait for it; long enough for a busy machine. */
export const NODE_TIMEOUT = 3_000;

/** What a client is told whose session was lost with its owner, or with the link to it. */
export const LOST = { kind: 'closed', code: 1012, reason: 'Session lost' } as const;

let tests = 0;

/** How the endpoint of a test is. */
export interface TestClusterSettings {
  /**
   * Of all processes, or of one after the other.
   * @default 'node-redis'
   */
  readonly client?: ClientName | readonly ClientName[] | undefined;
  /**
   * What listens at the port of Redis.
   * @default 'server'
   */
  readonly redisKind?: RedisKind;
  /**
   * What connects the processes, where the test faults it.
   * @default undefined
   */
  readonly network?: Network;
  /** @default NODE_TIMEOUT */
  readonly nodeTimeout?: number;
  /** @default 60_000 // no session ends for want of a client while a machine is busy */
  readonly disconnectDelay?: number;
  /**
   * Whether ids may have several sessions, since the test has Redis forget the first.
   * @default false
   */
  readonly mayDouble?: boolean;
}

/** Makes an endpoint of its own for a test, without processes yet. No id may be opened twice until the test is over. */
export function makeCluster(
  redis: { readonly port: number },
  {
    client = 'node-redis',
    redisKind = 'server',
    network,
    nodeTimeout = NODE_TIMEOUT,
    disconnectDelay = 60_000,
    mayDouble = false,
  }: TestClusterSettings = {},
): ClusterProcesses {
  tests += 1;
  const settings = {
    redisPort: redis.port,
    redisKind,
    name: `test-${tests}`,
    nodeTimeout,
    responseLimit: RESPONSE_LIMIT,
    disconnectDelay,
  };
  const clients = [client].flat();
  const clientOf = (index: number) => clients[index % clients.length] ?? 'node-redis';
  const processes = new ClusterProcesses((index) => ({ ...settings, client: clientOf(index) }), network);
  afterTest(() => assert.deepEqual(mayDouble ? [] : processes.doubles, [], 'ids with several sessions'));
  return processes;
}
