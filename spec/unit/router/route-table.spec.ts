/** The table of endpoints: which paths there are, which methods they take, and what all others are answered. */
import assert from 'node:assert/strict';
import type { SockjsOptions } from '../../../lib/index.ts';
import { fetchText, post, RawSocket, Stream } from '../../support/http.ts';
import { MOUNTINGS, mountingOf, serveMounted } from '../../support/mountings.ts';
import { serve, sessionCatcher } from '../../support/test-server.ts';

const ALL_ON: SockjsOptions = { rawWebsocket: true };

/** Asks one after the other; the status of each, under what was asked, so that one look shows all that is wrong. */
async function statuses(url: string, asked: readonly (readonly [method: string, path: string])[]) {
  const found: Record<string, number | undefined> = {};
  for (const [method, path] of asked) {
    const stream = new Stream(url + path, method);
    found[`${method} ${path}`] = (await stream.response).statusCode;
    stream.abort();
  }
  return found;
}

function each(methods: readonly string[], paths: readonly string[]): [method: string, path: string][] {
  return paths.flatMap((path) => methods.map((method): [string, string] => [method, path]));
}

/** What should come of it: the same status for all. */
function allOf(status: number, asked: readonly (readonly [method: string, path: string])[]) {
  return Object.fromEntries(asked.map(([method, path]) => [`${method} ${path}`, status]));
}

const PAGES = [
  '',
  '/',
  '?any=thing',
  '/?any=thing',
  '/info',
  '/info?t=123',
  '/iframe.html',
  '/iframe-a.html',
  '/iframe-.html',
  '/iframe_0.3.3-rc.1.html',
  '/iframe0.3.4.html',
  '/iframe....html',
  '/iframe.html?t=qa',
  '/iframe-0.3.4.html?/../t=qa',
];

/** Each a session of its own; that a poll opens one shows that the path is known. */
const SESSION_PATHS = [
  '/000/plain/xhr',
  '/a/b/xhr?query=/x/../y',
  '/%61/percent%20encoded/xhr',
  '/a/percent-in-percent%252e/xhr',
  '/%E2%82%AC/%F0%9F%92%A9/xhr',
  '/a~!$&()*+,;=:@-_/any~!$&()*+,;=:@-_/xhr',
  '/a/__proto__/xhr',
  '/__proto__/constructor/xhr',
  '/a/xhr/xhr',
  '/iframe/info/xhr',
];

const UNKNOWN = [
  '//',
  '///',
  '////',
  '/a',
  '/a.html',
  '/a/a',
  '/a/a/',
  '/a/a/a',
  '/a/b/c/xhr',
  '//a/b/xhr',
  '/a//b/xhr',
  '/a/b//xhr',
  '/a/b/xhr/',
  '/a/b/xhr.html',
  '/a/b/xhr_sent',
  '/a/b/constructor',
  '/xhr',
  '//xhr',
  '///xhr',
  '/a/xhr',
  '/a./a/xhr',
  '/a/a./xhr',
  '/././xhr',
  '/../../xhr',
  '/%2e/a/xhr',
  '/a/%2e/xhr',
  '/a/%2E%2E/xhr',
  '/a%2fb/a/xhr',
  '/a/a%2Fb/xhr',
  '/%zz/a/xhr',
  '/a/%zz/xhr',
  '/a/%/xhr',
  '/a/%E0%A4/xhr',
  '/a/b/%78hr',
  '/a/b/XHR',
  '/a/b/Xhr',
  '/a/b/WebSocket',
  '/WEBSOCKET',
  '/websocket/',
  '/a/b/websocket/',
  '/INFO',
  '/info/',
  '/info.html',
  '//info',
  '/iframe',
  '/iframe/',
  '/iframe.htm',
  '/iframe.html/',
  '/iframe.htmlx',
  '/IFRAME.HTML',
  '/IFRAME',
  '/iframe.HTML',
  '/iframe.xml',
  '/iframeA.html',
  '/iframe-/.html',
  '/iframe-%61.html',
  '//iframe.html',
];

describe('routes', () => {
  for (const mounting of MOUNTINGS) {
    describe(`under ${mounting.title}`, () => {
      it('answers the pages', async () => {
        const { url } = await serveMounted(mounting);
        // A request target has at least its slash.
        const paths = mounting.base === '' ? PAGES.filter((path) => path.startsWith('/')) : PAGES;
        const asked = each(['GET', 'HEAD'], paths);
        assert.deepEqual(await statuses(url, asked), allOf(200, asked));
      });

      it('answers the transports', async () => {
        const { url } = await serveMounted(mounting, ALL_ON);
        await post(`${url}/0/open/xhr`);
        await fetchText(`${url}/0/poll/jsonp?c=cb`);
        assert.deepEqual(
          await statuses(url, [
            ['OPTIONS', '/info'],
            ['OPTIONS', '/0/1/xhr'],
            ['OPTIONS', '/0/1/xhr_streaming'],
            ['OPTIONS', '/0/1/xhr_send'],
            ['POST', '/0/1/xhr'],
            ['POST', '/0/2/xhr_streaming'],
            ['POST', '/0/open/xhr_send'],
            ['GET', '/0/3/eventsource'],
            ['GET', '/0/4/htmlfile?c=cb'],
            ['GET', '/0/5/htmlfile?callback=cb'],
            ['GET', '/0/6/jsonp?c=cb'],
            ['POST', '/0/poll/jsonp_send'],
            ['GET', '/0/7/websocket'],
            ['GET', '/websocket'],
          ]),
          {
            'OPTIONS /info': 204,
            'OPTIONS /0/1/xhr': 204,
            'OPTIONS /0/1/xhr_streaming': 204,
            'OPTIONS /0/1/xhr_send': 204,
            'POST /0/1/xhr': 200,
            'POST /0/2/xhr_streaming': 200,
            'POST /0/open/xhr_send': 500,
            'GET /0/3/eventsource': 200,
            'GET /0/4/htmlfile?c=cb': 200,
            'GET /0/5/htmlfile?callback=cb': 200,
            'GET /0/6/jsonp?c=cb': 200,
            'POST /0/poll/jsonp_send': 500,
            'GET /0/7/websocket': 400,
            'GET /websocket': 400,
          },
        );
      });

      it('takes any text without slash and dot as server and session', async () => {
        const { url } = await serveMounted(mounting);
        const found: Record<string, string> = {};
        for (const path of SESSION_PATHS) {
          found[path] = (await post(url + path)).body;
        }
        assert.deepEqual(found, Object.fromEntries(SESSION_PATHS.map((path) => [path, 'o\n'])));
      });

      it('answers 404 to everything else', async () => {
        const sessions = sessionCatcher();
        const { url } = await serveMounted(mounting, {}, sessions.onSession);
        const asked = each(['GET', 'POST', 'OPTIONS'], UNKNOWN);
        assert.deepEqual(await statuses(url, asked), allOf(404, asked));
        assert.equal(sessions.count(), 0);
      });

      it('takes request targets in absolute form', async () => {
        const { origin, url } = await serveMounted(mounting);
        const proxied = `${origin}http://elsewhere.example:81${mounting.base}`;
        const asked = each(['GET'], ['/', '/info', '/info?x=//', '/iframe.html']);
        assert.deepEqual(await statuses(proxied, asked), allOf(200, asked));
        assert.equal((await post(`${proxied}/0/absolute/xhr?x`)).body, 'o\n');
        assert.equal((await post(`${url}/0/absolute/xhr_send`, '["m"]')).status, 204);
        assert.match((await fetchText(`${proxied}/0/jsonp/jsonp?c=cb`)).body, /^\/\*\*\/cb\("o"\);/);
        const unknown = each(['GET', 'POST'], ['//', '//info', '/a', '/a./b/xhr', '/%zz/b/xhr', '//a/b/xhr']);
        assert.deepEqual(await statuses(proxied, unknown), allOf(404, unknown));
      });

      it('answers 404 to OPTIONS *', async () => {
        const { origin } = await serveMounted(mounting);
        assert.equal((await fetchText(`${origin}*`, 'OPTIONS')).status, 404);
      });

      it('takes no backslash for a slash', async () => {
        // URL parsers disagree about backslashes, and about them most where there is a fragment or a host.
        const { origin, url } = await serveMounted(mounting);
        const paths = ['/a\\b/xhr', '/a\\b\\xhr', '/a\\b/xhr#', '/a\\b\\xhr#', '/\\b/xhr#', '/a/\\xhr#'];
        // A method that would be answered at once were the path known.
        const asked = each(['PUT'], paths);
        assert.deepEqual(await statuses(url, asked), allOf(404, asked));
        const proxied = `${origin}http://elsewhere.example${mounting.base}`;
        assert.deepEqual(await statuses(proxied, asked), allOf(404, asked));
      });
    });
  }

  it('judges server and session after decoding', async () => {
    const { origin } = await serve();
    assert.equal((await post(`${origin}/echo/x/%61bc/xhr`)).body, 'o\n');
    assert.equal((await post(`${origin}/echo/%79/abc/xhr_send`, '["m"]')).status, 204);
    assert.equal((await post(`${origin}/echo/z/a%62c/xhr`)).body, 'a["m"]\n');
  });

  it('gives the application the decoded session id', async () => {
    const sessions = sessionCatcher();
    const { origin } = await serve({}, sessions.onSession);
    await post(`${origin}/echo/x/%E2%82%AC%20%252e/xhr`);
    assert.equal((await sessions.next()).id, '€ %2e');
  });
});

describe('methods', () => {
  const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'];
  const ALLOWED = new Map([
    ['', ['GET', 'HEAD']],
    ['/', ['GET', 'HEAD']],
    ['/info', ['GET', 'HEAD', 'OPTIONS']],
    ['/iframe.html', ['GET', 'HEAD']],
    ['/iframe-1.html?x', ['GET', 'HEAD']],
    ['/websocket', ['GET']],
    ['/0/s/websocket', ['GET']],
    ['/0/s/xhr', ['OPTIONS', 'POST']],
    ['/0/s/xhr_streaming', ['OPTIONS', 'POST']],
    ['/0/s/xhr_send', ['OPTIONS', 'POST']],
    ['/0/s/eventsource', ['GET']],
    ['/0/s/htmlfile?c=cb', ['GET']],
    ['/0/s/jsonp?c=cb', ['GET']],
    ['/0/s/jsonp_send', ['POST']],
  ]);

  for (const mounting of ['Express 5', 'Express 4', 'Connect', 'a bare listener with a prefix'].map(mountingOf)) {
    for (const [path, allowed] of ALLOWED) {
      const forbidden = METHODS.filter((method) => !allowed.includes(method));
      it(`BASE${path} under ${mounting.title} answers ${forbidden} with 405, Allow and nothing else`, async () => {
        const sessions = sessionCatcher();
        const { url } = await serveMounted(mounting, ALL_ON, sessions.onSession);
        const found: Record<string, unknown> = {};
        for (const method of forbidden) {
          const { status, headers, body } = await fetchText(url + path, method);
          const allow = headers.allow?.split(', ').sort();
          found[method] = { status, allow, type: headers['content-type'], length: headers['content-length'], body };
        }
        const refusal = { status: 405, allow: allowed, type: undefined, length: '0', body: '' };
        assert.deepEqual(found, Object.fromEntries(forbidden.map((method) => [method, refusal])));
        assert.equal(sessions.count(), 0);
      });
    }
  }

  it('answers 405 to a POST with a body', async () => {
    const { origin } = await serve();
    const { status, body } = await post(`${origin}/echo/info`, 'x'.repeat(100_000));
    assert.deepEqual({ status, body }, { status: 405, body: '' });
  });

  it('never attaches a receiver for HEAD', async () => {
    const { origin } = await serve();
    const url = `${origin}/echo/0/s`;
    await post(`${url}/xhr`);
    for (const path of ['xhr', 'xhr_streaming', 'eventsource', 'htmlfile?c=cb', 'jsonp?c=cb', 'websocket']) {
      assert.equal((await fetchText(`${url}/${path}`, 'HEAD')).status, 405, path);
    }
    await post(`${url}/xhr_send`, '["m"]');
    assert.equal((await post(`${url}/xhr`)).body, 'a["m"]\n');
  });

  it('answers HEAD as GET, without the body', async () => {
    const { origin } = await serve();
    for (const path of ['', '/', '/iframe.html']) {
      const [get, head] = [await fetchText(`${origin}/echo${path}`), await fetchText(`${origin}/echo${path}`, 'HEAD')];
      // Two answers may stand on either side of a second.
      for (const { headers } of [get, head]) {
        delete headers.date;
        delete headers.expires;
      }
      assert.deepEqual(head, { ...get, body: '' });
    }
    const { status, headers, body } = await fetchText(`${origin}/echo/info`, 'HEAD');
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/json; charset=UTF-8');
    assert.equal(body, '');
  });
});

describe('websocket paths without an upgrade', () => {
  const ONLY_TO_WEBSOCKET = 'Can "Upgrade" only to "WebSocket".';
  const MUST_BE_UPGRADE = '"Connection" must be "Upgrade".';

  for (const mounting of MOUNTINGS) {
    for (const path of ['/websocket', '/0/s/websocket']) {
      for (const [title, text, headers] of [
        ['no Upgrade', ONLY_TO_WEBSOCKET, []],
        ['no Upgrade, though Connection says so', ONLY_TO_WEBSOCKET, ['Connection: Upgrade']],
        ['another Upgrade', ONLY_TO_WEBSOCKET, ['Connection: Upgrade', 'Upgrade: h2c']],
        ['another Upgrade alone', ONLY_TO_WEBSOCKET, ['Connection: keep-alive', 'Upgrade: h2c']],
        ['an Upgrade that no Connection names', MUST_BE_UPGRADE, ['Upgrade: websocket']],
        ['another Connection', MUST_BE_UPGRADE, ['Connection: keep-alive', 'Upgrade: WebSocket']],
      ] as const) {
        it(`GET BASE${path} under ${mounting.title} with ${title} is 400, and the socket is closed`, async () => {
          const sessions = sessionCatcher();
          const { port, url } = await serveMounted(mounting, ALL_ON, sessions.onSession);
          const socket = new RawSocket(port).send(
            `GET ${mounting.base}${path} HTTP/1.1`,
            'Host: localhost',
            ...headers,
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
            '',
            '',
          );
          const answer = await socket.closed;
          assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
          assert.match(answer, /^Connection: close\r$/m);
          assert.match(answer, /^Content-Type: text\/plain; charset=UTF-8\r$/m);
          assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), text);
          assert.equal(sessions.count(), 0);
          assert.equal((await fetchText(`${url}/info`)).status, 200);
        });
      }

      it(`POST BASE${path} under ${mounting.title} is 405 with and without an upgrade`, async () => {
        const { port, url } = await serveMounted(mounting, ALL_ON);
        const headers = ['Host: localhost', 'Content-Length: 0'];
        const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
        for (const more of [[], upgrade]) {
          const socket = new RawSocket(port).send(`POST ${mounting.base}${path} HTTP/1.1`, ...headers, ...more, '', '');
          const answer = await socket.until('\r\n\r\n');
          assert.match(answer, /^HTTP\/1\.1 405 Method Not Allowed\r\n/);
          assert.match(answer, /^Allow: GET\r$/m);
          assert.match(answer, /^Content-Length: 0\r$/m);
          assert.doesNotMatch(answer, /^Content-Type:/im);
        }
        assert.equal((await fetchText(`${url}/info`)).status, 200);
      });
    }
  }
});

describe('disabled transports', () => {
  const SWITCHES: readonly (readonly [switchedOff: SockjsOptions, paths: readonly string[]])[] = [
    [{}, ['/websocket']],
    [{ websocket: false }, ['/0/s/websocket']],
    [{ xhrPolling: false }, ['/0/s/xhr']],
    [{ xhrStreaming: false }, ['/0/s/xhr_streaming']],
    [{ eventSource: false }, ['/0/s/eventsource']],
    [{ htmlFile: false }, ['/0/s/htmlfile?c=cb']],
    [{ jsonp: false }, ['/0/s/jsonp?c=cb', '/0/s/jsonp_send']],
    [
      { xhrPolling: false, xhrStreaming: false, eventSource: false, htmlFile: false },
      ['/0/s/xhr', '/0/s/xhr_streaming', '/0/s/eventsource', '/0/s/htmlfile?c=cb', '/0/s/xhr_send'],
    ],
  ];
  /** A method that each path takes, and so the status of a known one when nothing else is given. */
  const KNOWN = new Map([
    ['/0/s/websocket', 400],
    ['/0/s/xhr', 405],
    ['/0/s/xhr_streaming', 405],
    ['/0/s/xhr_send', 405],
    ['/0/s/eventsource', 200],
    ['/0/s/htmlfile?c=cb', 200],
    ['/0/s/jsonp?c=cb', 200],
    ['/0/s/jsonp_send', 405],
  ]);

  for (const [options, paths] of SWITCHES) {
    it(`are 404 with ${JSON.stringify(options)}, and the others live`, async () => {
      const { origin } = await serve(options);
      const asked = each(['GET', 'POST', 'OPTIONS', 'HEAD', 'PUT'], paths);
      assert.deepEqual(await statuses(`${origin}/echo`, asked), allOf(404, asked));
      for (const [path, status] of KNOWN) {
        if (!paths.includes(path)) {
          const fresh = path.replace('/s/', `/${path.length}/`);
          const stream = new Stream(`${origin}/echo${fresh}`);
          assert.equal((await stream.response).statusCode, status, path);
          stream.abort();
        }
      }
    });
  }

  const OFF = { xhrPolling: false, xhrStreaming: false, eventSource: false, htmlFile: false } as const;
  for (const [name, method, path, opening] of [
    ['xhrPolling', 'POST', 'xhr', 'o\n'],
    ['xhrStreaming', 'POST', 'xhr_streaming', 'o\n'],
    ['eventSource', 'GET', 'eventsource', 'data: o\r\n\r\n'],
    ['htmlFile', 'GET', 'htmlfile?c=cb', 'p("o");'],
  ] as const) {
    it(`leave xhr_send to ${name}`, async () => {
      const { origin } = await serve({ ...OFF, [name]: true });
      const receiver = new Stream(`${origin}/echo/0/s/${path}`, method);
      await receiver.until(opening);
      assert.equal((await post(`${origin}/echo/0/s/xhr_send`, '["m"]')).status, 204);
    });
  }
});
