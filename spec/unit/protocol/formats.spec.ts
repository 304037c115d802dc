/** How the HTTP transports wrap frames (docs/protocol.md, section 7), and which formats give all clients the same bytes. */
import assert from 'node:assert/strict';
import { type HttpTransportRow, TRANSPORTS } from '../../../lib/protocol/transports.ts';

const FRAME = 'a["100% <b>","\\u2028 \\""]';

const WRAPPED: Record<HttpTransportRow['name'], string> = {
  'xhr-polling': `${FRAME}\n`,
  'xhr-streaming': `${FRAME}\n`,
  eventsource: 'data: a["100%25 <b>","\\u2028 \\""]\r\n\r\n',
  htmlfile: '<script>\np("a[\\"100% \\u003cb>\\",\\"\\\\u2028 \\\\\\"\\"]");\n</script>\r\n',
  'jsonp-polling': '/**/a.b("a[\\"100% <b>\\",\\"\\\\u2028 \\\\\\"\\"]");\r\n',
};

const ROWS: readonly HttpTransportRow[] = Object.values(TRANSPORTS).filter((row) => row.family !== 'websocket');

describe('the format of', () => {
  for (const { name, format, isStreaming } of ROWS) {
    describe(name, () => {
      it('wraps a frame as the transport sends it', () => {
        assert.equal(format.wrap(FRAME, 'a.b'), WRAPPED[name]);
      });

      it('is shared only if a frame is the same for every callback', () => {
        assert.equal(format.isShared, format.wrap(FRAME, 'a.b') === format.wrap(FRAME, 'c'));
      });

      it(isStreaming ? 'begins with a prelude' : 'has no prelude', () => {
        assert.equal(format.prelude('a.b') !== '', isStreaming);
      });
    });
  }

  it('names the callback in the page of htmlfile, which has more than 1024 bytes before its end', () => {
    const page = TRANSPORTS.htmlFile.format.prelude('a.b');
    assert.match(page, /var c = parent\.a\.b;/);
    assert.equal(page.length, 1025 + '\r\n\r\n'.length);
  });
});
