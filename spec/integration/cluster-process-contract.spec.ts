/**
 * The contract of all HTTP transports over three processes that share a Redis, by node-redis and by ioredis, and over three
 * workers of a primary. Each request goes to another process than the one before.
 */
import { describeProcesses } from '../support/cluster/driven/processes.ts';
import { itReceivesOverHttp } from '../support/contract.ts';
import { HTTP_RECEIVERS } from '../support/transport-cases.ts';

/** Clauses that need all in one process. They hold over three mounts in one process: `cluster-mounts.spec.ts`. */
const EXCEPTIONS = {
  'while earlier middleware is busy makes no session': 'the test decides in its own process when middleware goes on',
  'whose request waits behind another on the same connection leaves nothing behind':
    'the test adds a route of its own to the app',
};

describeProcesses(({ harness }) => {
  for (const transport of HTTP_RECEIVERS) {
    describe(transport.name, () => {
      itReceivesOverHttp({ ...transport, ...harness, exceptions: { ...transport.exceptions, ...EXCEPTIONS } });
    });
  }
});
