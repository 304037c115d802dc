/** Proxies that are not sticky, in front of processes that share their sessions: those of the recipe `scale-out`. */
import assert from 'node:assert/strict';
import { Client, TRANSPORTS } from '../e2e/support/client.ts';
import { afterTest } from '../support/cleanup.ts';
import { NumberedClient, SERVED_BY } from '../support/cluster/numbered-client.ts';
import { EDGE_CASE_TEXTS } from '../support/edge-case-texts.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { ScaleOut, useScaleOut } from '../support/scale-out.ts';
import { HTTP_RECEIVERS, xhrStreaming } from '../support/transport-cases.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { checksAt, DEPLOYMENTS } from './support/fleet.ts';
import { describeProxy, type ProxyName, type Replacements, readDeployFile, startProxy } from './support/proxy.ts';

/** Sessions in a row at the same process: by turns, not one would be. */
const IN_A_ROW = 6;

/** The lines of the files for round robin that those which are sticky by URL do not have, and the other way round. */
const DIFFERENCES: Readonly<Record<ProxyName, { added: RegExp; removed: RegExp }>> = {
  nginx: {
    added: /^(server .* fail_timeout=5s|proxy_connect_timeout 2s|proxy_next_upstream error timeout);$/,
    removed: /^(map \$uri \$sockjs_key \{|"~.*;|default \$request_id;|hash .*;|server .*;|proxy_next_upstream error;)$/,
  },
  HAProxy: {
    added:
      /^(timeout connect 2s|balance roundrobin|option httpchk GET \/ready|http-check .*|default-server .*|server .*)$/,
    removed: /^(timeout connect 5s|acl of_session .*|http-request set-var.*|balance .*|hash-type .*|server .*)$/,
  },
};

/** The lines of a configuration that are no comments. */
async function directivesOf(file: string): Promise<string[]> {
  const lines = (await readDeployFile(file)).split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

/** The ports of two processes. */
async function portsOf([one, two]: readonly ScaleOut[]): Promise<readonly [number, number]> {
  return [(await one?.port()) ?? 0, (await two?.port()) ?? 0];
}

/** Starts a proxy in front of two processes. */
async function start(name: ProxyName, file: string, processes: readonly ScaleOut[], more: Replacements = {}) {
  const [one, two] = processes;
  const checks = [(await one?.healthPort()) ?? 0, (await two?.healthPort()) ?? 0] as const;
  return startProxy(name, file, await portsOf(processes), { ...checksAt(file, checks), ...more });
}

for (const { name, byUrl, roundRobin } of DEPLOYMENTS) {
  describe(`${name}: ${roundRobin}`, () => {
    it(`has each setting of ${byUrl} but for those that make it sticky`, async () => {
      const [mine, sticky] = [await directivesOf(roundRobin), await directivesOf(byUrl)];
      const { added, removed } = DIFFERENCES[name];
      const others = (lines: string[], than: string[], known: RegExp) =>
        lines.filter((line) => !than.includes(line) && !known.test(line));
      assert.deepEqual(others(mine, sticky, added), []);
      assert.deepEqual(others(sticky, mine, removed), []);
    });
  });

  describeWithRedis('Two processes', () => {
    const redis = useRedis();

    describeProxy(name, `behind ${roundRobin}`, () => {
      const processes = useScaleOut(redis, 2);
      const relayed = async () => Promise.all(processes.map((one) => one.relayedOut()));

      for (const transport of TRANSPORTS) {
        it(`carry what sockjs-client sends over ${transport} unchanged, in requests to both`, async () => {
          const { origin } = await start(name, roundRobin, processes);
          const before = await relayed();
          const client = new Client(`${origin}/echo`, transport);
          await client.opened;
          for (const text of EDGE_CASE_TEXTS) {
            client.send(text);
            assert.equal(await client.next(), text);
          }
          // The process that does not own the session has relayed some; a WebSocket has one process.
          const after = await relayed();
          assert.equal(after.filter((count, i) => count > (before[i] ?? 0)).length, transport === 'websocket' ? 0 : 1);
        });
      }

      it(`relay nothing behind ${byUrl}, which saves the second hop`, async () => {
        const { port, origin } = await start(name, byUrl, processes);
        const before = await relayed();
        const clients = HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => ({ port })));
        await Promise.all(
          clients.map(async (client) => {
            await client.open();
            for (const text of ['1', '2', '3', '4']) {
              await client.echoes(text);
            }
          }),
        );
        const socket = new WebSocketClient(origin, '/echo/000/a/websocket');
        assert.equal(await socket.next(), 'o');
        assert.deepEqual(await relayed(), before);
      });
    });
  });
}

describeWithRedis('Two processes', () => {
  const redis = useRedis();
  // Processes that were killed have left leases.
  beforeEach(() => redis.admin.flushall());

  /** Starts two processes for one test. */
  async function startBoth(env: Readonly<Record<string, string>> = {}): Promise<[ScaleOut, ScaleOut]> {
    const startOne = () => {
      const process = new ScaleOut({ REDIS_URL: `redis://127.0.0.1:${redis.port}`, ...env });
      afterTest(() => process.kill());
      return process;
    };
    const both: [ScaleOut, ScaleOut] = [startOne(), startOne()];
    await Promise.all(both.map((one) => one.listening));
    await Promise.all(both.map((one) => one.untilLinked(1)));
    return both;
  }

  describeProxy('nginx', 'of which one is killed', () => {
    it('have all sessions of the other go on, and new ones open there', async () => {
      const both = await startBoth();
      const [one, two] = both;
      const { port } = await start('nginx', 'nginx-round-robin.conf', both);
      const target = { port: await two.port() };
      const kept = await Promise.all(
        HTTP_RECEIVERS.map((transport) => new NumberedClient(transport, () => target).open()),
      );
      await one.kill();
      for (const client of kept) {
        client.route = () => ({ port });
        // The poll that waits was made before.
        await client.echoes('1');
        await client.echoes('2');
      }
      for (const transport of [...HTTP_RECEIVERS, ...HTTP_RECEIVERS]) {
        const client = await new NumberedClient(transport, () => ({ port })).open();
        await client.echoes('new');
      }
    });
  });

  describeProxy('HAProxy', 'of which one drains', () => {
    it('have new sessions open at the other, while those that it has go on', async () => {
      const both = await startBoth({ DRAIN_MS: '3600000' });
      const [one] = both;
      const proxy = await start('HAProxy', 'haproxy-round-robin.cfg', both, {
        'inter 2s': 'inter 100ms',
        'balance roundrobin': `balance roundrobin\n  http-response set-header ${SERVED_BY} %s`,
      });
      const open = () => new NumberedClient(xhrStreaming, () => proxy).open();
      // One at each process.
      const sockets = ['a', 'b'].map((id) => new WebSocketClient(proxy.origin, `/echo/000/${id}/websocket`));
      for (const socket of sockets) {
        assert.equal(await socket.next(), 'o');
      }
      const kept = [await open(), await open()];
      assert.deepEqual(kept.map(({ servedBy }) => servedBy).sort(), ['one', 'two']);
      void one.stop('SIGTERM');
      for (let inARow = 0; inARow < IN_A_ROW; ) {
        const client = await open();
        inARow = client.servedBy === 'two' ? inARow + 1 : 0;
        client.abort();
      }
      for (const client of kept) {
        await client.echoes('still here');
      }
      for (const socket of sockets) {
        socket.send('["still here"]');
        assert.equal(await socket.next(), 'a["still here"]');
      }
    });
  });
});
