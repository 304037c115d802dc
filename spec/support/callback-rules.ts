/** Which callbacks htmlfile and jsonp accept (docs/protocol.md, section 7.7), as one suite for both. */
import assert from 'node:assert/strict';
import { type HttpReceiver, NOT_CACHED, ownHeaders, setUp } from './contract.ts';
import { fetchText } from './http.ts';

const REQUIRED = '"callback" parameter required';
const INVALID = 'invalid "callback" parameter';

const REFUSED: readonly [what: string, query: string, text: string][] = [
  ['no query', '', REQUIRED],
  ['an empty query', '?', REQUIRED],
  ['other parameters only', '?t=1&C=x', REQUIRED],
  ['an empty c', '?c=', REQUIRED],
  ['a c without a value', '?c', REQUIRED],
  ['an empty callback', '?callback=', REQUIRED],
  ['c twice', '?c=first&c=second', INVALID],
  ['the same c twice', '?c=same&c=same', INVALID],
  ['c and an empty c', '?c=first&c=', INVALID],
  ['c and callback', '?c=first&callback=second', INVALID],
  ['callback twice', '?callback=first&callback=second', INVALID],
  ['129 characters', `?c=${'a'.repeat(129)}`, INVALID],
  ['129 characters in names', `?c=${'a.'.repeat(64)}a`, INVALID],
  ['a bare percent sign', '?c=%', INVALID],
  ['broken percent-encoding', '?c=a%zz', INVALID],
  ['broken UTF-8', '?c=a%ff', INVALID],
  ['unicode', '?c=%C3%A4', INVALID],
  ['a leading digit', '?c=1a', INVALID],
  ['a leading digit after a dot', '?c=a.1', INVALID],
  ['a leading dot', '?c=.a', INVALID],
  ['a trailing dot', '?c=a.', INVALID],
  ['two dots', '?c=a..b', INVALID],
  ['only a dot', '?c=.', INVALID],
  ['a hyphen', '?c=a-b', INVALID],
  ['a space', '?c=a%20b', INVALID],
  ['a plus', '?c=a+b', INVALID],
  ['a line end', '?c=a%0A', INVALID],
  ['a line separator', '?c=a%E2%80%A8', INVALID],
  ['a NUL', '?c=a%00', INVALID],
  ['a bracket', '?c=a[0]', INVALID],
  ['a call', '?c=alert(1)', INVALID],
  ['a semicolon', '?c=a;b', INVALID],
  ['a script', '?c=%3Cscript%3Ealert(1)%3C/script%3E', INVALID],
  ['what is encoded twice', '?c=%2563allback', INVALID],
];

const TAKEN: readonly [what: string, query: string, callback: string][] = [
  ['c', '?c=callback', 'callback'],
  ['callback', '?callback=x', 'x'],
  ['percent-encoding', '?c=%63allback', 'callback'],
  ['a dotted path', '?c=_jp.aB_9.c1', '_jp.aB_9.c1'],
  ['128 characters', `?c=${'a'.repeat(128)}`, 'a'.repeat(128)],
  ['other parameters beside', '?t=1&c=cb&d=2', 'cb'],
];

/**
 * Declares the rules for one transport.
 *
 * @param chunkOf returns the first chunk of a response that names this callback
 */
export function itChecksCallbacks(transport: HttpReceiver, chunkOf: (callback: string) => string): void {
  const endpoint = transport.endpoint.replace(/\?.*/s, '');

  describe('the callback', () => {
    for (const [what, query, text] of REFUSED) {
      it(`is refused: ${what}`, async () => {
        const { client, clock, sessions } = await setUp(transport);
        const { status, headers, body } = await fetchText(client.server.origin + client.path(`${endpoint}${query}`));
        assert.equal(status, 500);
        assert.equal(body, text);
        assert.deepEqual(ownHeaders(headers), {
          ...NOT_CACHED,
          vary: 'Origin',
          'content-type': 'text/plain; charset=UTF-8',
          'content-length': String(text.length),
          'x-content-type-options': 'nosniff',
        });
        assert.equal(sessions.count(), 0);
        assert.equal(clock.countTimers(), 0);
        assert.equal((await client.post('["x"]')).status, 404);
      });
    }

    it('is checked for sessions that exist, too, and does them no harm', async () => {
      const { client, sessions } = await setUp(transport, { responseLimit: 1 });
      await (await client.receive()).endsWith('o');
      (await sessions.next()).send('x');
      const { status } = await fetchText(client.server.origin + client.path(`${endpoint}?c=1`));
      assert.equal(status, 500);
      await (await client.receive()).endsWith('a["x"]');
    });

    for (const [what, query, callback] of TAKEN) {
      it(`is taken: ${what}`, async () => {
        const { client } = await setUp({ ...transport, endpoint: `${endpoint}${query}` });
        assert.equal(await (await client.receive()).stream.next(), chunkOf(callback));
      });
    }
  });
}
