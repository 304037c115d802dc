/** Dockerfile and Compose file fit together, and fit the program that they run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RIGHTS } from '../../lib/cluster/redis/scripts.ts';
import { Client, TRANSPORTS } from '../e2e/support/client.ts';
import { describeProxy, launch, replace, replacementsOf } from '../proxy/support/proxy.ts';
import { afterTest } from '../support/cleanup.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { useScaleOut } from '../support/scale-out.ts';
import { read, readCompose, recipeFacts, usersOf } from './support/files.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const facts = recipeFacts();
const compose = readCompose({ REDIS_PASSWORD: 'ofThisSpec1' });
const { app, redis, nginx } = compose.services;

/** The instructions of the Dockerfile, with their arguments. */
const INSTRUCTIONS = read('Dockerfile')
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
  .map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)] as const);

/** The arguments of all instructions of a kind in the last stage. */
function lastStage(instruction: string): string[] {
  const from = INSTRUCTIONS.findLastIndex(([name]) => name === 'FROM');
  return INSTRUCTIONS.slice(from).flatMap(([name, args]) => (name === instruction ? [args] : []));
}

describe('demo/deploy/Dockerfile', () => {
  it('copies files that exist', () => {
    const copied = INSTRUCTIONS.filter(([name, args]) => name === 'COPY' && !args.startsWith('--from'));
    for (const path of copied.flatMap(([, args]) => args.split(' ').slice(0, -1))) {
      assert.ok(existsSync(join(ROOT, path)), path);
    }
  });

  it('installs the releases of the packages that the specs run', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const [install = ''] = lastStage('RUN');
    for (const name of ['express', 'prom-client', 'redis']) {
      const [, major] = new RegExp(`${name}@(\\d+)`).exec(install) ?? [];
      assert.ok(devDependencies[name].startsWith(`^${major}.`), name);
    }
  });

  it('runs the program as a user who is not root, which gets SIGTERM itself', () => {
    assert.deepEqual(lastStage('USER'), ['node']);
    assert.deepEqual(lastStage('STOPSIGNAL'), ['SIGTERM']);
    const [copy = ''] = lastStage('COPY').slice(-1);
    const [source, target] = copy.split(' ');
    assert.equal(source, 'demo/recipes/scale-out.ts');
    const [command] = lastStage('CMD');
    assert.equal(command, `["sh", "-c", "POD_IP=\${POD_IP:-$HOSTNAME} exec node ${target}"]`);
  });

  it('names the ports of the program, and asks whether it lives', () => {
    const { PORT, HEALTH_PORT } = facts.variables;
    assert.deepEqual(lastStage('EXPOSE'), [`${PORT} ${HEALTH_PORT}`]);
    const [check = ''] = lastStage('HEALTHCHECK');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell fills it in
    assert.ok(check.endsWith('"http://${POD_IP:-$HOSTNAME}:' + `${HEALTH_PORT}/live"`));
    assert.ok(facts.checks.includes('/live'));
  });
});

describe('demo/deploy/compose.yaml', () => {
  it('builds the Dockerfile in the root of the project, for two processes', () => {
    const { context = '', dockerfile = '' } = app.build ?? {};
    assert.equal(join(ROOT, 'demo/deploy', context, '/'), ROOT);
    assert.ok(existsSync(join(ROOT, dockerfile)));
    assert.equal(app.deploy?.replicas, 2);
  });

  it('gives the program variables that it reads', () => {
    for (const name of Object.keys(app.environment ?? {})) {
      assert.ok(name in facts.variables, name);
    }
  });

  it('waits until a process is ready, and gives it the time to end', () => {
    const [, port, path = ''] = /"http:\/\/\$HOSTNAME:(\d+)(\/\w+)"$/.exec(app.healthcheck?.test ?? '') ?? [];
    assert.deepEqual([port, path], [facts.variables['HEALTH_PORT'], '/ready']);
    assert.ok(facts.checks.includes(path));
    assert.deepEqual(nginx.depends_on, { app: { condition: 'service_healthy' } });
    assert.deepEqual(app.depends_on, { redis: { condition: 'service_healthy' } });
    assert.deepEqual([app.stop_signal, app.init], ['SIGTERM', true]);
    assert.ok(parseInt(app.stop_grace_period ?? '', 10) * 1000 > facts.ending);
  });

  it('gives Redis its configuration, and a user for the program with the rights that it needs', () => {
    const { host, username, password } = new URL(app.environment?.['REDIS_URL'] ?? '');
    assert.equal(host, 'redis:6379');
    const [user, ...more] = usersOf(compose.configs['users.acl']?.content ?? '');
    assert.deepEqual(more, []);
    const keys = `~{sockjs:${facts.name}}:*`;
    assert.deepEqual(user, {
      name: username,
      password,
      rules: ['resetkeys', 'resetchannels', '-@all', keys, ...RIGHTS.split(' ')],
    });
    const targets = Object.fromEntries((redis.configs ?? []).map(({ source, target }) => [source, target]));
    assert.equal(redis.command, `redis-server ${targets['redis.conf']}`);
    assert.equal(/^aclfile (.*)$/m.exec(read('redis.conf'))?.[1], targets['users.acl']);
  });

  it('names files that exist', () => {
    for (const { file, content } of Object.values(compose.configs)) {
      assert.ok(content !== undefined || existsSync(join(ROOT, 'demo/deploy', file ?? '')), file);
    }
    for (const { source } of [...(redis.configs ?? []), ...(nginx.configs ?? [])]) {
      assert.ok(source in compose.configs, source);
    }
  });

  it('shows clients the port of nginx only', () => {
    assert.deepEqual(nginx.ports, ['8080:8080']);
    assert.match(read('nginx-round-robin.conf'), /^ *listen 8080;$/m);
    assert.deepEqual([app.ports, redis.ports], [undefined, undefined]);
  });

  describeWithRedis('its nginx', () => {
    const server = useRedis();

    describeProxy('nginx', 'with the configuration that its command writes', () => {
      const { TRUST_PROXY = '' } = app.environment ?? {};
      const processes = useScaleOut(server, 2, { TRUST_PROXY });

      /** Runs the first part of the command as the container does, in a folder. Returns what it has written. */
      async function writeConfig(): Promise<string> {
        const dir = await mkdtemp(join(tmpdir(), 'sockjs-compose-'));
        afterTest(() => rm(dir, { recursive: true, force: true }));
        const [{ source, target } = { source: '', target: '' }, ...more] = nginx.configs ?? [];
        assert.deepEqual(more, []);
        const [shell = '', option = '', command = ''] = nginx.command ?? [];
        const [write = '', run] = command.split(' && ');
        assert.equal(run, "exec nginx -g 'daemon off;'");
        assert.ok(write.includes(` ${target} > /etc/nginx/nginx.conf`));
        await copyFile(join(ROOT, 'demo/deploy', compose.configs[source]?.file ?? ''), join(dir, 'in'));
        const own = write.replace(target, join(dir, 'in')).replace('/etc/nginx/nginx.conf', join(dir, 'out'));
        await promisify(execFile)(shell, [option, own]);
        return readFile(join(dir, 'out'), 'utf8');
      }

      it('balances all processes that have the name of the service', async () => {
        const text = await writeConfig();
        // Where the name has the addresses of two processes, it stands for both.
        const name = `app:${facts.variables['PORT']}`;
        const [line = '', ...more] = /^ *server (?=\S+:).*;$/gm.exec(text) ?? [];
        assert.deepEqual(more, []);
        assert.ok(line.includes(` ${name} `));
        const ports = await Promise.all(processes.map((process) => process.port()));
        const lines = ports.map((port) => line.replace(name, `127.0.0.1:${port}`)).join('\n');
        const { port } = await launch('nginx', 'compose.conf', (dir, at) =>
          replace(text, { ...replacementsOf('nginx', dir, at), [line]: lines }),
        );
        for (const transport of TRANSPORTS) {
          const client = new Client(`http://127.0.0.1:${port}/echo`, transport);
          await client.opened;
          for (const message of ['1', '2', '3']) {
            client.send(message);
            assert.equal(await client.next(), message);
          }
        }
      });
    });
  });
});
