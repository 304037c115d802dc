/** The recipes that bound what a client may cost: backpressure, and rate limits. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../../e2e/support/client.ts';
import { MAX_WAITING, probeSends } from '../../support/held-sends.ts';
import { post } from '../../support/http.ts';
import { freePort } from '../../support/programs.ts';
import { startRecipe, useRecipe } from '../../support/recipes.ts';
import { describeWithRedis, useRedis } from '../../support/redis/redis-server.ts';
import { listen } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

/** The messages in a frame. */
const messagesIn = (text: string): string[] => (text.startsWith('a') ? JSON.parse(text.slice(1)) : []);

describe('backpressure', () => {
  const recipe = useRecipe('backpressure');

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
    const answer = post(`${url}/xhr_send`, more);
    const { isHeld, statuses } = await probeSends(`${url}/xhr_send`, '["0"]');
    assert.equal(isHeld, true);
    const requests = 6 + MAX_WAITING;
    const messages: string[] = [];
    while (messages.length < 2_001 + requests) {
      messages.push(...messagesIn((await post(`${url}/xhr`)).body));
    }
    assert.equal((await answer).status, 204);
    assert.deepEqual((await Promise.all(statuses)).sort(), [...Array(MAX_WAITING).fill(204), 503]);
    assert.equal(numberIn(messages[1_999] ?? ''), 2_000);
    assert.deepEqual(messages.slice(2_000), ['That was all 2000', ...Array(requests).fill('That was all 0')]);
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

/** A server that takes connections, and says nothing. */
function silent(): Server {
  const server = createServer();
  server.removeAllListeners('connection');
  return server;
}

describe('rate-limits', () => {
  /** Longer than any test. */
  const SECONDS = '10000';

  let sessions = 0;
  /** A session of a client with an address of its own, or with that of another one. */
  const open = async (origin: string, address: string) => {
    sessions += 1;
    const headers = { 'X-Forwarded-For': address };
    const client = new WebSocketClient(origin, `/echo/0/${sessions}/websocket`, { headers });
    assert.equal(await client.next(), 'o');
    const send = (count: number) => client.send(JSON.stringify(Array(count).fill('hi')));
    const queue: string[] = [];
    const next = async () => {
      while (queue.length === 0) {
        queue.push(...messagesIn(await client.next()));
      }
      return queue.shift() ?? '';
    };
    /** Settles with how many messages came back until the client was told to wait, and for how many seconds. */
    const untilTold = async () => {
      for (let echoed = 0; ; echoed += 1) {
        const message = await next();
        const [, seconds] = /^Too fast: wait (\d+) s$/.exec(message) ?? [];
        if (seconds !== undefined) {
          return { echoed, seconds: Number(seconds) };
        }
        assert.equal(message, 'hi');
      }
    };
    return { closed: client.closed, send, next, untilTold };
  };

  describe('in memory', () => {
    const recipe = useRecipe('rate-limits', { SECONDS });

    it('answers no more messages of a client than it may send, says so once, and closes who goes on', async () => {
      const { closed, send, untilTold } = await open(recipe.origin, '192.0.2.1');
      send(60);
      assert.equal((await untilTold()).echoed, 20);
      send(1);
      const { code, reason } = await closed;
      assert.deepEqual([code, reason], [4429, 'Too many messages']);
    });

    it('counts all sessions of a client, on WebSockets and on polls, and each client for itself', async () => {
      const first = await open(recipe.origin, '192.0.2.2');
      first.send(15);
      const url = `${recipe.origin}/echo/0/poll`;
      const headers = { 'X-Forwarded-For': '192.0.2.2' };
      for (let echoed = 0; echoed < 15; echoed += 1) {
        assert.equal(await first.next(), 'hi');
      }
      assert.equal((await post(`${url}/xhr`, '', headers)).body, 'o\n');
      assert.equal((await post(`${url}/xhr_send`, JSON.stringify(Array(6).fill('hi')), headers)).status, 204);
      let polled = '';
      while (!polled.includes('Too fast')) {
        polled += (await post(`${url}/xhr`, '', headers)).body;
      }
      assert.equal(polled.match(/"hi"/g)?.length, 5);

      const other = await open(recipe.origin, '192.0.2.3');
      other.send(21);
      assert.equal((await other.untilTold()).echoed, 20);
    });
  });

  it('answers a client again that has waited as long as it was told', async () => {
    const recipe = startRecipe('rate-limits', { env: { SECONDS: '1' } });
    const { next, send, untilTold } = await open(await recipe.origin(), '192.0.2.1');
    send(50);
    const { seconds } = await untilTold();
    await delay(seconds * 1_000);
    send(1);
    assert.equal(await next(), 'hi');
  });

  describeWithRedis('in Redis', () => {
    const redis = useRedis();
    const start = async () => {
      const recipe = startRecipe('rate-limits', { env: { SECONDS, REDIS_URL: `redis://127.0.0.1:${redis.port}` } });
      return recipe.origin();
    };

    it('counts the messages at all processes', async () => {
      const [here, there] = [await open(await start(), '192.0.2.1'), await open(await start(), '192.0.2.1')];
      here.send(12);
      for (let echoed = 0; echoed < 12; echoed += 1) {
        assert.equal(await here.next(), 'hi');
      }
      there.send(12);
      assert.equal((await there.untilTold()).echoed, 8);
    });

    it('counts no more messages of a session that it has closed', async () => {
      const origin = await start();
      const [first, second] = [await open(origin, '192.0.2.3'), await open(origin, '192.0.2.3')];
      first.send(500);
      assert.equal((await first.closed).code, 4429);
      // By then the program would have counted some more of the first.
      second.send(1);
      assert.equal((await second.closed).code, 4429);
      assert.equal(await redis.admin.get('rlflx:192.0.2.3'), '62');
    });

    it('counts for itself while Redis is away', async () => {
      const { next, send, untilTold } = await open(await start(), '192.0.2.2');
      send(1);
      assert.equal(await next(), 'hi');
      await redis.restart(); // It has lost everything.
      await redis.crash();
      send(21);
      assert.equal((await untilTold()).echoed, 20);
      await redis.start();
    });
  });

  describe('with a Redis that it cannot reach', () => {
    const failureOf = async (url: string) => {
      const recipe = startRecipe('rate-limits', { mayEnd: true, env: { REDIS_URL: url } });
      assert.equal((await recipe.ended).code, 1);
      return recipe.stderr;
    };

    it('says so in one line and exits with 1 where nothing listens', async () => {
      const failure = await failureOf(`redis://127.0.0.1:${await freePort()}`);
      assert.equal(failure, 'Cannot reach the Redis of REDIS_URL: ECONNREFUSED\n');
    });

    it('says so in one line and exits with 1 where it does not answer', async () => {
      const { port } = await listen(silent());
      assert.equal(
        await failureOf(`redis://127.0.0.1:${port}`),
        'Cannot reach the Redis of REDIS_URL: it does not answer\n',
      );
    });

    it('says so in one line and exits with 1 where the server is none', async () => {
      const { port } = await listen((_req, res) => res.end());
      assert.match(await failureOf(`redis://127.0.0.1:${port}`), /^Cannot reach the Redis of REDIS_URL: [^\n]+\n$/);
    });

    it('says so in one line and exits with 1 where the address is none, without the password', async () => {
      const failure = await failureOf('redis://me:secret@:x');
      assert.match(failure, /^Cannot reach the Redis of REDIS_URL: [^\n]+\n$/);
      assert.doesNotMatch(failure, /secret/);
    });
  });
});
