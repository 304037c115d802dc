/** The htmlfile transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { itChecksItsCallback } from '../support/callback-rules.ts';
import { type HttpReceiver, itReceivesOverHttp, NOT_CACHED, ownHeaders, stage } from '../support/contract.ts';

const PAGE = `<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.CALLBACK;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>`;

/** The page, padded to more than 1024 bytes. */
function prelude(callback: string): string {
  return `${`${PAGE.replace('CALLBACK', callback)}\n`.padEnd(1025)}\r\n\r\n`;
}

const htmlFile: HttpReceiver = {
  name: 'htmlfile',
  method: 'GET',
  endpoint: 'htmlfile?c=callback',
  sendEndpoint: 'xhr_send',
  prelude: prelude('callback'),
  wrap: (frame) => `<script>\np(${JSON.stringify(frame).replaceAll('<', '\\u003c')});\n</script>\r\n`,
  unwrap: (chunk) => {
    // As a browser would: the first end tag ends the script.
    const end = chunk.indexOf('</script>');
    assert.equal(chunk.slice(end), '</script>\r\n');
    assert.ok(chunk.startsWith('<script>\n'));
    let frame: unknown;
    runInNewContext(chunk.slice('<script>\n'.length, end), { p: (given: unknown) => (frame = given) });
    return String(frame);
  },
};

describe('htmlfile', () => {
  it('sends the page as a chunk of its own, then each frame as one script', async () => {
    const { client, sessions } = await stage(htmlFile);
    const { stream } = await client.receive();
    const response = await stream.response;
    assert.equal(response.statusCode, 200);
    assert.deepEqual(ownHeaders(response.headers), {
      ...NOT_CACHED,
      vary: 'Origin',
      'content-type': 'text/html; charset=UTF-8',
      'content-security-policy': "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors *",
      'cross-origin-resource-policy': 'cross-origin',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'transfer-encoding': 'chunked',
      'x-accel-buffering': 'no',
    });
    const page = await stream.next();
    assert.ok(page.length > 1024);
    assert.equal(page.trim(), PAGE.replace('CALLBACK', 'callback'));
    assert.match(page, /<\/script>\n? +\r\n\r\n$/);
    assert.equal(await stream.next(), '<script>\np("o");\n</script>\r\n');
    const session = await sessions.next();
    session.send('x');
    session.send('ÿ \u2028 %41');
    assert.equal(await stream.next(), '<script>\np("a[\\"x\\",\\"ÿ \\\\u2028 %41\\"]");\n</script>\r\n');
    session.close(3000, 'Go away!');
    assert.equal(await stream.next(), '<script>\np("c[3000,\\"Go away!\\"]");\n</script>\r\n');
    assert.deepEqual(await stream.ended, { aborted: false });
  });

  it('sends every < as \\u003c, in messages and in the reason, so that nothing ends the script', async () => {
    const { client, sessions } = await stage(htmlFile);
    const receiving = await client.open();
    const session = await sessions.next();
    session.send('</script><!--<');
    assert.equal(await receiving.chunk(), '<script>\np("a[\\"\\u003c/script>\\u003c!--\\u003c\\"]");\n</script>\r\n');
    session.close(3000, '</script>');
    assert.equal(await receiving.chunk(), '<script>\np("c[3000,\\"\\u003c/script>\\"]");\n</script>\r\n');
  });

  itChecksItsCallback(htmlFile, prelude);

  itReceivesOverHttp(htmlFile);
});
