/** The option `prefix`: what is left of a URL below it, and which URLs are not below it. */
import assert from 'node:assert/strict';
import { sockjs } from '../../../lib/index.ts';
import { stripperOf } from '../../../lib/router/prefix.ts';
import { fetchText, post, Stream } from '../../support/http.ts';
import { listen } from '../../support/test-server.ts';

const ANY = /\/[^/]+\/echo/;
/** Made from text: TypeScript knows the flag `v` only for later targets. */
const BUT_X = new RegExp('/[[a-z]--[x]]', ['v'].join());

describe('a prefix', () => {
  const rows: readonly [prefix: string | RegExp, url: string, rest: string | undefined][] = [
    // None: the URL as it is, with the path that an empty one stands for.
    ['', '/info?x', '/info?x'],
    ['', '', '/'],
    ['', '?x=/y', '/?x=/y'],
    ['', 'http://host/info?x', 'http://host/info?x'],
    ['', 'http://host', '/'],
    ['', 'http://host?x', '/?x'],
    ['', '#/info', '/'],
    ['', 'info', 'info'],
    ['', '*', '*'],

    ['/echo', '/echo', '/'],
    ['/echo', '/echo/', '/'],
    ['/echo', '/echo?x', '/?x'],
    ['/echo', '/echo/info?x=/echo', '/info?x=/echo'],
    ['/echo', '/echo//info', '//info'],
    ['/echo', 'http://host:81/echo/info?x', '/info?x'],
    ['/echo', 'HTTPS://host/echo', '/'],
    ['/echo', '/echoes/info', undefined],
    ['/echo', '/echo.html', undefined],
    ['/echo', '/ECHO/info', undefined],
    ['/echo', '/%65cho/info', undefined],
    ['/echo', '/x/echo/info', undefined],
    ['/echo', '/?/echo/info', undefined],
    ['/echo', 'echo/info', undefined],
    ['/echo', '', undefined],
    ['/echo', '?x', undefined],
    // A string is plain text.
    ['/[a-z]+', '/echo/info', undefined],
    ['/[a-z]+', '/[a-z]+/info', '/info'],

    [ANY, '/a/echo', '/'],
    [ANY, '/a/echo/', '/'],
    [ANY, '/a/echo?x', '/?x'],
    [ANY, '/a/echo/info?x=/b/echo', '/info?x=/b/echo'],
    [ANY, 'http://host/a/echo/info?x', '/info?x'],
    [ANY, '/a%2fb/echo/info', '/info'],
    // From the beginning of the path,
    [ANY, '/x/a/echo/info', undefined],
    [ANY, 'http://host/x/a/echo/info', undefined],
    [ANY, '/x?/a/echo/info', undefined],
    // to a slash or the end of the path.
    [ANY, '/a/echoes/info', undefined],
    [ANY, '/a/echo.html', undefined],
    [/\/a|\/abc/, '/abc/info', '/info'],
    [/\/a|\/abc/, '/ab/info', undefined],
    [/\/(?:a|a\/b)/, '/a/b/info', '/b/info'],
    [/^\/a$/, '/a', '/'],
    [/^\/a$/, '/a/info', undefined],
    // What is encoded stays encoded.
    [/\/x y/, '/x%20y/info', undefined],
    [/\/x%20y/, '/x%20y/info', '/info'],
    // Upper and lower case are the same by flag `i` alone.
    [ANY, '/a/ECHO/info', undefined],
    [/\/[^/]+\/echo/i, '/a/ECHO/INFO', '/INFO'],
    // A doubled slash is not swallowed.
    [/\/echo\/?/, '/echo/info', '/info'],
    [/\/echo\/?/, '/echo/', '/'],
    [/\/echo\/?/, '/echo//', '//'],
    [/\/echo\/*/, '/echo//info', '//info'],
    // An expression that may match nothing.
    [/(\/v\d+)?/, '/v1/info', '/info'],
    [/(\/v\d+)?/, '/info', '/info'],
    [/(?:)/, '?x', '/?x'],
    [/.*/, '*', undefined],
    [/.*/, 'info', undefined],
    // Flags that change what `^`, `$`, `.` and classes mean.
    [/^\/a$/m, '/a\n/info', undefined],
    [/\/a/m, '/x\n/a/info', undefined],
    [/\/./s, '/\n/info', '/info'],
    [/\/\u{1f4a9}/u, '/💩/info', '/info'],
    [BUT_X, '/a/info', '/info'],
    [BUT_X, '/x/info', undefined],
    [/\/(?<name>.)\k<name>/, '/aa/info', '/info'],
    [/\/a/d, '/a/info', '/info'],
  ];
  for (const [prefix, url, rest] of rows) {
    it(`of ${String(prefix) || 'nothing'} leaves ${JSON.stringify(rest) ?? 'nothing'} of ${JSON.stringify(url)}`, () => {
      const strip = stripperOf(prefix);
      assert.equal(strip(url), rest);
      assert.equal(strip(url), rest, 'at the second time');
    });
  }
});

describe('a regular expression for a prefix', () => {
  for (const flags of ['g', 'y', 'gy', 'dgimsuy', '']) {
    it(`has no state with the flags ${JSON.stringify(flags)}, and is not touched`, async () => {
      const prefix = new RegExp('/[^/]+/echo', flags);
      prefix.lastIndex = 3;
      const { origin } = await listen(sockjs({ prefix }, (session) => void session.send('hello')));
      const answers: unknown[] = [];
      for (const path of ['/a/echo', '/b/echo/info', '/other', '/a/echo/0/s/xhr', '/b/echo/0/s/xhr']) {
        const { status, body } = await (path.endsWith('xhr') ? post(origin + path) : fetchText(origin + path));
        answers.push(path.endsWith('xhr') ? body : status);
      }
      assert.deepEqual(answers, [200, 200, 404, 'o\n', 'a["hello"]\n']);
      assert.equal(prefix.lastIndex, 3);
    });
  }

  it('counts as it was when the router was made', async () => {
    const prefix = /\/a/;
    const { origin } = await listen(sockjs({ prefix }, () => {}));
    prefix.compile('/b');
    assert.equal((await fetchText(`${origin}/a/info`)).status, 200);
    assert.equal((await fetchText(`${origin}/b/info`)).status, 404);
  });

  it('leaves routes as strict as they are', async () => {
    const { origin } = await listen(sockjs({ prefix: /\/[^/]+\/echo\/?/i }, () => {}));
    for (const path of ['/a/echo/INFO', '/a/echo//', '/a/echo//info', '/a/echo/info/', '/a/echo/0/%zz/xhr']) {
      assert.equal((await fetchText(origin + path)).status, 404, path);
    }
    const stream = new Stream(`${origin}/A/ECHO/0/s/eventsource`);
    assert.equal((await stream.response).statusCode, 200);
  });
});
