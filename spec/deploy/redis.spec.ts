/** The Redis of `demo/deploy/`: it takes the users of both manifests, and the program runs on it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterTest } from '../support/cleanup.ts';
import { post } from '../support/http.ts';
import { findProgram } from '../support/programs.ts';
import { describeWithRedis } from '../support/redis/redis-server.ts';
import { ScaleOut } from '../support/scale-out.ts';
import { readCompose } from './support/files.ts';
import { manifest } from './support/kubernetes.ts';
import { startRedis } from './support/redis.ts';

const PASSWORD = 'ofThisSpec1';

const compose = readCompose({ REDIS_PASSWORD: PASSWORD });
const { stringData: secret } = manifest('Secret', 'echo-redis');

/** The users, and the address that the program is given, by the file that names them. */
const FILES: Readonly<Record<string, readonly [users: string | undefined, url: string | undefined]>> = {
  'compose.yaml': [compose.configs['users.acl']?.content, compose.services.app.environment?.['REDIS_URL']],
  'kubernetes/redis.yaml': [secret['users.acl'], secret['REDIS_URL']],
};

for (const [file, [users = '', url = '']] of Object.entries(FILES)) {
  describeWithRedis(`redis.conf with the users of ${file}`, () => {
    it('is enough for processes that share their sessions', async () => {
      const port = await startRedis(users);
      const at = new URL(url);
      at.host = `127.0.0.1:${port}`;
      const processes = [1, 2].map(() => new ScaleOut({ REDIS_URL: at.href }));
      afterTest(async () => {
        await Promise.all(processes.map((process) => process.kill()));
      });
      await Promise.all(processes.map((process) => process.listening));
      await Promise.all(processes.map((process) => process.untilLinked(1)));
      const [one = '', two = ''] = await Promise.all(processes.map((process) => process.listening));
      assert.equal((await post(`${one}/echo/0/a/xhr`)).body, 'o\n');
      assert.equal((await post(`${two}/echo/0/a/xhr_send`, '["hello"]')).status, 204);
      assert.equal((await post(`${two}/echo/0/a/xhr`)).body, 'a["hello"]\n');
      for (const process of processes) {
        assert.equal(process.stderr, '');
      }
    });

    it('refuses clients without a password, and other commands and keys', async () => {
      const port = await startRedis(users);
      const connect = (user: object) => {
        const client = new Redis({ port, host: '127.0.0.1', enableReadyCheck: false, ...user });
        client.on('error', () => {});
        afterTest(() => client.disconnect());
        return client;
      };
      await assert.rejects(connect({}).get('{sockjs:echo}:nodes'), /NOAUTH/);
      const { username, password } = new URL(url);
      const client = connect({ username, password });
      assert.equal(await client.get('{sockjs:echo}:s:a'), null);
      await assert.rejects(client.get('other'), /NOPERM/);
      await assert.rejects(client.keys('*'), /NOPERM/);
      // Before it drops a key, it refuses to write.
      const memory = (await client.info('memory')).split('\r\n');
      assert.ok(memory.includes('maxmemory:209715200') && memory.includes('maxmemory_policy:noeviction'));
    });
  });
}

describeWithRedis('the health check of Redis in compose.yaml', () => {
  const { test } = compose.services.redis.healthcheck ?? assert.fail();
  const env = { ...process.env, ...compose.services.redis.environment };

  it('passes where the password is right, and fails elsewhere', async function () {
    if (findProgram('redis-cli') === undefined) {
      this.skip();
    }
    const port = await startRedis(FILES['compose.yaml']?.[0] ?? '');
    const check = (at: number, password: string) => {
      const command = test.replace('redis-cli ', `redis-cli -p ${at} `);
      assert.notEqual(command, test);
      return promisify(execFile)('sh', ['-c', command], { env: { ...env, REDISCLI_AUTH: password } });
    };
    assert.equal(env['REDISCLI_AUTH'], PASSWORD);
    await check(port, PASSWORD);
    await assert.rejects(check(port, 'other'));
    await assert.rejects(check(1, PASSWORD));
  });
});
