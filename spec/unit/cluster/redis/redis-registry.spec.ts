/** The registry in Redis: the contract of registries with each client, and what it does beyond. */
import { RedisRegistry } from '../../../../lib/cluster/redis/redis-registry.ts';
import { afterTest } from '../../../support/cleanup.ts';
import { CLIENTS, CLUSTER_CLIENTS, type Connect } from '../../../support/redis/clients.ts';
import {
  CLUSTER_ARGUMENTS,
  DEBUG_ARGUMENTS,
  describeWithRedis,
  type RedisServer,
  useRedis,
} from '../../../support/redis/redis-server.ts';
import { registryContract, type TestCluster } from '../registry-contract.ts';

let clusters = 0;

/** The cluster of one test: its name is one that no other test has. */
async function openCluster(server: RedisServer, connect: Connect, loseAll: () => Promise<void>): Promise<TestCluster> {
  const { client, close } = await connect({ port: server.port });
  afterTest(close);
  clusters += 1;
  const name = `test-${clusters}`;
  return {
    registry: () => new RedisRegistry(client, { name }),
    elapse: (ms) => server.elapse(ms),
    loseAll,
  };
}

describeWithRedis('RedisRegistry', () => {
  const server = useRedis();
  for (const [name, connect] of Object.entries(CLIENTS)) {
    describe(`by ${name}`, () => {
      registryContract(() => openCluster(server, connect, () => server.restart()));
    });
  }
});

describeWithRedis('RedisRegistry in Redis Cluster', () => {
  const server = useRedis(...CLUSTER_ARGUMENTS, ...DEBUG_ARGUMENTS);
  before(() => server.formCluster());
  for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
    describe(`by ${name}`, () => {
      registryContract(() => openCluster(server, connect, () => server.fallBack()));
    });
  }
});
