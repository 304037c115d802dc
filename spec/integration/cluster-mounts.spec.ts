/** Three mounts in one process, with the option `cluster` and real links, which get requests in turns. */
import assert from 'node:assert/strict';
import { type MountSettings, type Mounts, overUnixSockets, serveMounts } from '../support/cluster/mounts.ts';
import { inRedis } from '../support/cluster/redis-mounts.ts';
import { itReceivesOverHttp } from '../support/contract.ts';
import { CLIENTS } from '../support/redis/clients.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { HTTP_RECEIVERS, xhrPolling, xhrStreaming } from '../support/transport-cases.ts';

let mounts: Mounts;

const settle = () => mounts.settled();
const countTimers = () => mounts.countTimers();

function serveWith(settings: MountSettings = {}) {
  return serveMounts(settings, (made) => {
    mounts = made;
  });
}

const LINKS: readonly [string, MountSettings][] = [
  ['links over TCP', {}],
  ['links over Unix sockets', { listen: overUnixSockets }],
];

for (const [links, settings] of LINKS) {
  for (const transport of HTTP_RECEIVERS) {
    describe(`${transport.name} over three mounts, ${links}`, () => {
      itReceivesOverHttp({ ...transport, serve: serveWith(settings), settle, countTimers });
    });
  }
}

for (const name of ['node-redis 6', 'ioredis 6']) {
  describeWithRedis(`Three mounts that share a Redis, by ${name}`, () => {
    const redis = useRedis();
    const connect = CLIENTS[name] ?? assert.fail(name);
    const serve = serveWith({ adapters: () => inRedis(redis, connect) });

    for (const transport of [xhrPolling, xhrStreaming]) {
      describe(`${transport.name}`, () => {
        itReceivesOverHttp({ ...transport, serve, settle, countTimers });
      });
    }
  });
}
