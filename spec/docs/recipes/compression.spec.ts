/** The recipe that compresses messages on WebSockets, and pages. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { fetchText, post, Stream } from '../../support/http.ts';
import { frame, useRecipe } from '../../support/recipes.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

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
