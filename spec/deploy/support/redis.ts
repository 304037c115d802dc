/** A redis-server with `redis.conf` of `demo/deploy/`. */
import assert from 'node:assert/strict';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, spawnChild } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { findProgram, freePort } from '../../support/programs.ts';
import { read } from './files.ts';

/** The user id of Debian's `nobody`. */
const NOBODY = 65_534;

/** Where `redis.conf` has its users. */
const USERS = '/usr/local/etc/redis/users.acl';

/** Starts a redis-server with these users. Settles with its port. It is killed after the test. */
export async function startRedis(users: string): Promise<number> {
  const conf = read('redis.conf');
  assert.ok(conf.includes(USERS));
  const dir = await mkdtemp(join(tmpdir(), 'sockjs-deploy-'));
  afterTest(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'redis.conf'), conf.replace(USERS, join(dir, 'users.acl')));
  await writeFile(join(dir, 'users.acl'), users);
  // Never as root.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) {
    await chown(dir, user.uid, user.gid);
  }
  for (;;) {
    const port = await freePort();
    const args = [join(dir, 'redis.conf'), '--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir];
    const program = findProgram('redis-server') ?? assert.fail('redis-server is not installed');
    const child = new Child('redis-server', spawnChild(program, args, { cwd: dir, ...user }), true);
    afterTest(() => child.kill());
    const [line = ''] = await child.line(/(Ready to accept connections|Address already in use|FATAL|Aborting)/);
    if (line.startsWith('Ready')) {
      child.mustLive();
      return port;
    }
    assert.ok(line.startsWith('Address'), `redis-server did not start: ${line}`);
  }
}
