/** This package as a bare listener, with the option `cluster` and a Redis that it starts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisCluster } from '../../lib/redis.ts';
import { runAlone } from './ours-alone.ts';
import { connectTo, startRedis } from './redis-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function main(): Promise<void> {
  const client = await connectTo(startRedis(folder));
  await runAlone(redisCluster(client, { name: 'echo' }));
}

void main();
