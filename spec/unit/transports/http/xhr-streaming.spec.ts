/** The xhr-streaming transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import express from 'express';
import { sockjs } from '../../../../lib/index.ts';
import { CORS, itReceivesOverHttp, NOT_CACHED, ownHeaders, setUp } from '../../../support/contract.ts';
import { ResponseReader } from '../../../support/response-reader.ts';
import { listen, serve, sessionCatcher } from '../../../support/test-server.ts';
import { xhrStreaming } from '../../../support/transport-cases.ts';

describe('xhr-streaming', () => {
  it('sends the prelude as a chunk of its own, then each frame with a line feed', async () => {
    const { client, sessions } = await setUp(xhrStreaming);
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

  it('sends what is broadcast as one chunk, of as many bytes as it says, on every response', async () => {
    const router = sockjs(() => {});
    const { port } = await listen(createServer(express().use('/echo', router)));
    const streams = ['a', 'b'].map((id) => new ResponseReader(port, `/echo/0/${id}/xhr_streaming`, 'POST'));
    for (const stream of streams) {
      await stream.next();
      assert.equal(await stream.next(), 'o\n');
    }
    assert.equal(router.broadcast('grüße 👋'), 2);
    for (const session of router.sessions) {
      session.close();
    }
    for (const stream of streams) {
      assert.equal(await stream.next(), 'a["grüße 👋"]\n');
      assert.equal(await stream.next(), 'c[1000,"Normal closure"]\n');
      assert.deepEqual(await stream.ended, { aborted: false });
    }
  });

  it('leaves the request no way back into Express, which would be kept in memory', async () => {
    const { client, sessions } = await setUp(xhrStreaming);
    const { stream } = await client.receive();
    await stream.next();
    const { request } = await sessions.next();
    assert.equal((request as express.Request).next, undefined);
    assert.equal((request as express.Request).baseUrl, '/echo');
    assert.equal((request as express.Request).res?.headersSent, true);
  });

  it('lets middleware that wraps the writing of responses see and change every frame', async () => {
    const sessions = sessionCatcher();
    const { port } = await serve({}, sessions.onSession, {
      before: (app) => {
        app.use((_req, res, next) => {
          const write = res.write.bind(res) as (chunk: string, callback?: () => void) => boolean;
          res.write = ((chunk: string, callback?: () => void) => write(chunk.toUpperCase(), callback)) as never;
          next();
        });
      },
    });
    const stream = new ResponseReader(port, '/echo/0/a/xhr_streaming', 'POST');
    assert.match(await stream.next(), /^H{2048}\n$/);
    assert.equal(await stream.next(), 'O\n');
    const session = await sessions.next();
    session.send('hello');
    assert.equal(await stream.next(), 'A["HELLO"]\n');
  });

  itReceivesOverHttp(xhrStreaming);
});
