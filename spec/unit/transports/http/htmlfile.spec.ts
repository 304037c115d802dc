/** The htmlfile transport on the wire (docs/protocol.md, section 7), and the contract of all receivers. */
import assert from 'node:assert/strict';
import { itChecksCallbacks } from '../../../support/callback-rules.ts';
import { itReceivesOverHttp, NOT_CACHED, ownHeaders, setUp } from '../../../support/contract.ts';
import { HTML_FILE_PAGE, htmlFile, htmlFilePrelude } from '../../../support/transport-cases.ts';

describe('htmlfile', () => {
  it('sends the page as a chunk of its own, then each frame as one script', async () => {
    const { client, sessions } = await setUp(htmlFile);
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
    assert.equal(page.trim(), HTML_FILE_PAGE.replace('CALLBACK', 'callback'));
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
    const { client, sessions } = await setUp(htmlFile);
    const receiving = await client.open();
    const session = await sessions.next();
    session.send('</script><!--<');
    assert.equal(await receiving.chunk(), '<script>\np("a[\\"\\u003c/script>\\u003c!--\\u003c\\"]");\n</script>\r\n');
    session.close(3000, '</script>');
    assert.equal(await receiving.chunk(), '<script>\np("c[3000,\\"\\u003c/script>\\"]");\n</script>\r\n');
  });

  itChecksCallbacks(htmlFile, htmlFilePrelude);

  itReceivesOverHttp(htmlFile);
});
