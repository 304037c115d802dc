/** The classes of the protocol definition about WebSockets. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fetchText, handshake, post, RawSocket } from '../http.ts';
import { WebSocketClient } from '../websocket-client.ts';
import type { Services } from './requests.ts';

/** Declares the tests. */
export function itSpeaksWebSocket({ origin }: Services): void {
  const path = (service = 'echo') => `/${service}/000/${randomUUID()}/websocket`;

  it('WebsocketHttpErrors: answers what is no upgrade with 400, another method with 405', async () => {
    const { status, body } = await fetchText(origin() + path());
    assert.deepEqual([status, body], [400, 'Can "Upgrade" only to "WebSocket".']);
    const posted = await post(origin() + path());
    assert.deepEqual([posted.status, posted.body], [405, '']);
    assert.match(String(posted.headers.allow), /GET/);
    assert.equal((await fetchText(origin() + path('disabled_websocket_echo'))).status, 404);
  });

  it('WebsocketHybi10: echoes, closes with the frame, and takes what is no JSON for a reason to close', async () => {
    const client = new WebSocketClient(origin(), path());
    assert.equal(await client.next(), 'o');
    for (const [payload, frame] of [
      ['""', 'a[""]'],
      ['["a"]', 'a["a"]'],
      ['["b","c"]', 'a["b","c"]'],
    ] as const) {
      client.send('');
      client.send(payload);
      assert.equal(await client.next(), frame);
    }
    client.send('["a');
    await client.closed;
    const closing = new WebSocketClient(origin(), path('close'));
    assert.deepEqual([await closing.next(), await closing.next()], ['o', 'c[3000,"Go away!"]']);
    await closing.closed;
  });

  it('WebsocketHybi10: has the headers of the handshake, also for Firefox, which says keep-alive', async () => {
    for (const connection of ['Upgrade', 'keep-alive, Upgrade']) {
      const lines = handshake(path()).map((line) => line.replace(/^Connection: .*/, `Connection: ${connection}`));
      const head = await new RawSocket(Number(new URL(origin()).port)).send(...lines).until('\r\n\r\n');
      assert.match(head, /^HTTP\/1.1 101 Switching Protocols\r\n/);
      assert.match(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
      assert.doesNotMatch(head, /Content-Length|Transfer-Encoding/i);
    }
  });

  it('RawWebsocket: carries messages as they are, and closes', async () => {
    const client = new WebSocketClient(origin(), '/echo/websocket');
    await client.opened;
    client.send('Hello world!\uffff');
    assert.equal(await client.next(), 'Hello world!\uffff');
    assert.deepEqual(await new WebSocketClient(origin(), '/close/websocket').closed, {
      code: 3000,
      reason: 'Go away!',
    });
  });
}
