/** The iframe page: its bytes, the address of the client library in it, and how browsers revalidate it. */
import assert from 'node:assert/strict';
import express from 'express';
import { defaultOptions, sockjs } from '../../../lib/index.ts';
import { type Answer, fetchText } from '../../support/http.ts';
import { echo, listen, serve } from '../../support/test-server.ts';

function pageWith(url: string): string {
  return [
    '<!DOCTYPE html>',
    '<html>',
    '<head>',
    '  <meta http-equiv="X-UA-Compatible" content="IE=edge" />',
    '  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />',
    `  <script src="${url}"></script>`,
    '  <script>',
    '    document.domain = document.domain;',
    '    SockJS.bootstrap_iframe();',
    '  </script>',
    '</head>',
    '<body>',
    "  <h2>Don't panic!</h2>",
    "  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>",
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** Headers that bound what the page may do, and who may load it; see also spec/unit/http/embedding.spec.ts. */
const PROTECTION = {
  'content-security-policy':
    "default-src 'none'; script-src 'sha256-lYmFXEsqdsgpRcqXPmVFJyV4CiaTNuS5IK/HjT7/fdk=' 'self' " +
    "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js; connect-src 'self'; frame-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors *",
  'cross-origin-resource-policy': 'cross-origin',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  vary: 'Origin',
};

function ask(origin: string, headers: Record<string, string | string[]> = {}, path = '/iframe.html'): Promise<Answer> {
  return fetchText(`${origin}/echo${path}`, 'GET', { headers });
}

describe('iframe page', () => {
  it('is exactly this', async () => {
    const { origin } = await serve({ sockjsUrl: 'https://static.example/sockjs.js' });
    assert.equal((await ask(origin)).body, pageWith('https://static.example/sockjs.js'));
  });

  it('loads the client from the default address', async () => {
    const { origin } = await serve();
    assert.equal((await ask(origin)).body, pageWith(String(defaultOptions.sockjsUrl)));
    assert.match(String(defaultOptions.sockjsUrl), /^https:\/\/cdn\.jsdelivr\.net\/npm\/sockjs-client@1\//);
  });

  it('comes with these headers and no others', async () => {
    const { origin } = await serve({ jsessionid: true }, undefined, {
      before: (app) => app.disable('x-powered-by'),
    });
    const { status, headers, body } = await ask(origin, { Origin: 'http://page.example', Cookie: 'JSESSIONID=abc' });
    const { date, connection, etag, expires, ...rest } = headers;
    assert.ok(date && connection && expires);
    assert.match(etag ?? '', /^"[^"]{8,}"$/);
    assert.equal(status, 200);
    assert.deepEqual(rest, {
      'content-type': 'text/html; charset=UTF-8',
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'public, max-age=31536000',
      ...PROTECTION,
    });
  });

  it('is the same for any version and query', async () => {
    const { origin } = await serve();
    const { headers, body } = await ask(origin);
    for (const path of ['/iframe.html?t=qa', '/iframe-0.3.4.html', '/iframe-a1b2_c.html?x=<script>', '/iframe7.html']) {
      const other = await ask(origin, {}, path);
      assert.equal(other.body, body, path);
      assert.equal(other.headers.etag, headers.etag, path);
    }
  });

  describe('sockjsUrl', () => {
    for (const [url, written] of [
      ['/sockjs.js', '/sockjs.js'],
      ['//cdn.example/sockjs.js', '//cdn.example/sockjs.js'],
      ['http://cdn.example/sockjs.js?a=1&b=2', 'http://cdn.example/sockjs.js?a=1&amp;b=2'],
      ['/"><script>alert(1)</script>', '/&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;'],
      ["/it's.js", '/it&#39;s.js'],
      ['/&amp;', '/&amp;amp;'],
      ['/$&$1$`.js', '/$&amp;$1$`.js'],
      ['/grüße-€.js', '/grüße-€.js'],
      ['./sockjs.js?a=1&b=2', './sockjs.js?a=1&amp;b=2'],
      ['../"><script>alert(1)</script>', '../&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;'],
    ] as const) {
      it(`goes out as ${written}`, async () => {
        const { origin } = await serve({ sockjsUrl: url });
        const { headers, body } = await ask(origin);
        assert.equal(body, pageWith(written));
        assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
        const { origin: another } = await serve({ sockjsUrl: () => url });
        assert.equal((await ask(another)).body, pageWith(written));
      });
    }

    for (const [url, path] of [
      ['./sockjs.js', '/services/echo/sockjs.js'],
      ['../sockjs.js', '/services/sockjs.js'],
      ['../../static/sockjs.js', '/static/sockjs.js'],
    ] as const) {
      for (const page of ['/iframe.html', '/iframe-1.2.3-abc.html?t=qa']) {
        it(`as ${url} is where ${page} loads it from: ${path}`, async () => {
          const app = express().use('/services/echo', sockjs({ sockjsUrl: url }, echo));
          app.get(path, (_req, res) => {
            res.send('the library');
          });
          const { origin } = await listen(app);
          const pageUrl = `${origin}/services/echo${page}`;
          const { body } = await fetchText(pageUrl);
          assert.equal(body, pageWith(url));
          const [, src = ''] = /<script src="([^"]*)">/.exec(body) ?? [];
          assert.equal((await fetchText(new URL(src, pageUrl).href)).body, 'the library');
        });
      }
    }

    it('may be a function of the request, and the ETag follows its answer', async () => {
      const { origin } = await serve({ sockjsUrl: (req) => `/sockjs-${req.headers['x-version']}.js` });
      const [one, two, again] = [
        await ask(origin, { 'X-Version': '1' }),
        await ask(origin, { 'X-Version': '2' }),
        await ask(origin, { 'X-Version': '1' }),
      ];
      assert.equal(one.body, pageWith('/sockjs-1.js'));
      assert.equal(two.body, pageWith('/sockjs-2.js'));
      assert.notEqual(one.headers.etag, two.headers.etag);
      assert.equal(one.headers.etag, again.headers.etag);
      const stale = await ask(origin, { 'X-Version': '2', 'If-None-Match': one.headers.etag ?? '' });
      assert.equal(stale.status, 200);
    });
  });

  describe('If-None-Match', () => {
    const rows: [title: string, header: (etag: string) => string | string[], status: number][] = [
      ['the ETag', (etag) => etag, 304],
      ['the ETag, weakly', (etag) => `W/${etag}`, 304],
      ['*', () => '*', 304],
      ['a list with it', (etag) => `"other", W/"another" , ${etag}`, 304],
      ['a list without spaces', (etag) => `"other",${etag},"another"`, 304],
      ['a list with it, weakly', (etag) => `"other", W/${etag}`, 304],
      ['two headers', (etag) => ['"other"', etag], 304],
      ['another', () => '"other"', 200],
      ['nothing', () => '', 200],
      ['the ETag without its quotes', (etag) => etag.slice(1, -1), 200],
      ['one that begins with it', (etag) => `${etag.slice(0, -1)}x"`, 200],
      ['one that it begins with', (etag) => `${etag.slice(0, -2)}"`, 200],
      ['it in a word', (etag) => `x${etag}`, 200],
    ];
    for (const [title, header, status] of rows) {
      it(`of ${title} is ${status}`, async () => {
        const { origin } = await serve();
        const first = await ask(origin);
        const answer = await ask(origin, { 'If-None-Match': header(first.headers.etag ?? '') }, '/iframe-2.html?again');
        assert.equal(answer.status, status);
        assert.equal(answer.headers.etag, first.headers.etag);
        assert.equal(answer.body, status === 200 ? first.body : '');
      });
    }

    it('is answered without body and Content-Type', async () => {
      const { origin } = await serve({ jsessionid: true }, undefined, {
        before: (app) => app.disable('x-powered-by'),
      });
      const { headers: first } = await ask(origin);
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await fetchText(`${origin}/echo/iframe.html`, method, {
          headers: { 'If-None-Match': first.etag ?? '', 'If-Modified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
        });
        const { date, connection, expires, ...rest } = headers;
        assert.ok(date && connection && expires);
        assert.deepEqual([status, body], [304, '']);
        assert.deepEqual(rest, { etag: first.etag, 'cache-control': 'public, max-age=31536000', ...PROTECTION });
      }
    });

    it('is all that counts: If-Modified-Since alone is 200', async () => {
      const { origin } = await serve();
      const { status } = await ask(origin, { 'If-Modified-Since': 'Thu, 01 Jan 2099 00:00:00 GMT' });
      assert.equal(status, 200);
    });
  });
});
