/** The classes of the protocol definition about polling, and about the JSON in both directions. */
import assert from 'node:assert/strict';
import { MUST_BE_ESCAPED } from '../edge-case-texts.ts';
import { fetchText, post } from '../http.ts';
import { assertCors, assertNotCached, assertOptions, poll, type Services, send, TEXT } from './requests.ts';

/** Declares the tests. */
export function itPolls({ session }: Services): void {
  it('XhrPolling: answers OPTIONS, opens, sends and polls', async () => {
    const url = session();
    await assertOptions(`${url}/xhr`, 'OPTIONS, POST');
    await assertOptions(`${url}/xhr_send`, 'OPTIONS, POST');
    const opened = await post(`${url}/xhr`);
    assert.deepEqual([opened.status, opened.body], [200, 'o\n']);
    assert.equal(opened.headers['content-type'], 'application/javascript; charset=UTF-8');
    assertCors(opened);
    assertNotCached(opened);
    const sent = await post(`${url}/xhr_send`, '["x"]', { ...TEXT, Origin: 'http://a.example' });
    assert.deepEqual([sent.status, sent.body], [204, '']);
    assert.equal(sent.headers['content-type'], 'text/plain; charset=UTF-8');
    assertCors(sent, 'http://a.example');
    assertNotCached(sent);
    assert.deepEqual(await poll(url), { status: 200, body: 'a["x"]\n' });
  });

  it('XhrPolling: knows no session that was not opened', async () => {
    assert.equal((await post(`${session()}/xhr_send`, '["x"]', TEXT)).status, 404);
  });

  it('XhrPolling: refuses what is no JSON, and the session goes on', async () => {
    const url = session();
    await poll(url);
    for (const [body, text] of [
      ['["x', 'Broken JSON encoding.'],
      ['', 'Payload expected.'],
    ] as const) {
      const refused = await post(`${url}/xhr_send`, body, TEXT);
      assert.deepEqual([refused.status, refused.body], [500, text]);
    }
    await send(url, 'a');
    assert.deepEqual(await poll(url), { status: 200, body: 'a["a"]\n' });
  });

  it('XhrPolling: takes any content type, and asked headers', async () => {
    const url = session();
    await poll(url);
    const types = ['text/plain', 'T', 'application/json', 'application/xml', '', 'application/json; charset=utf-8'];
    for (const type of types) {
      assert.equal((await post(`${url}/xhr_send`, '["a"]', { 'Content-Type': type })).status, 204, type);
    }
    assert.equal((await poll(url)).body, `a[${types.map(() => '"a"').join()}]\n`);
    const headers = { 'Access-Control-Request-Headers': 'a, b, c' };
    const asked = await fetchText(`${session()}/xhr`, 'OPTIONS', { headers });
    assert.equal(asked.headers['access-control-allow-headers'], 'a, b, c');
  });

  it('JSONEncoding: carries each code unit both ways, escaped where it must be', async () => {
    const url = session();
    await poll(url);
    const text = Array.from({ length: 0xd800 }, (_, unit) => String.fromCharCode(unit)).join('');
    await send(url, text);
    const { body } = await poll(url);
    assert.equal((JSON.parse(body.slice(1)) as string[])[0] === text, true);
    assert.doesNotMatch(body.slice(0, -1), MUST_BE_ESCAPED);
  });
}
