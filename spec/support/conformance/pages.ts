/** The classes of the protocol definition about pages and the paths of sessions. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fetchText, post } from '../http.ts';
import { assertCors, assertNotCached, assertOptions, poll, type Services, TEXT } from './requests.ts';

const YEAR = 31_536_000;

/** Declares the tests. */
export function itHasPages({ at, session }: Services): void {
  it('BaseUrlGreeting: greets, and knows no other paths', async () => {
    for (const path of ['', '/']) {
      const { status, headers, body } = await fetchText(at('echo') + path);
      assert.deepEqual([status, body], [200, 'Welcome to SockJS!\n']);
      assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
    }
    for (const path of ['/a', '/a.html', '//', '///', '/a/a', '/a/a/', '/a', '/a/']) {
      assert.equal((await fetchText(at('echo') + path)).status, 404, path);
    }
  });

  it('IframePage: is one page for all versions, cached for a year', async () => {
    const paths = ['.html', '-a.html', '-.html', '-0.1.2.html', '-0.1.2.abc-dirty.2144.html', '.html?t=1234'];
    const pages = await Promise.all(paths.map((path) => fetchText(`${at('echo')}/iframe${path}`)));
    for (const { status, headers, body } of pages) {
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/html; charset=UTF-8');
      assert.match(String(headers['cache-control']), /public/);
      assert.match(String(headers['cache-control']), new RegExp(`max-age=${YEAR}`));
      assert.ok(headers.expires);
      assert.ok(headers.etag);
      assert.equal(headers['last-modified'], undefined);
      assert.equal(headers['set-cookie'], undefined);
      assert.equal(body, pages[0]?.body);
    }
    const etag = String(pages[0]?.headers.etag);
    const again = await fetchText(`${at('echo')}/iframe.html`, 'GET', { headers: { 'If-None-Match': etag } });
    assert.deepEqual([again.status, again.body, again.headers['content-type']], [304, '', undefined]);
    for (const path of ['.htm', '', '.HTML', '.xml', '-/.html']) {
      assert.equal((await fetchText(`${at('echo')}/iframe${path}`)).status, 404, path);
    }
    assert.equal((await fetchText(`${at('echo')}/IFRAME.HTML`)).status, 404);
  });

  it('InfoTest: tells what the server can do, with fresh entropy', async () => {
    const headers = { Origin: 'http://a.example' };
    const answers = await Promise.all([1, 2].map(() => fetchText(`${at('echo')}/info`, 'GET', { headers })));
    const seen = answers.map((answer) => {
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['content-type'], 'application/json; charset=UTF-8');
      assertNotCached(answer);
      assertCors(answer, 'http://a.example');
      const { entropy, ...info } = JSON.parse(answer.body);
      assert.deepEqual(info, { websocket: true, cookie_needed: false, origins: ['*:*'] });
      return entropy;
    });
    assert.notEqual(seen[0], seen[1]);
    await assertOptions(`${at('echo')}/info`, 'OPTIONS, GET');
    const { body } = await fetchText(`${at('disabled_websocket_echo')}/info`);
    assert.equal(JSON.parse(body).websocket, false);
  });

  it('SessionURLs: takes any server and session, and ignores the server', async () => {
    for (const path of ['/a/a', '/_/_', '/1/1', '/abcdefgh_i-j%20/abcdefg_i-j%20'].map((p) => p + randomUUID())) {
      assert.deepEqual(await poll(at('echo') + path), { status: 200, body: 'o\n' });
    }
    for (const path of ['', '/', '/a', '/a/', '//', '/a./a', '/a/a.', '/./.', '//a', '//a/a//']) {
      assert.equal((await fetchText(`${at('echo')}${path}/xhr`)).status, 404, path);
      assert.equal((await post(`${at('echo')}${path}/xhr`)).status, 404, path);
    }
    const url = session();
    const elsewhere = (server: string) => url.replace('/000/', `/${server}/`);
    assert.deepEqual(await poll(url), { status: 200, body: 'o\n' });
    assert.equal((await post(`${elsewhere('111')}/xhr_send`, '["a"]', TEXT)).status, 204);
    assert.deepEqual(await poll(elsewhere('999')), { status: 200, body: 'a["a"]\n' });
  });
}
