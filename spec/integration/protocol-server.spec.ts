/** The protocol server: each service that conformance suites expect, and the program as npm runs it. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { createProtocolServer } from '../../demo/protocol-server.ts';
import { stopClock } from '../support/clock.ts';
import { fetchText, post, Stream } from '../support/http.ts';
import { startProgram } from '../support/npm-script.ts';
import { listen } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

async function connect(origin: string, service: string): Promise<WebSocketClient> {
  const client = new WebSocketClient(origin, `/${service}/000/any/websocket`);
  assert.equal(await client.next(), 'o');
  return client;
}

describe('protocol server', () => {
  const services = [
    // websocket, cookie_needed, raw WebSocket
    ['echo', true, false, true],
    ['disabled_websocket_echo', false, false, false],
    ['cookie_needed_echo', true, true, false],
    ['close', true, false, true],
    ['ticker', true, false, false],
    ['broadcast', true, false, false],
    ['amplify', true, false, false],
  ] as const;
  for (const [service, websocket, cookieNeeded, raw] of services) {
    it(`/${service} has WebSockets ${websocket ? 'on' : 'off'}, raw ones ${raw ? 'on' : 'off'}, cookies ${cookieNeeded ? 'on' : 'off'}`, async () => {
      const { origin } = await listen(createProtocolServer());
      const { body } = await fetchText(`${origin}/${service}/info`);
      const { entropy, ...info } = JSON.parse(body);
      assert.equal(typeof entropy, 'number');
      assert.deepEqual(info, { websocket, origins: ['*:*'], cookie_needed: cookieNeeded });
      // 400: there, but this was no upgrade.
      assert.equal((await fetchText(`${origin}/${service}/websocket`)).status, raw ? 400 : 404);
      assert.equal((await fetchText(`${origin}/${service}/0/0/websocket`)).status, websocket ? 400 : 404);
      const { headers } = await post(`${origin}/${service}/0/0/xhr`);
      assert.deepEqual(headers['set-cookie'], cookieNeeded ? ['JSESSIONID=dummy; path=/'] : undefined);
    });
  }

  for (const service of ['echo', 'disabled_websocket_echo', 'cookie_needed_echo']) {
    it(`/${service} gives messages back`, async () => {
      const { origin } = await listen(createProtocolServer());
      const url = `${origin}/${service}/000/poll`;
      assert.equal((await post(`${url}/xhr`)).body, 'o\n');
      assert.equal((await post(`${url}/xhr_send`, '["x","y"]')).status, 204);
      assert.equal((await post(`${url}/xhr`)).body, 'a["x","y"]\n');
    });
  }

  it('/echo ends a streaming response after 4096 bytes', async () => {
    const { origin } = await listen(createProtocolServer());
    const url = `${origin}/echo/000/stream`;
    const stream = new Stream(`${url}/xhr_streaming`, 'POST');
    await stream.until('o\n');
    const send = (bytes: number) => post(`${url}/xhr_send`, JSON.stringify(['x'.repeat(bytes - 'a[""]\n'.length)]));
    await send(4095 - 'o\n'.length);
    await stream.until('"]\n');
    await send(7);
    assert.equal(await stream.next(), 'a["x"]\n');
    assert.deepEqual(await stream.ended, { aborted: false });
  });

  it('/echo takes raw WebSockets', async () => {
    const { origin } = await listen(createProtocolServer());
    const client = new WebSocketClient(origin, '/echo/websocket');
    await client.opened;
    client.send('as it is');
    assert.equal(await client.next(), 'as it is');
  });

  it('/close closes at once with 3000 Go away!', async () => {
    const { origin } = await listen(createProtocolServer());
    const url = `${origin}/close/000/poll/xhr`;
    assert.equal((await post(url)).body, 'o\n');
    assert.equal((await post(url)).body, 'c[3000,"Go away!"]\n');
    const client = await connect(origin, 'close');
    assert.equal(await client.next(), 'c[3000,"Go away!"]');
    const raw = new WebSocketClient(origin, '/close/websocket');
    assert.deepEqual(await Promise.all([client.closed, raw.closed]), [
      { code: 3000, reason: 'Go away!' },
      { code: 3000, reason: 'Go away!' },
    ]);
  });

  it('/ticker ticks every second until the session ends', async () => {
    const clock = stopClock();
    const { origin } = await listen(createProtocolServer());
    const client = await connect(origin, 'ticker');
    for (let tick = 0; tick < 3; tick += 1) {
      clock.tick(1000);
      assert.equal(await client.next(), 'a["tick!"]');
    }
    client.socket.close();
    while (clock.countTimers() > 0) {
      await setImmediate();
    }
  });

  it('/broadcast gives messages to everyone', async () => {
    const { origin } = await listen(createProtocolServer());
    const [ann, bob] = await Promise.all([connect(origin, 'broadcast'), connect(origin, 'broadcast')]);
    ann.send('["m"]');
    assert.deepEqual(await Promise.all([ann.next(), bob.next()]), ['a["m"]', 'a["m"]']);
  });

  const amplified = [
    ['1', 1],
    ['7', 7],
    ['18', 18],
    ['2.5', 2],
    ['0', 1],
    ['19', 1],
    ['-3', 1],
    ['many', 1],
  ] as const;
  for (const [message, n] of amplified) {
    it(`/amplify answers ${message} with 2^${n} times x`, async () => {
      const { origin } = await listen(createProtocolServer());
      const client = await connect(origin, 'amplify');
      client.send(JSON.stringify([message]));
      const frame = await client.next();
      assert.ok(frame === `a["${'x'.repeat(2 ** n)}"]`, `${frame.length} bytes`);
    });
  }

  it('listens on PORT as npm run protocol-server and ends by itself on SIGTERM, every service with it', async () => {
    const { origin, stop } = await startProgram('protocol-server');
    const [echo, ticker] = [await connect(origin, 'echo'), await connect(origin, 'ticker')];
    echo.send('["m"]');
    assert.equal(await echo.next(), 'a["m"]');
    assert.equal(await stop('SIGTERM'), 0);
    const end = { code: 1001, reason: 'Server shutting down' };
    assert.deepEqual(await Promise.all([echo.closed, ticker.closed]), [end, end]);
  });
});
