/** The tests of the protocol definition against the protocol server: in one process, and in three that share a Redis. */
import { fileURLToPath } from 'node:url';
import { createProtocolServer } from '../../demo/protocol-server.ts';
import { Child, spawnChild } from '../support/child-process.ts';
import type { ClientName } from '../support/cluster/node-client.ts';
import { RoundRobin } from '../support/cluster/round-robin.ts';
import { itConforms } from '../support/conformance/suite.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { listen } from '../support/test-server.ts';

const PROGRAM = fileURLToPath(new URL('../support/cluster/protocol-node.ts', import.meta.url));

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
