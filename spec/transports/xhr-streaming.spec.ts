/** The xhr-streaming transport on the wire (PROTOCOL.md section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { CORS, type HttpReceiver, itReceivesOverHttp, NOT_CACHED, ownHeaders, stage } from '../support/contract.ts';

const xhrStreaming: HttpReceiver = {
  name: 'xhr-streaming',
  method: 'POST',
  endpoint: 'xhr_streaming',
  sendEndpoint: 'xhr_send',
  prelude: `${'h'.repeat(2048)}\n`,
  wrap: (frame) => `${frame}\n`,
  unwrap: (chunk) => chunk.slice(0, -1),
};

describe('xhr-streaming', () => {
  it('sends the prelude as a chunk of its own, then each frame with a line feed', async () => {
    const { client, sessions } = await stage(xhrStreaming);
    const { stream } = await client.receive();
    const response = await stream.response;
    assert.equal(response.statusCode, 200);
    assert.deepEqual(ownHeaders(response.headers), {
      ...NOT_CACHED,
      ...CORS,
      'content-type': 'application/javascript; charset=UTF-8',
      'transfer-encoding': 'chunked',
      'x-accel-buffering': 'no',
    });
    const prelude = await stream.next();
    assert.equal(prelude.length, 2049);
    assert.match(prelude, /^h{2048}\n$/);
    assert.equal(await stream.next(), 'o\n');
    const session = await sessions.next();
    session.send('x');
    session.send('ÿ \u2028 %41 </script>');
    assert.equal(await stream.next(), 'a["x","ÿ \\u2028 %41 </script>"]\n');
    session.close(3000, 'Go away!');
    assert.equal(await stream.next(), 'c[3000,"Go away!"]\n');
    assert.deepEqual(await stream.ended, { aborted: false });
  });

  itReceivesOverHttp(xhrStreaming);
});
