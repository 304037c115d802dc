/** The jsonp-polling transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import express from 'express';
import { sockjs } from '../../../../lib/index.ts';
import { itChecksCallbacks } from '../../../support/callback-rules.ts';
import { itReceivesOverHttp, NOT_CACHED, ownHeaders, setUp } from '../../../support/contract.ts';
import { fetchText } from '../../../support/http.ts';
import { listen } from '../../../support/test-server.ts';
import { jsonpPolling } from '../../../support/transport-cases.ts';

describe('jsonp-polling', () => {
  it('answers each poll with one call of the callback', async () => {
    const { client, sessions } = await setUp(jsonpPolling);
    const url = client.server.origin + client.path();
    const open = await fetchText(url);
    assert.equal(open.status, 200);
    assert.equal(open.body, '/**/callback("o");\r\n');
    assert.deepEqual(ownHeaders(open.headers), {
      ...NOT_CACHED,
      vary: 'Origin',
      'cross-origin-resource-policy': 'cross-origin',
      'content-type': 'application/javascript; charset=UTF-8',
      'content-length': '20',
      'x-content-type-options': 'nosniff',
    });
    const session = await sessions.next();
    session.send('x');
    session.send('ÿ \u2028 %41 </script>');
    const { headers, body } = await fetchText(url);
    assert.equal(body, '/**/callback("a[\\"x\\",\\"ÿ \\\\u2028 %41 </script>\\"]");\r\n');
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
    session.close(3000, 'Go away!');
    assert.equal((await fetchText(url)).body, '/**/callback("c[3000,\\"Go away!\\"]");\r\n');
  });

  it('calls the callback that each poll names', async () => {
    const { client, sessions } = await setUp(jsonpPolling);
    const url = client.server.origin + client.path('jsonp');
    assert.equal((await fetchText(`${url}?c=first`)).body, '/**/first("o");\r\n');
    (await sessions.next()).send('x');
    assert.equal((await fetchText(`${url}?callback=a.b`)).body, '/**/a.b("a[\\"x\\"]");\r\n');
  });

  it('sends what is broadcast with the callback of each poll', async () => {
    const router = sockjs(() => {});
    const { origin } = await listen(createServer(express().use('/echo', router)));
    for (const id of ['a', 'b']) {
      await fetchText(`${origin}/echo/0/${id}/jsonp?c=callback`);
    }
    router.broadcast('x');
    for (const id of ['a', 'b']) {
      assert.equal((await fetchText(`${origin}/echo/0/${id}/jsonp?c=${id}`)).body, `/**/${id}("a[\\"x\\"]");\r\n`);
    }
  });

  for (const heartbeatDelay of [0, 30_001, 60_000]) {
    it(`answers a poll with a heartbeat after 30 s at a heartbeatDelay of ${heartbeatDelay}`, async () => {
      const { client, clock, sessions } = await setUp(jsonpPolling, { heartbeatDelay });
      await client.open();
      clock.tick(29_999);
      (await sessions.next()).send('no heartbeat yet');
      await client.gets('a["no heartbeat yet"]');
      const poll = await client.attached();
      clock.tick(30_000);
      await poll.endsWith('h');
    });
  }

  itChecksCallbacks(jsonpPolling, (callback) => `/**/${callback}("o");\r\n`);

  itReceivesOverHttp(jsonpPolling);
});
