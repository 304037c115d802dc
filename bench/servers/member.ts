/** This package as a bare listener, as one of several processes. Listens once it is linked with all others. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { attachUpgrade, type ClusterAdapter, type LinkListen } from '../../lib/index.ts';
import { redisCluster } from '../../lib/redis.ts';
import type { MemberSettings } from './group-settings.ts';
import { linked } from './member-links.ts';
import { echo } from './ours.ts';
import { run } from './program.ts';
import { connectTo } from './redis-process.ts';

async function main(settings: MemberSettings): Promise<void> {
  const { disconnectDelay, count } = settings;
  const cluster = await adapterOf(settings);
  const router = echo({
    prefix: '/echo',
    ...(cluster === undefined ? {} : { cluster }),
    ...(disconnectDelay === undefined ? {} : { disconnectDelay }),
  });
  await linked(router, count - 1);
  const server = createServer(router);
  attachUpgrade(server);
  run(server, (message) => router.broadcast(message), {
    stats: () => JSON.stringify(router.stats()),
  });
}

async function adapterOf({ links, redis, folder, index, client }: MemberSettings): Promise<ClusterAdapter | undefined> {
  if (links === undefined) {
    return undefined;
  }
  const listen: LinkListen = links === 'tcp' ? {} : { path: join(folder, `link${index}.sock`) };
  const connected = client === 'ioredis' ? new Redis(redis) : await connectTo(redis);
  return redisCluster(connected, { name: 'echo', listen });
}

void main(JSON.parse(process.argv[2] ?? ''));
