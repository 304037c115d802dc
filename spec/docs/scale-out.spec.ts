/** The recipe `scale-out` does what it says: it shares its sessions, answers health checks, and ends without a loss. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Client } from '../e2e/support/client.ts';
import { Child, spawnChild } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText, post } from '../support/http.ts';
import { freePort } from '../support/programs.ts';
import { startRecipe } from '../support/recipes.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { ScaleOut } from '../support/scale-out.ts';

/** Runs the program as PM2 does in cluster mode: as a worker of node:cluster, which ends by SIGINT. */
const PM2 = `
import cluster from 'node:cluster';
cluster.setupPrimary({ exec: 'demo/recipes/scale-out.ts', execArgv: ['--import', 'tsx/esm'] });
const worker = cluster.fork();
worker.on('message', (message) => console.log('The worker says:', message));
worker.on('exit', (code, signal) => console.log('The worker has ended:', code, signal));
process.on('SIGTERM', () => worker.process.kill('SIGINT'));
`;

describeWithRedis('the recipe scale-out', () => {
  const redis = useRedis();
  // Programs that were killed have left leases and sessions.
  beforeEach(() => redis.admin.flushall());

  const start = (env: Readonly<Record<string, string>> = {}): ScaleOut => {
    const recipe = new ScaleOut({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, ...env });
    afterTest(() => recipe.kill());
    return recipe;
  };
  const poll = async (origin: string) => (await post(`${origin}/echo/0/a/xhr`)).body;

  it('is alive but not ready until it has joined', async () => {
    await redis.configure('maxmemory', '100mb');
    await redis.configure('maxmemory-policy', 'allkeys-lru');
    const recipe = start();
    const origin = await recipe.listening;
    assert.deepEqual([await recipe.statusOf('live'), await recipe.statusOf('ready')], [200, 503]);
    assert.equal((await fetchText(`${origin}/ready`)).status, 404);
    await redis.configure('maxmemory-policy', 'noeviction');
    await recipe.measures('sockjs_cluster_up 1');
    assert.deepEqual([await recipe.statusOf('live'), await recipe.statusOf('ready')], [200, 200]);
  });

  /** A server in place of Redis that takes connections, and says nothing. */
  const startSilent = async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    await once(server, 'listening');
    afterTest(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
    });
    return { server, url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}` };
  };

  it('is alive but not ready while it waits for Redis, and ends all the same', async () => {
    const { server, url } = await startSilent();
    const recipe = start({ REDIS_URL: url, WAIT_FOR_REDIS: '1' });
    await once(server, 'connection');
    assert.deepEqual([await recipe.statusOf('live'), await recipe.statusOf('ready')], [200, 503]);
    assert.ok((await recipe.metrics()).includes('sockjs_cluster_up 0'));
    assert.deepEqual(await recipe.stop('SIGTERM'), { code: 0, signal: null });
  });

  it('tries again until Redis answers, where it is to wait', async () => {
    await redis.crash();
    const recipe = start({ WAIT_FOR_REDIS: '1' });
    await recipe.health;
    while (!recipe.stderr.includes('ECONNREFUSED')) {
      await recipe.statusOf('live');
    }
    assert.equal(await recipe.statusOf('ready'), 503);
    await redis.start();
    await recipe.untilReady();
  });

  it('says in one line that it cannot reach Redis, and exits with 1', async () => {
    const { url } = await startSilent();
    const failureOf = async (REDIS_URL: string) => {
      const recipe = startRecipe('scale-out', { mayEnd: true, env: { REDIS_URL, HEALTH_PORT: '0' } });
      assert.equal((await recipe.ended).code, 1);
      return recipe.stderr;
    };
    const failure = 'Cannot reach the Redis of REDIS_URL';
    assert.equal(await failureOf(`redis://127.0.0.1:${await freePort()}`), `${failure}: ECONNREFUSED\n`);
    assert.equal(await failureOf(url), `${failure}: it does not answer\n`);
    assert.equal(await failureOf('redis://me:secret@:x'), `${failure}: ERR_INVALID_URL\n`);
  });

  it('says in one line that a port is taken, and exits with 1', async () => {
    const { server } = await startSilent();
    const { port } = server.address() as AddressInfo;
    const REDIS_URL = `redis://127.0.0.1:${redis.port}`;
    for (const ports of [{ PORT: `${port}`, HEALTH_PORT: '0' }, { HEALTH_PORT: `${port}` }]) {
      const recipe = startRecipe('scale-out', { mayEnd: true, env: { REDIS_URL, ...ports } });
      assert.equal((await recipe.ended).code, 1);
      assert.equal(recipe.stderr, `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`);
    }
  });

  it('has its figures in the format of Prometheus, also before Redis has answered', async () => {
    const { url } = await startSilent();
    for (const env of [{ REDIS_URL: url, WAIT_FOR_REDIS: '1' }, {}]) {
      const { body, headers } = await fetchText(`${await start(env).health}/metrics`);
      assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
      assert.match(body, /^# HELP sockjs_cluster_up \w.*\n# TYPE sockjs_cluster_up gauge$/m);
      assert.match(body, /^# TYPE sockjs_cluster_relayed_total counter$/m);
      assert.match(body, /^sockjs_cluster_links\{direction="accepted"\} 0$/m);
      assert.match(body, /^sockjs_cluster_links_failed_total 0$/m);
    }
  });

  it('shares its sessions, counts what it relays, and goes on when the other process is killed', async () => {
    const [one, two] = [start(), start()];
    await Promise.all([one.untilLinked(1), two.untilLinked(1)]);
    const [first, second] = [await one.listening, await two.listening];
    assert.equal(await poll(first), 'o\n');
    assert.equal((await post(`${second}/echo/0/a/xhr_send`, '["hello"]')).status, 204);
    assert.equal(await poll(second), `a["hello"]\n`);
    await one.measures('sockjs_cluster_relayed_total{direction="in"} 2');
    await two.measures('sockjs_cluster_relayed_total{direction="out"} 2');

    await two.kill();
    await one.measures('sockjs_cluster_up 0', 'sockjs_cluster_links{direction="dialled"} 0');
    await one.measures('sockjs_cluster_links_ended_total 2');
    assert.deepEqual([await one.statusOf('live'), await one.statusOf('ready')], [200, 200]);
    assert.equal((await post(`${first}/echo/0/a/xhr_send`, '["still here"]')).status, 204);
    assert.equal(await poll(first), `a["still here"]\n`);
  });

  it('listens for links at the port that it is given', async () => {
    const port = String(await freePort());
    const recipe = start({ LINK_PORT: port });
    await recipe.untilReady();
    // It takes WebSockets only.
    assert.equal((await fetchText(`http://127.0.0.1:${port}/`)).status, 426);
  });

  it('keeps idle connections for longer than proxies do, and takes the word of those that it is told to trust', async () => {
    const info = async (at: string, headers: Record<string, string>) =>
      (await fetchText(`${at}/echo/info`, 'GET', { headers })).status;
    const through = (Origin: string) => ({ Origin, 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '10.0.0.1' });
    for (const TRUST_PROXY of ['loopback, uniquelocal', '1']) {
      const origin = await start({ TRUST_PROXY }).listening;
      const kept = await fetchText(`${origin}/echo/info`, 'GET', { headers: { Connection: 'keep-alive' } });
      assert.equal(kept.headers['keep-alive'], 'timeout=65');
      const Origin = origin.replace('http:', 'https:');
      assert.deepEqual([await info(origin, through(Origin)), await info(origin, { Origin })], [200, 403]);
    }
    const untrusting = await start({ TRUST_PROXY: 'uniquelocal' }).listening;
    assert.equal(await info(untrusting, through(untrusting.replace('http:', 'https:'))), 403);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`is not ready while its sessions end after ${signal}, and then ends by itself`, async () => {
      const recipe = start();
      await recipe.measures('sockjs_cluster_up 1');
      const origin = await recipe.listening;
      const client = new Client(`${origin}/echo`, 'websocket');
      // Between two polls when the end comes.
      assert.equal(await poll(origin), 'o\n');
      await client.opened;
      const ended = recipe.stop(signal);
      assert.equal((await client.closed).code, 1001);
      assert.deepEqual([await recipe.statusOf('live'), await recipe.statusOf('ready')], [200, 503]);
      assert.equal(await poll(origin), 'c[1001,"Server shutting down"]\n');
      assert.equal((await ended).code, 0);
      assert.equal(recipe.stderr, '');
    });
  }

  it('leaves new requests to the other process while its sessions end', async () => {
    const [leaving, staying] = [start(), start()];
    await Promise.all([leaving.untilLinked(1), staying.untilLinked(1)]);
    const [origin, other] = [await leaving.listening, await staying.listening];
    // Between two polls when the end comes.
    assert.equal(await poll(origin), 'o\n');
    const client = new Client(`${origin}/echo`, 'websocket');
    await client.opened;
    const ended = leaving.stop('SIGTERM');
    assert.equal((await client.closed).code, 1001);
    await assert.rejects(poll(origin), { code: 'ECONNREFUSED' });
    assert.equal(await poll(other), 'c[1001,"Server shutting down"]\n');
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  it('takes requests for DRAIN_MS more, and is not ready meanwhile; a second signal ends it at once', async () => {
    const recipe = start({ DRAIN_MS: '3600000' });
    await recipe.untilReady();
    const client = new Client(`${await recipe.listening}/echo`, 'websocket');
    await client.opened;
    const ended = recipe.stop('SIGTERM');
    while ((await recipe.statusOf('ready')) !== 503) {
      // The signal has not reached it yet.
    }
    assert.equal(await poll(await recipe.listening), 'o\n');
    client.send('still here');
    assert.equal(await client.next(), 'still here');
    void recipe.stop('SIGTERM');
    assert.deepEqual(await ended, { code: 0, signal: null });
  });

  it('tells PM2 that it is ready, and leaves it in the end', async () => {
    const env = { ...process.env, PORT: '0', HEALTH_PORT: '0', REDIS_URL: `redis://127.0.0.1:${redis.port}` };
    const args = ['--input-type=module', '-e', PM2];
    const pm2 = new Child('the primary of the recipe scale-out', spawnChild(process.execPath, args, { env }), true);
    afterTest(() => pm2.kill());
    await pm2.line(/^The worker says: ready$/);
    void pm2.stop('SIGTERM');
    await pm2.line(/^The worker has ended: 0 null$/);
  });
});
