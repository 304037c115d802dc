/** A Redis for a server of the benchmark: started on a socket in a folder, without persistence. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createClient } from 'redis';

/** A client that has connected to a Redis at a socket. */
export async function connectTo(path: string) {
  const client = createClient({ socket: { path, reconnectStrategy: 20 } });
  // Until Redis listens.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export type RedisClient = Awaited<ReturnType<typeof connectTo>>;

/** Starts it. The program ends where Redis does, and Redis where the program does. */
export function startRedis(folder: string): string {
  const path = join(folder, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no'];
  const redis = spawn('redis-server', args, { cwd: folder, stdio: 'ignore' });
  // Without a listener, a lack of the program ends this one.
  redis.on('exit', () => process.exit(1));
  process.on('exit', () => redis.kill('SIGKILL'));
  return path;
}

/** µs of CPU that a Redis has used. */
export async function cpuOf(client: RedisClient): Promise<number> {
  const info = await client.info('cpu');
  return 1e6 * (numberIn(info, 'used_cpu_sys') + numberIn(info, 'used_cpu_user'));
}

/** How many commands a Redis has executed that clients have sent, other than `INFO`. */
export async function commandsOf(client: RedisClient): Promise<number> {
  const info = await client.info('commandstats');
  return numberIn(info, 'cmdstat_eval') + numberIn(info, 'cmdstat_evalsha');
}

/** Bytes that a Redis has allocated, and those that it counts for each key of a session. */
export async function memoryOf(client: RedisClient): Promise<{ used: number; eachKey: number }> {
  const used = numberIn(await client.info('memory'), 'used_memory');
  const keys: string[] = [];
  for await (const batch of client.scanIterator({ MATCH: '*:s:*', COUNT: 1000 })) {
    keys.push(...(Array.isArray(batch) ? batch : [batch]));
  }
  let sum = 0;
  for (const key of keys) {
    sum += (await client.memoryUsage(key)) ?? 0;
  }
  return { used, eachKey: keys.length === 0 ? 0 : sum / keys.length };
}

/** A number in the answer to `INFO`: behind a name, or `calls` behind a command. 0 where the name is missing. */
function numberIn(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(?:calls=)?([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
}
