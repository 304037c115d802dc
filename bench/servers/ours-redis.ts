/** This package as a bare listener, with the option `cluster` and a Redis that it starts. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { redisCluster } from '../../lib/redis.ts';
import { runAlone } from './ours-alone.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
const path = join(folder, 'redis.sock');
const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no'];
const redis = spawn('redis-server', args, { cwd: folder, stdio: 'ignore' });
// Without a listener, a lack of the program ends this one.
redis.on('exit', () => process.exit(1));
process.on('exit', () => {
  redis.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function main(): Promise<void> {
  const client = createClient({ socket: { path, reconnectStrategy: 20 } });
  // Until Redis listens.
  client.on('error', () => {});
  await client.connect();
  await runAlone(redisCluster(client, { name: 'echo' }));
}

void main();
