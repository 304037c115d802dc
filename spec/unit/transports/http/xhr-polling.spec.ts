/** The xhr-polling transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { CORS, itReceivesOverHttp, NOT_CACHED, ownHeaders, setUp } from '../../../support/contract.ts';
import { post } from '../../../support/http.ts';
import { xhrPolling } from '../../../support/transport-cases.ts';

describe('xhr-polling', () => {
  it('answers each poll with one frame and a line feed', async () => {
    const { client, sessions } = await setUp(xhrPolling);
    const url = client.server.origin + client.path();
    const open = await post(url);
    assert.equal(open.status, 200);
    assert.equal(open.body, 'o\n');
    assert.deepEqual(ownHeaders(open.headers), {
      ...NOT_CACHED,
      ...CORS,
      'content-type': 'application/javascript; charset=UTF-8',
      'content-length': '2',
    });
    const session = await sessions.next();
    session.send('x');
    session.send('ÿ \u2028 %41 </script>');
    const { headers, body } = await post(url);
    assert.equal(body, 'a["x","ÿ \\u2028 %41 </script>"]\n');
    assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
    session.close(3000, 'Go away!');
    assert.equal((await post(url)).body, 'c[3000,"Go away!"]\n');
  });

  it('ignores the body of a poll', async () => {
    const { client, sessions } = await setUp(xhrPolling);
    assert.equal((await post(client.server.origin + client.path(), '["x"]')).body, 'o\n');
    const session = await sessions.next();
    await client.send('y');
    assert.equal(await session.recv(), 'y');
  });

  it('does not answer at 30 s where heartbeats come later', async () => {
    const { client, clock } = await setUp(xhrPolling, { heartbeatDelay: 60_000 });
    const poll = await client.open();
    clock.tick(59_999);
    clock.tick(1);
    await poll.endsWith('h');
  });

  itReceivesOverHttp(xhrPolling);
});
