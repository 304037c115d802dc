/** The classes of the protocol definition about streams and JSONP. */
import assert from 'node:assert/strict';
import type { HttpReceiver } from '../contract.ts';
import { fetchText, post, Stream } from '../http.ts';
import { eventSource, htmlFile, xhrStreaming } from '../transport-cases.ts';
import { assertCors, assertNotCached, assertOptions, type Services, send, TEXT } from './requests.ts';

const STREAMS: readonly [string, HttpReceiver, contentType: string][] = [
  ['XhrStreaming', xhrStreaming, 'application/javascript; charset=UTF-8'],
  ['EventSource', eventSource, 'text/event-stream'],
  ['HtmlFile', htmlFile, 'text/html; charset=UTF-8'],
];

/** What a protocol server sends on one stream, in bytes. */
const RESPONSE_LIMIT = 4_096;

/** Declares the tests. */
export function itStreams({ session }: Services): void {
  it('XhrStreaming: answers OPTIONS', () => assertOptions(`${session()}/xhr_streaming`, 'OPTIONS, POST'));

  for (const [title, { endpoint, method, prelude = '', wrap }, contentType] of STREAMS) {
    it(`${title}: opens, and brings messages`, async () => {
      const url = session();
      const stream = new Stream(`${url}/${endpoint}`, method);
      const { statusCode, headers } = await stream.response;
      assert.equal(statusCode, 200);
      assert.equal(headers['content-type'], contentType);
      assertNotCached({ status: 200, headers, body: '' });
      if (title !== 'HtmlFile') {
        assertCors({ status: 200, headers, body: '' });
      }
      assert.equal(await stream.until(wrap('o')), prelude + wrap('o'));
      await send(url, '  \u0000\n\r ');
      assert.equal(await stream.next(), wrap('a["  \\u0000\\n\\r "]'));
      stream.abort();
    });

    it(`${title}: ends the response beyond its limit, and goes on with the next`, async () => {
      const url = session();
      const stream = new Stream(`${url}/${endpoint}`, method);
      await stream.until(wrap('o'));
      const text = 'x'.repeat(1_024);
      let bytes = wrap('o').length;
      let sent = 0;
      for (; bytes < RESPONSE_LIMIT; sent += 1) {
        await send(url, text);
        assert.equal(await stream.next(), wrap(`a["${text}"]`));
        bytes += wrap(`a["${text}"]`).length;
      }
      assert.equal(sent, 4);
      assert.deepEqual(await stream.ended, { aborted: false });
      const next = new Stream(`${url}/${endpoint}`, method);
      await send(url, 'next');
      assert.equal(await next.until(wrap('a["next"]')), prelude + wrap('a["next"]'));
      next.abort();
    });
  }

  it('HtmlFile: asks for a callback, and for a proper one', async () => {
    await assertCallback(`${session()}/htmlfile`);
  });
}

async function assertCallback(url: string): Promise<void> {
  for (const [query, text] of [
    ['', '"callback" parameter required'],
    ['?c=%20', 'invalid "callback" parameter'],
    ['?c=*', 'invalid "callback" parameter'],
    ['?c=abc(', 'invalid "callback" parameter'],
    ['?c=abc%28', 'invalid "callback" parameter'],
  ]) {
    const { status, body } = await fetchText(url + query);
    assert.deepEqual([status, body], [500, text], query);
  }
}

/** Declares the tests. */
export function itSpeaksJsonp({ session }: Services): void {
  const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

  it('JsonPolling: opens, sends and polls', async () => {
    const url = session();
    const opened = await fetchText(`${url}/jsonp?c=x`);
    assert.deepEqual([opened.status, opened.body], [200, '/**/x("o");\r\n']);
    assert.equal(opened.headers['content-type'], 'application/javascript; charset=UTF-8');
    assertNotCached(opened);
    const sent = await post(`${url}/jsonp_send`, `d=${encodeURIComponent('["x"]')}`, FORM);
    assert.deepEqual([sent.status, sent.body], [200, 'ok']);
    assert.equal(sent.headers['content-type'], 'text/plain; charset=UTF-8');
    assertNotCached(sent);
    assert.equal((await fetchText(`${url}/jsonp?c=%63allback`)).body, '/**/callback("a[\\"x\\"]");\r\n');
  });

  it('JsonPolling: asks for a callback, and for a proper one', async () => {
    await assertCallback(`${session()}/jsonp`);
  });

  it('JsonPolling: refuses what is no JSON, and the session goes on', async () => {
    const url = session();
    assert.equal((await fetchText(`${url}/jsonp?c=x`)).body, '/**/x("o");\r\n');
    for (const [body, headers, text] of [
      ['d=%5B%22x', FORM, 'Broken JSON encoding.'],
      ['', FORM, 'Payload expected.'],
      ['d=', FORM, 'Payload expected.'],
      ['p=p', FORM, 'Payload expected.'],
      ['["x', TEXT, 'Broken JSON encoding.'],
    ] as const) {
      const refused = await post(`${url}/jsonp_send`, body, headers);
      assert.deepEqual([refused.status, refused.body], [500, text], body);
    }
    assert.equal((await post(`${url}/jsonp_send`, 'd=%5B%22b%22%5D', FORM)).body, 'ok');
    assert.equal((await post(`${url}/jsonp_send`, '["c%20"]', TEXT)).body, 'ok');
    assert.equal((await fetchText(`${url}/jsonp?c=x`)).body, '/**/x("a[\\"b\\",\\"c%20\\"]");\r\n');
  });
}
