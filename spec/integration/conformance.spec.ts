/**
 * The tests of the protocol definition against the protocol server: in one process, in three that share a Redis, and in
 * three workers of a primary on one port.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { createProtocolServer } from '../../demo/protocol-server.ts';
import { Child, spawnChild } from '../support/child-process.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { RoundRobin } from '../support/cluster/round-robin.ts';
import { itConforms } from '../support/conformance/suite.ts';
import { fetchText } from '../support/http.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { listen } from '../support/test-server.ts';

const PROGRAM = fileURLToPath(new URL('../support/cluster/protocol-node.ts', import.meta.url));
const WORKERS = fileURLToPath(new URL('../support/cluster/workers/protocol-workers.ts', import.meta.url));

/** The clients of Redis of the three. */
const CLIENTS: readonly ClientName[] = ['node-redis', 'ioredis', 'node-redis'];

describe('The protocol server', () => {
  let origin = '';
  beforeEach(async () => {
    ({ origin } = await listen(createProtocolServer()));
  });
  itConforms(() => origin);
});

// Each connection goes to another process than the one before, and each test makes one for each request.
describeWithRedis('The protocol server in three processes', () => {
  const redis = useRedis();
  let children: readonly Child[] = [];
  let balancer: RoundRobin | undefined;

  before(async () => {
    children = CLIENTS.map((client) => {
      const args = ['--import', 'tsx/esm', '--throw-deprecation', PROGRAM, client, `${redis.port}`];
      return new Child(`the protocol server, ${client}`, spawnChild(process.execPath, args));
    });
    const ports = await Promise.all(children.map((child) => child.line(/^Listening on (\d+)$/)));
    balancer = await RoundRobin.start(ports.map(([port]) => Number(port)));
  });

  after(async () => {
    balancer?.close();
    await Promise.all(children.map((child) => child.kill()));
  });

  itConforms(() => balancer?.origin ?? '');
});

// The primary gives each connection to another worker than the one before.
describe('The protocol server in three workers', () => {
  let primary: Child | undefined;
  let origin = '';

  before(async () => {
    const args = ['--import', 'tsx/esm', '--throw-deprecation', WORKERS];
    primary = new Child('the primary of the protocol server', spawnChild(process.execPath, args));
    const [port] = await primary.line(/^Listening on (\d+)$/);
    origin = `http://127.0.0.1:${port}`;
  });

  after(async () => {
    await primary?.stop('SIGTERM');
    await primary?.kill();
  });

  itConforms(() => origin);

  it('is all of them', async () => {
    for (let requests = 0; requests < 6; requests += 1) {
      assert.equal((await fetchText(`${origin}/echo`)).status, 200);
    }
    const workers = new Set<string | undefined>();
    while (workers.size < 3) {
      const [worker] = (await primary?.line(/^Worker (\d) has got a request$/)) ?? assert.fail();
      workers.add(worker);
    }
  });
});
