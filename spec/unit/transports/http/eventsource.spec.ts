/** The EventSource transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { CORS, itReceivesOverHttp, NOT_CACHED, ownHeaders, setUp } from '../../../support/contract.ts';
import { eventSource } from '../../../support/transport-cases.ts';

describe('eventsource', () => {
  it('sends the prelude as a chunk of its own, then each frame as one event', async () => {
    const { client, sessions } = await setUp(eventSource);
    const { stream } = await client.receive();
    const response = await stream.response;
    assert.equal(response.statusCode, 200);
    assert.deepEqual(ownHeaders(response.headers), {
      ...NOT_CACHED,
      ...CORS,
      'content-type': 'text/event-stream',
      'transfer-encoding': 'chunked',
      'x-accel-buffering': 'no',
    });
    assert.equal(await stream.next(), '\r\n');
    assert.equal(await stream.next(), 'data: o\r\n\r\n');
    const session = await sessions.next();
    session.send('x');
    session.send('ÿ \u2028 </script>');
    assert.equal(await stream.next(), 'data: a["x","ÿ \\u2028 </script>"]\r\n\r\n');
    session.close(3000, 'Go away!');
    assert.equal(await stream.next(), 'data: c[3000,"Go away!"]\r\n\r\n');
    assert.deepEqual(await stream.ended, { aborted: false });
  });

  it('escapes percent signs, which the browser client decodes, in messages and in the reason', async () => {
    const { client, sessions } = await setUp(eventSource);
    const receiving = await client.open();
    const session = await sessions.next();
    session.send('100%41 %80 %');
    assert.equal(await receiving.chunk(), 'data: a["100%2541 %2580 %25"]\r\n\r\n');
    session.close(3000, '100%');
    assert.equal(await receiving.chunk(), 'data: c[3000,"100%25"]\r\n\r\n');
  });

  itReceivesOverHttp(eventSource);
});
