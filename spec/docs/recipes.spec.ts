/** The recipes in `demo/recipes/`: each is in the table of the README, and does what it says. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Client, TRANSPORTS } from '../e2e/support/client.ts';
import { DEPLOYMENTS } from '../proxy/support/fleet.ts';
import { describeProxy, startProxy } from '../proxy/support/proxy.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText, post, Stream } from '../support/http.ts';
import { Recipe, type RecipeSettings } from '../support/recipes.ts';
import { describeWithRedis, useRedis } from '../support/redis/redis-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { linksOf, readDocument, tableRows } from './support/markdown.ts';

const RECIPES = new URL('../../demo/recipes/', import.meta.url);

/** One program for all tests of a suite. */
function useRecipe(name: string, env: Readonly<Record<string, string>> = {}) {
  let recipe: Recipe | undefined;
  let origin = '';
  before(`starts ${name}`, async () => {
    recipe = new Recipe(name, { env });
    origin = await recipe.origin();
  });
  after(`ends ${name}`, () => recipe?.kill());
  return {
    get origin() {
      return origin;
    },
    line: async (pattern: RegExp) => (await recipe?.line(pattern)) ?? [],
  };
}

/** A program for one test. */
function startRecipe(name: string, settings?: RecipeSettings): Recipe {
  const recipe = new Recipe(name, settings);
  afterTest(() => recipe.kill());
  return recipe;
}

/** The frame that carries these messages. */
const frame = (...messages: string[]) => `a${JSON.stringify(messages)}`;

describe('the recipes', () => {
  it('are in the table of the README, each once and with what it shows', async () => {
    const rows = tableRows(readDocument('README.md')).flatMap(([program = '', what = '']) =>
      linksOf(program).map((link) => ({ link, what })),
    );
    const recipes = rows.filter(({ link }) => link.startsWith('demo/recipes/'));
    const files = (await readdir(RECIPES)).map((file) => `demo/recipes/${file}`);
    assert.deepEqual(recipes.map(({ link }) => link).sort(), files.sort());
    for (const { link, what } of recipes) {
      assert.match(what, /\w/, `the README does not say what ${link} shows`);
    }
  });

  describe('session-auth', () => {
    const recipe = useRecipe('session-auth');
    const json = { 'Content-Type': 'application/json' };
    const logIn = async (headers: Record<string, string> = {}) => {
      const body = JSON.stringify({ name: 'ann', password: 'correct horse' });
      const answer = await post(`${recipe.origin}/login`, body, { ...json, ...headers });
      assert.equal(answer.status, 204);
      const [cookie = ''] = answer.headers['set-cookie'] ?? [];
      assert.match(cookie, /^connect\.sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
      return { Cookie: cookie.split(';', 1)[0] ?? '' };
    };
    const connect = (id: string, headers: Record<string, string>) =>
      new WebSocketClient(recipe.origin, `/chat/0/${id}/websocket`, { headers });

    it('refuses a client that has not logged in', async () => {
      await assert.rejects(connect('a', {}).opened, /403/);
      assert.equal((await post(`${recipe.origin}/chat/0/a/xhr`)).status, 403);
    });

    for (const body of ['{"name":"ann"}', '{"name":"ann","password":"x"}', '{"name":"nobody"}', '[]', '']) {
      it(`refuses a login with ${body || 'nothing'}`, async () => {
        const { status, headers } = await post(`${recipe.origin}/login`, body, json);
        assert.deepEqual([status, headers['set-cookie']], [401, undefined]);
      });
    }

    it('knows who has logged in, on WebSockets and on polls', async () => {
      const login = await logIn();
      const socket = connect('b', login);
      assert.equal(await socket.next(), 'o');
      const poll = async () => (await post(`${recipe.origin}/chat/0/c/xhr`, '', login)).body;
      assert.equal(await poll(), 'o\n');
      socket.send('["hello"]');
      assert.equal(await socket.next(), frame('ann: hello'));
      assert.equal(await poll(), `${frame('ann: hello')}\n`);
    });

    it('keeps a session to its login', async () => {
      const url = `${recipe.origin}/chat/0/d/xhr`;
      assert.equal((await post(url, '', await logIn())).body, 'o\n');
      assert.equal((await post(url, '', await logIn())).status, 404);
    });

    it('gives a login another id than the client came with', async () => {
      const first = await logIn();
      assert.notEqual((await logIn(first)).Cookie, first.Cookie);
    });

    it('knows of the TLS of a proxy', async () => {
      const proxied = { 'X-Forwarded-Proto': 'https' };
      const body = JSON.stringify({ name: 'ann', password: 'correct horse' });
      const { headers } = await post(`${recipe.origin}/login`, body, { ...json, ...proxied });
      const [cookie = ''] = headers['set-cookie'] ?? [];
      assert.match(cookie, /; Secure;/);
      const Origin = recipe.origin.replace('http:', 'https:');
      const client = connect('i', { ...proxied, Cookie: cookie.split(';', 1)[0] ?? '', Origin });
      assert.equal(await client.next(), 'o');
    });

    it('refuses pages of other origins, login or not', async () => {
      await assert.rejects(connect('e', { ...(await logIn()), Origin: 'http://example.com' }).opened, /403/);
    });

    it('ends the sessions of a login that ends, and no others', async () => {
      const [leaving, staying] = [await logIn(), await logIn()];
      const gone = connect('f', leaving);
      const here = connect('g', staying);
      assert.deepEqual([await gone.next(), await here.next()], ['o', 'o']);
      assert.equal((await post(`${recipe.origin}/logout`, '', leaving)).status, 204);
      assert.equal(await gone.next(), 'c[4401,"Logged out"]');
      await assert.rejects(connect('h', leaving).opened, /403/);
      here.send('["still here"]');
      assert.equal(await here.next(), frame('ann: still here'));
    });
  });

  for (const [name, mount] of [
    ['rooms', '/chat'],
    ['token-auth', '/first-message'],
    ['backpressure', '/rows'],
    ['shutdown', '/echo'],
    ['compression', '/echo'],
    ['metrics', '/echo'],
    ['cluster-adapter', '/echo'],
  ] as const) {
    describe(`${name} behind TLS`, () => {
      const recipe = useRecipe(name, name === 'metrics' ? { METRICS_PORT: '0' } : {});

      it('takes its own pages for its own', async () => {
        const Origin = recipe.origin.replace('http:', 'https:');
        const headers = { Origin, 'X-Forwarded-Proto': 'https' };
        assert.equal((await fetchText(`${recipe.origin}${mount}/info`, 'GET', { headers })).status, 200);
        assert.equal((await fetchText(`${recipe.origin}${mount}/info`, 'GET', { headers: { Origin } })).status, 403);
      });
    });
  }

  describe('token-auth', () => {
    const SECRET = 'of this spec';
    const recipe = useRecipe('token-auth', { SECRET });
    const token = ({ name = 'bob', expires = Date.now() + 86_400_000, secret = SECRET } = {}) => {
      const text = `${name}.${expires}`;
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const valid = token();
    const INVALID: Readonly<Record<string, string>> = {
      'no token': '',
      'one that has expired': token({ expires: Date.now() - 1 }),
      'one that others have signed': token({ secret: 'of others' }),
      'one for another user': valid.replace('bob', 'eve'),
    };

    it('gives an example', async () => {
      const [given] = await recipe.line(/^A token .*: (\S+)$/);
      const client = new Client(`${recipe.origin}/ticket?token=${given}`, 'websocket');
      assert.equal(await client.next(), 'Hello ann');
    });

    for (const transport of TRANSPORTS) {
      it(`takes the token from the address, and as first message, on ${transport}`, async () => {
        const ticket = new Client(`${recipe.origin}/ticket?token=${valid}`, transport);
        const message = new Client(`${recipe.origin}/first-message`, transport);
        await message.opened;
        message.send(valid);
        for (const client of [ticket, message]) {
          assert.equal(await client.next(), 'Hello bob');
          client.send('hello');
          assert.equal(await client.next(), 'hello');
        }
      });
    }

    it('takes the token from a cookie', async () => {
      const headers = { Cookie: `theme=dark; token=${valid}` };
      const client = new WebSocketClient(recipe.origin, '/ticket/0/a/websocket', { headers });
      assert.deepEqual([await client.next(), await client.next()], ['o', frame('Hello bob')]);
    });

    for (const [what, given] of Object.entries(INVALID)) {
      it(`refuses ${what}`, async () => {
        const query = given && `?token=${given}`;
        assert.equal((await post(`${recipe.origin}/ticket/0/b/xhr${query}`)).status, 403);
        const client = new Client(`${recipe.origin}/first-message`, 'websocket');
        await client.opened;
        client.send(given);
        const { code, reason } = await client.closed;
        assert.deepEqual([code, reason], [4401, 'Invalid token']);
      });
    }

    it('keeps a session to its token', async () => {
      const url = `${recipe.origin}/ticket/0/c/xhr`;
      assert.equal((await post(`${url}?token=${valid}`)).body, 'o\n');
      assert.equal((await post(`${url}?token=${token({ name: 'eve' })}`)).status, 404);
    });

    it('does not wait for ever for the first message', async () => {
      const client = new Client(`${recipe.origin}/first-message`, 'websocket');
      assert.equal((await client.closed).code, 4401);
    });
  });

  describe('rooms', () => {
    const recipe = useRecipe('rooms');

    it('brings what is said to the room, and the count to all', async () => {
      const open = async (transport: (typeof TRANSPORTS)[number]) => {
        const client = new Client(`${recipe.origin}/chat`, transport);
        await client.opened;
        return client;
      };
      const ann = await open('websocket');
      assert.equal(await ann.next(), '1 here');
      const bob = await open('xhr-streaming');
      const cid = await open('xhr-polling');
      assert.deepEqual(await ann.take(2), ['2 here', '3 here']);
      assert.deepEqual(await bob.take(2), ['2 here', '3 here']);
      assert.equal(await cid.next(), '3 here');

      ann.send('/join cooking');
      assert.equal(await ann.next(), 'You are in cooking');
      assert.equal(await bob.next(), 'Guest 1 goes to cooking');
      assert.equal(await cid.next(), 'Guest 1 goes to cooking');

      bob.send('Lobby?');
      assert.equal(await cid.next(), 'Guest 2: Lobby?');
      cid.send('/join attic');
      assert.equal(await cid.next(), 'There are lobby, cooking, cycling');
      cid.send('/join cooking');
      assert.equal(await cid.next(), 'You are in cooking');
      cid.send('Soup?');
      // Not what was said in the lobby, which was earlier.
      assert.equal(await ann.next(), 'Guest 3: Soup?');

      cid.socket.close();
      assert.equal(await ann.next(), '2 here');
      // Nor did the one who spoke hear himself.
      assert.deepEqual(await bob.take(2), ['Guest 3 goes to cooking', '2 here']);
    });
  });

  describe('backpressure', () => {
    const recipe = useRecipe('backpressure');

    /** The messages in a frame. */
    const messagesIn = (text: string): string[] => (text.startsWith('a') ? JSON.parse(text.slice(1)) : []);
    const numberIn = (row: string): number => JSON.parse(row).number;

    it('sends more than may be queued, every row in order', async () => {
      const client = new WebSocketClient(recipe.origin, '/rows/0/a/websocket');
      assert.equal(await client.next(), 'o');
      client.send('["20000"]');
      for (let number = 0; number <= 20_000; ) {
        for (const message of messagesIn(await client.next())) {
          number += 1;
          assert.equal(number > 20_000 ? message : numberIn(message), number > 20_000 ? 'That was all 20000' : number);
        }
      }
    });

    it('keeps waiting who asks for more than it has answered', async () => {
      const url = `${recipe.origin}/rows/0/b`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      assert.equal((await post(`${url}/xhr_send`, '["2000"]')).status, 204);
      // The rows wait for a poll. Meanwhile, requests for none, made long.
      const more = JSON.stringify(Array(3).fill('0'.padStart(1_000)));
      assert.equal((await post(`${url}/xhr_send`, more)).status, 204);
      let isAnswered = false;
      const answer = post(`${url}/xhr_send`, more).then(({ status }) => {
        isAnswered = true;
        return status;
      });
      for (let i = 0; i < 5; i += 1) {
        assert.equal((await fetchText(`${recipe.origin}/rows/info`)).status, 200);
      }
      assert.equal(isAnswered, false);
      const messages: string[] = [];
      while (messages.length < 2_007) {
        messages.push(...messagesIn((await post(`${url}/xhr`)).body));
      }
      assert.equal(await answer, 204);
      assert.equal(numberIn(messages[1_999] ?? ''), 2_000);
      assert.deepEqual(messages.slice(2_000), ['That was all 2000', ...Array(6).fill('That was all 0')]);
    });

    for (const count of ['many', '-1', '100001', 'Infinity']) {
      it(`ends a session that asks for ${count} rows`, async () => {
        const client = new Client(`${recipe.origin}/rows`, 'websocket');
        await client.opened;
        client.send(count);
        assert.equal((await client.closed).code, 4400);
      });
    }
  });

  describe('shutdown', () => {
    it('sends all clients the last message, then ends by itself', async () => {
      const recipe = startRecipe('shutdown');
      const origin = await recipe.origin();
      assert.equal((await fetchText(`${origin}/ready`)).status, 200);
      const clients = TRANSPORTS.map((transport) => new Client(`${origin}/echo`, transport));
      await Promise.all(clients.map(({ opened }) => opened));
      // Between two polls when the end comes.
      const poll = async () => (await post(`${origin}/echo/0/a/xhr`)).body;
      assert.equal(await poll(), 'o\n');

      const ended = recipe.stop('SIGTERM');
      await recipe.line(/^Closing 5 sessions$/);
      assert.equal((await fetchText(`${origin}/ready`)).status, 503);
      assert.equal((await post(`${origin}/echo/0/b/xhr`)).status, 503);
      for (const { socket, closed } of clients) {
        const { code, reason } = await closed;
        assert.deepEqual([code, reason], [1001, 'Server shutting down'], String(socket.transport));
      }
      for (const client of clients) {
        assert.equal(await client.next(), 'The server restarts');
      }
      assert.equal(await poll(), `${frame('The server restarts')}\n`);
      assert.equal(await poll(), 'c[1001,"Server shutting down"]\n');
      await recipe.line(/^5 sessions got everything, 0 did not$/);
      assert.equal((await ended).code, 0);
    });
  });

  describe('workers', () => {
    /** A client, and the process that it is on. */
    const open = async (origin: string, transport: (typeof TRANSPORTS)[number]) => {
      const client = new Client(`${origin}/chat`, transport);
      const pid = Number(/^You are on process (\d+)$/.exec(await client.next())?.[1]);
      return { client, pid };
    };

    /** What one says is heard by all. */
    const converse = async (clients: readonly Client[]) => {
      for (const [index, speaker] of clients.entries()) {
        speaker.send(`from ${index}`);
        for (const client of clients) {
          assert.equal(await client.next(), `from ${index}`);
        }
      }
    };

    it('tells each other what is said, replaces a worker that dies, and ends when told to', async () => {
      const recipe = startRecipe('workers');
      const origins = [await recipe.origin(), await recipe.origin()] as const;
      const one = await open(origins[0], 'websocket');
      const two = await open(origins[1], 'xhr-polling');
      assert.notEqual(one.pid, two.pid);
      await converse([one.client, two.client]);

      process.kill(one.pid, 'SIGKILL');
      await one.client.closed;
      const three = await open(await recipe.origin(), 'xhr-streaming');
      await converse([two.client, three.client]);

      const ended = recipe.stop('SIGTERM');
      for (const { client } of [two, three]) {
        assert.equal((await client.closed).code, 1001);
      }
      assert.equal((await ended).code, 0);
    });

    for (const { name, byUrl } of DEPLOYMENTS) {
      describeProxy(name, `with ${byUrl}`, () => {
        it('is one chat on two processes', async () => {
          const recipe = startRecipe('workers');
          const ports = [await recipe.origin(), await recipe.origin()].map((origin) => Number(new URL(origin).port));
          const proxy = await startProxy(name, byUrl, [ports[0] ?? 0, ports[1] ?? 0]);
          const clients: Client[] = [];
          const pids = new Set<number>();
          // By chance all on one: not before 1 in 2^40.
          while (pids.size < 2 && clients.length < 40) {
            const { client, pid } = await open(proxy.origin, clients.length % 2 === 0 ? 'xhr-polling' : 'websocket');
            clients.push(client);
            pids.add(pid);
          }
          assert.equal(pids.size, 2, `processes ${[...pids].join(', ')}`);
          await converse(clients);
        });
      });
    }
  });

  describe('cluster-adapter', () => {
    it('has the registry that the guide shows', async () => {
      const program = await readFile(new URL('cluster-adapter.ts', RECIPES), 'utf8');
      const [, registry = ''] = /^(\/\*\* Values by key.*?)\n\/\*\* One endpoint /ms.exec(program) ?? [];
      assert.notEqual(registry, '');
      assert.ok(readDocument('docs/guide/write-a-cluster-adapter.md').includes(`\n\n${registry}\`\`\`\n`));
    });

    it('gives each request to another of three nodes, which share their sessions', async () => {
      const recipe = startRecipe('cluster-adapter');
      const origin = await recipe.origin();
      const url = `${origin}/echo/0/a`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      for (const message of ['1', '2', '3', '4', '5', '6']) {
        assert.equal((await post(`${url}/xhr_send`, JSON.stringify([message]))).status, 204);
        assert.equal((await post(`${url}/xhr`)).body, `${frame(message)}\n`);
      }
    });

    it('serves the client of browsers on all transports, and ends when told to', async () => {
      const recipe = startRecipe('cluster-adapter');
      const origin = await recipe.origin();
      const clients = TRANSPORTS.map((transport) => new Client(`${origin}/echo`, transport));
      for (const client of clients) {
        await client.opened;
        client.send('hello');
        assert.equal(await client.next(), 'hello');
      }
      const ended = recipe.stop('SIGTERM');
      for (const { closed } of clients) {
        assert.equal((await closed).code, 1001);
      }
      assert.equal((await ended).code, 0);
    });
  });

  describe('compression', () => {
    const recipe = useRecipe('compression');

    it('compresses long messages on WebSockets', async () => {
      const client = new WebSocketClient(recipe.origin, '/echo/0/a/websocket');
      const [{ headers, socket }] = (await once(client.socket, 'upgrade')) as [IncomingMessage];
      assert.equal(await client.next(), 'o');
      assert.equal(
        headers['sec-websocket-extensions'],
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      );
      const long = 'x'.repeat(10_000);
      const bytesBefore = socket.bytesRead;
      client.send(JSON.stringify([long]));
      assert.equal((await client.next()) === frame(long), true);
      const bytes = socket.bytesRead - bytesBefore;
      assert.ok(bytes < 200, `${bytes} bytes came in`);
    });

    it('refuses what is too long once unpacked', async () => {
      const client = new WebSocketClient(recipe.origin, '/echo/0/b/websocket');
      assert.equal(await client.next(), 'o');
      client.send(JSON.stringify(['x'.repeat(100_000)]));
      assert.equal((await client.closed).code, 1009);
    });

    it('compresses pages', async () => {
      const { headers, body } = await fetchText(recipe.origin, 'GET', { headers: { 'Accept-Encoding': 'gzip' } });
      assert.equal(headers['content-encoding'], 'gzip');
      assert.ok(body.length < 1_000, `${body.length} characters`);
    });

    it('leaves streams as they are, and holds no frame back', async () => {
      const headers = { 'Accept-Encoding': 'gzip, br' };
      const stream = new Stream(`${recipe.origin}/echo/0/c/xhr_streaming`, 'POST', { headers });
      assert.equal((await stream.response).headers['content-encoding'], undefined);
      await stream.until('o\n');
      assert.equal((await post(`${recipe.origin}/echo/0/c/xhr_send`, '["1"]')).status, 204);
      assert.equal(await stream.next(), `${frame('1')}\n`);
    });
  });

  describe('metrics', () => {
    const recipe = useRecipe('metrics', { METRICS_PORT: '0' });

    it('logs and counts what happens', async () => {
      const [url = ''] = await recipe.line(/^Metrics on (\S+)$/);
      const client = new WebSocketClient(recipe.origin, '/echo/0/a/websocket');
      assert.equal(await client.next(), 'o');
      client.send('["1","2"]');
      assert.equal(await client.next(), frame('1', '2'));
      const nextLog = async () => JSON.parse((await recipe.line(/^(\{.*\})$/)).join());
      assert.deepEqual(await nextLog(), { event: 'open', id: 'a', transport: 'websocket', address: '127.0.0.1' });
      const { body: during } = await fetchText(url);
      assert.match(during, /^sockjs_sessions\{transport="websocket"\} 1$/m);

      client.socket.close(4000, 'a\nb');
      assert.deepEqual(await nextLog(), { event: 'close', id: 'a', code: 4000, reason: 'a\nb' });
      await post(`${recipe.origin}/echo/0/b/xhr?token=secret`, '', { Origin: 'http://example.com' });
      assert.deepEqual(await nextLog(), { event: 'rejected', reason: 'origin', status: 403, path: '/0/b/xhr' });

      const { headers, body } = await fetchText(url);
      assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
      assert.deepEqual(body.split('\n'), [
        ...[
          'websocket',
          'websocket-raw',
          'xhr-polling',
          'xhr-streaming',
          'eventsource',
          'htmlfile',
          'jsonp-polling',
        ].map((transport) => `sockjs_sessions{transport="${transport}"} 0`),
        'sockjs_queued_bytes 0',
        'sockjs_messages_total{direction="in"} 2',
        'sockjs_messages_total{direction="out"} 2',
        'sockjs_rejected_total{reason="origin"} 1',
        'sockjs_sessions_closed_total{clean="true"} 1',
        'sockjs_sessions_opened_total{transport="websocket"} 1',
        '',
      ]);
    });

    it('does not show the numbers where the sessions are', async () => {
      assert.equal((await fetchText(`${recipe.origin}/metrics`)).status, 404);
    });
  });

  describeWithRedis('scale-out', () => {
    const redis = useRedis();
    // Programs that were killed have left leases and sessions.
    beforeEach(() => redis.admin.flushall());

    const start = async () => {
      const env = { HEALTH_PORT: '0', REDIS_URL: `redis://127.0.0.1:${redis.port}` };
      const recipe = startRecipe('scale-out', { env });
      const origin = await recipe.origin();
      const [health = ''] = await recipe.line(/^Health on (\S+)\/$/);
      const statusOf = async (check: string) => (await fetchText(`${health}/${check}`)).status;
      /** Asks again and again until the metrics have all these lines. */
      const measures = async (...lines: string[]) => {
        for (;;) {
          const measured = (await fetchText(`${health}/metrics`)).body.split('\n');
          if (lines.every((line) => measured.includes(line))) {
            return;
          }
        }
      };
      return { recipe, origin, health, statusOf, measures };
    };

    it('is alive but not ready until it has joined', async () => {
      await redis.configure('maxmemory', '100mb');
      await redis.configure('maxmemory-policy', 'allkeys-lru');
      const { origin, statusOf, measures } = await start();
      assert.deepEqual([await statusOf('live'), await statusOf('ready')], [200, 503]);
      assert.equal((await fetchText(`${origin}/ready`)).status, 404);
      await redis.configure('maxmemory-policy', 'noeviction');
      await measures('sockjs_cluster_up 1');
      assert.deepEqual([await statusOf('live'), await statusOf('ready')], [200, 200]);
    });

    it('shares its sessions, counts what it relays, and goes on when the other process is killed', async () => {
      const [one, two] = [await start(), await start()];
      for (const { measures } of [one, two]) {
        await measures('sockjs_cluster_up 1', 'sockjs_cluster_nodes 1', 'sockjs_cluster_links{direction="accepted"} 1');
      }
      const poll = async (origin: string) => (await post(`${origin}/echo/0/a/xhr`)).body;
      assert.equal(await poll(one.origin), 'o\n');
      assert.equal((await post(`${two.origin}/echo/0/a/xhr_send`, '["hello"]')).status, 204);
      assert.equal(await poll(two.origin), `${frame('hello')}\n`);
      await one.measures('sockjs_cluster_relayed_total{direction="in"} 2');
      await two.measures('sockjs_cluster_relayed_total{direction="out"} 2');

      await two.recipe.kill();
      await one.measures('sockjs_cluster_up 0', 'sockjs_cluster_links{direction="dialled"} 0');
      await one.measures('sockjs_cluster_links_ended_total 2');
      assert.deepEqual([await one.statusOf('live'), await one.statusOf('ready')], [200, 200]);
      assert.equal((await post(`${one.origin}/echo/0/a/xhr_send`, '["still here"]')).status, 204);
      assert.equal(await poll(one.origin), `${frame('still here')}\n`);
    });

    it('is not ready while its sessions end after SIGTERM, and then ends by itself', async () => {
      const { recipe, origin, statusOf, measures } = await start();
      await measures('sockjs_cluster_up 1');
      const client = new Client(`${origin}/echo`, 'websocket');
      // Between two polls when the end comes.
      const poll = async () => (await post(`${origin}/echo/0/a/xhr`)).body;
      assert.equal(await poll(), 'o\n');
      await client.opened;
      const ended = recipe.stop('SIGTERM');
      assert.equal((await client.closed).code, 1001);
      assert.deepEqual([await statusOf('live'), await statusOf('ready')], [200, 503]);
      assert.equal(await poll(), 'c[1001,"Server shutting down"]\n');
      assert.equal((await ended).code, 0);
      assert.equal(recipe.stderr, '');
    });
  });

  describe('testing', () => {
    it('passes its own tests, and leaves nothing open', async () => {
      const recipe = startRecipe('testing', { mayEnd: true });
      await recipe.line(/^\S+ pass 3$/);
      await recipe.line(/^\S+ fail 0$/);
      assert.equal((await recipe.ended).code, 0);
      assert.equal(recipe.stderr, '');
    });
  });
});
