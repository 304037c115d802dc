/** `/info`: what it says of the server, that its entropy is unpredictable, and that it is not cached. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { SockjsOptions } from '../../../lib/index.ts';
import { fetchText } from '../../support/http.ts';
import { serve } from '../../support/test-server.ts';

/** The answer of /info without its entropy. */
async function infoOf(options: SockjsOptions): Promise<object> {
  const { origin } = await serve(options);
  const { entropy, ...rest } = JSON.parse((await fetchText(`${origin}/echo/info`)).body);
  assert.equal(typeof entropy, 'number');
  return rest;
}

describe('/info', () => {
  it('answers with these headers and no others', async () => {
    const { origin } = await serve({}, undefined, { before: (app) => app.disable('x-powered-by') });
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await fetchText(`${origin}/echo/info?t=1`, method);
      const { date, connection, 'content-length': length, ...rest } = headers;
      assert.ok(date && connection);
      assert.equal(status, 200);
      assert.match(length ?? '', /^\d+$/);
      assert.equal(body.length, method === 'GET' ? Number(length) : 0);
      assert.deepEqual(rest, {
        'content-type': 'application/json; charset=UTF-8',
        'cache-control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
        'access-control-allow-origin': '*',
        vary: 'Origin',
      });
    }
  });

  const plain = { websocket: true, origins: ['*:*'], cookie_needed: false };
  for (const [title, options, expected] of [
    ['by default', {}, plain],
    ['with websocket off', { websocket: false }, { ...plain, websocket: false }],
    ['with only the raw WebSocket on', { websocket: false, rawWebsocket: true }, { ...plain, websocket: false }],
    ['with the cookie on', { jsessionid: true }, { ...plain, cookie_needed: true }],
    ['with a baseUrl', { baseUrl: '/elsewhere' }, { ...plain, base_url: '/elsewhere' }],
    ['with an origin', { origin: 'https://one.example' }, plain],
    ['with other transports off', { xhrPolling: false, jsonp: false }, plain],
  ] as const) {
    it(`tells this and nothing else ${title}`, async () => {
      assert.deepEqual(await infoOf(options), expected);
    });
  }

  it('asks a baseUrl function with each request, and leaves out what it does not name', async () => {
    // Plain JavaScript may return nothing.
    const baseUrl = ({ headers }: IncomingMessage) =>
      (headers['x-shard'] && `https://shard-${headers['x-shard']}.example`) as string;
    const { origin } = await serve({ baseUrl });
    const ask = async (headers: Record<string, string>) =>
      JSON.parse((await fetchText(`${origin}/echo/info`, 'GET', { headers })).body);
    assert.equal((await ask({ 'X-Shard': '1' })).base_url, 'https://shard-1.example');
    assert.equal((await ask({ 'X-Shard': '2' })).base_url, 'https://shard-2.example');
    assert.ok(!('base_url' in (await ask({}))));
  });

  it('gives fresh entropy from all of 0 to 2^32-1', async () => {
    const { origin } = await serve();
    const values: number[] = [];
    for (let i = 0; i < 100; i += 1) {
      values.push(JSON.parse((await fetchText(`${origin}/echo/info`)).body).entropy);
    }
    assert.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32));
    // Two of a hundred are the same once in a million runs, three never.
    assert.ok(new Set(values).size >= 99);
    assert.ok(values.some((value) => value >= 2 ** 31) && values.some((value) => value < 2 ** 31));
  });
});
