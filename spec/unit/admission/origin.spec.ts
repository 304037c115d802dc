/** Who may connect: the allowedOrigins option on every endpoint, the server's own origin, and what is no origin at all. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { AllowedOrigins } from '../../../lib/index.ts';
import { sockjs } from '../../../lib/index.ts';
import { evaluate } from '../../support/child-process.ts';
import { afterTest } from '../../support/cleanup.ts';
import { type Answer, fetchText, handshake, post, RawSocket, Stream } from '../../support/http.ts';
import { captureErrors, express4, mountingOf, serveMounted } from '../../support/mountings.ts';
import { PREFLIGHT_CASES, type RequestCase, sendRequest } from '../../support/request-cases.ts';
import { echo, listen, serve, sessionCatcher } from '../../support/test-server.ts';
import { TLS } from '../../support/tls-certificate.ts';

const LISTED = 'https://listed.example';
const FOREIGN = 'https://foreign.example';
const REFUSED = 'Origin not allowed (see the allowedOrigins option).';

/** Requests that a foreign page can make without an Origin header. */
const embedded: readonly RequestCase[] = [
  { method: 'GET', path: '/0/s/htmlfile?c=cb', status: 200, streaming: true },
  { method: 'GET', path: '/0/s/jsonp?c=cb', status: 200 },
  { method: 'GET', path: '/iframe.html', status: 200 },
  { method: 'HEAD', path: '/iframe.html', status: 200 },
];

const script: readonly RequestCase[] = [
  { method: 'GET', path: '/info', status: 200 },
  { method: 'HEAD', path: '/info', status: 200 },
  { method: 'OPTIONS', path: '/info', status: 204 },
  ...PREFLIGHT_CASES,
  { method: 'POST', path: '/0/s/xhr', status: 200 },
  { method: 'POST', path: '/0/s/xhr_streaming', status: 200, streaming: true },
  { method: 'POST', path: '/0/s/xhr_send', status: 204, body: '["m"]', opened: true },
  { method: 'GET', path: '/0/s/eventsource', status: 200, streaming: true },
  { method: 'POST', path: '/0/s/jsonp_send', status: 200, body: 'd=%5B%22m%22%5D', opened: true },
  { method: 'GET', path: '/0/s/websocket', status: 101 },
  { method: 'GET', path: '/websocket', status: 101 },
];

/** The session that an endpoint opens where it may. */
const opens = ({ path }: RequestCase): boolean =>
  /\/(xhr|xhr_streaming|eventsource|htmlfile\?c=cb|jsonp\?c=cb|websocket)$/.test(path);

/** Asks any endpoint, WebSockets among them. */
async function request(url: string, requestCase: RequestCase, headers: Record<string, string>): Promise<Answer> {
  if (requestCase.status !== 101) {
    return sendRequest(url, requestCase, headers);
  }
  const { host, port, pathname } = new URL(url);
  const lines = handshake(
    pathname.replace(/\/$/, '') + requestCase.path,
    ...Object.entries(headers).map((h) => h.join(': ')),
  );
  const socket = new RawSocket(Number(port)).send(
    ...lines.map((line) => line.replace(/^Host: localhost$/, `Host: ${host}`)),
  );
  const received = await socket.until('\r\n\r\n');
  const end = received.indexOf('\r\n\r\n');
  const [status = '', ...rest] = received.slice(0, end).split('\r\n');
  const pairs = rest.map((line) => [line.replace(/:.*/, '').toLowerCase(), line.replace(/^[^:]*: ?/, '')]);
  const isRefused = !status.includes(' 101 ');
  const body = isRefused ? (await socket.closed).slice(end + 4) : '';
  return { status: Number(status.split(' ')[1]), headers: Object.fromEntries(pairs), body };
}

/** Checks that a request was rejected before it had any effect. */
function assertRefused({ status, headers, body }: Answer, { method }: RequestCase, what: string): void {
  assert.equal(status, 403, what);
  assert.equal(headers['content-type'], 'text/plain; charset=UTF-8', what);
  assert.equal(headers['x-content-type-options'], 'nosniff', what);
  assert.equal(headers.vary, 'Origin', what);
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.startsWith('access-control-')),
    [],
    what,
  );
  assert.equal(body, method === 'HEAD' ? '' : REFUSED, what);
}

type Source = 'own' | 'listed' | 'foreign' | 'null' | 'malformed';

const KINDS: readonly [title: string, allowedOrigins: AllowedOrigins | undefined, allowed: readonly Source[]][] = [
  ['left out', undefined, ['own', 'listed', 'foreign', 'null', 'malformed']],
  ["'*'", '*', ['own', 'listed', 'foreign', 'null', 'malformed']],
  ["'same-origin'", 'same-origin', ['own']],
  ['an empty list', [], ['own']],
  ['a list of strings', ['https://other.example', LISTED], ['own', 'listed']],
  ['a list with null', ['null'], ['own', 'null']],
  ['a list with what is no origin', ['no origin'], ['own', 'malformed']],
  ['a list of regular expressions', [/https:\/\/(listed|other)\.example/g], ['own', 'listed']],
  ['a function', (origin) => origin === LISTED, ['own', 'listed']],
  ['an async function', async (origin) => origin === LISTED, ['own', 'listed']],
];

describe('allowedOrigins', () => {
  for (const [title, allowedOrigins, allowed] of KINDS) {
    describe(title, () => {
      for (const requestCase of [...script, ...embedded]) {
        it(`holds for ${requestCase.method} BASE${requestCase.path}`, async () => {
          const isOpen = allowed.length === 5;
          const cases: [what: string, origin: string | undefined, isAllowed: boolean][] = [
            ['own', 'own', allowed.includes('own')],
            ['listed', LISTED, allowed.includes('listed')],
            ['foreign', FOREIGN, allowed.includes('foreign')],
            ['null', 'null', allowed.includes('null')],
            ['malformed', 'no origin', allowed.includes('malformed')],
            ['empty', '', isOpen],
            ['none', undefined, isOpen || script.includes(requestCase)],
          ];
          for (const [what, origin, isAllowed] of cases) {
            const sessions = sessionCatcher();
            const server = await serve({ rawWebsocket: true, allowedOrigins }, sessions.onSession);
            const sent = origin === undefined ? {} : { Origin: origin === 'own' ? server.origin : origin };
            const answer = await request(`${server.origin}/echo`, requestCase, sent);
            const before = requestCase.opened === true ? 1 : 0;
            if (isAllowed) {
              assert.equal(answer.status, requestCase.status, what);
              assert.equal(
                sessions.count(),
                before + (opens(requestCase) && requestCase.method !== 'OPTIONS' ? 1 : 0),
                what,
              );
              if (requestCase.status !== 101) {
                assert.match(answer.headers.vary ?? '', /^Origin\b/, what);
              }
            } else {
              assertRefused(answer, requestCase, what);
              assert.equal(sessions.count(), before, what);
            }
          }
        });
      }

      it('never refuses the greeting', async () => {
        const { origin } = await serve(allowedOrigins === undefined ? {} : { allowedOrigins });
        for (const sent of [LISTED, FOREIGN, 'null', 'no origin']) {
          const { status, headers } = await fetchText(`${origin}/echo`, 'GET', { headers: { Origin: sent } });
          assert.deepEqual([status, headers.vary], [200, undefined]);
        }
      });
    });
  }

  for (const requestCase of script) {
    it(`judges what a browser marks as another site's by its Referer on ${requestCase.method} BASE${requestCase.path}`, async () => {
      for (const site of ['cross-site', 'same-site']) {
        for (const [referer, isAllowed] of [
          [undefined, false],
          [`${FOREIGN}/page`, false],
          [`${LISTED}/page`, true],
        ] as const) {
          const server = await serve({ rawWebsocket: true, allowedOrigins: [LISTED] });
          const sent = { 'Sec-Fetch-Site': site, ...(referer === undefined ? {} : { Referer: referer }) };
          const answer = await request(`${server.origin}/echo`, requestCase, sent);
          if (isAllowed) {
            assert.equal(answer.status, requestCase.status);
          } else {
            assertRefused(answer, requestCase, site);
          }
        }
      }
    });
  }

  it('delivers nothing of a refused send to the session', async () => {
    const received: string[] = [];
    const { origin } = await serve({ allowedOrigins: 'same-origin' }, (session) => {
      session.on('message', (message) => received.push(message));
    });
    await post(`${origin}/echo/0/s/xhr`);
    assert.equal((await post(`${origin}/echo/0/s/xhr_send`, '["bad"]', { Origin: FOREIGN })).status, 403);
    assert.equal((await post(`${origin}/echo/0/s/xhr_send`, '["good"]', { Origin: origin })).status, 204);
    assert.deepEqual(received, ['good']);
  });

  it('lets the allowed origin read the answer', async () => {
    const { origin } = await serve({ allowedOrigins: [LISTED] });
    for (const method of ['GET', 'OPTIONS']) {
      const { headers } = await fetchText(`${origin}/echo/info`, method, { headers: { Origin: LISTED } });
      assert.equal(headers['access-control-allow-origin'], LISTED);
      assert.equal(headers['access-control-allow-credentials'], 'true');
    }
  });

  it('refuses two Origin headers, one of which is allowed', async () => {
    const { port, origin } = await serve({ allowedOrigins: [LISTED] });
    const lines = [`GET /echo/info HTTP/1.1`, `Host: ${origin.slice(7)}`, 'Connection: close'];
    const socket = new RawSocket(port).send(...lines, `Origin: ${LISTED}`, `Origin: ${FOREIGN}`, '', '');
    assert.match(await socket.closed, /^HTTP\/1\.1 403 /);
  });
});

describe("the server's own origin", () => {
  const HTTPS = { 'X-Forwarded-Proto': 'https' };
  const rows: [host: string, origin: string, isOwn: boolean, trustProxy?: boolean, headers?: Record<string, string>][] =
    [
      ['chat.example', 'http://chat.example', true],
      ['chat.example', 'https://chat.example', false],
      ['chat.example', 'http://chat.example:8080', false],
      ['chat.example', 'http://www.chat.example', false],
      ['chat.example', 'http://chat.example/', false],
      ['chat.example', 'null', false],
      ['chat.example:80', 'http://chat.example', true],
      ['chat.example:8080', 'http://chat.example:8080', true],
      ['chat.example:8080', 'http://chat.example', false],
      ['CHAT.example', 'http://chat.example', true],
      ['[::1]:8080', 'http://[::1]:8080', true],
      ['chat.example', 'https://chat.example', true, true, HTTPS],
      ['chat.example:443', 'https://chat.example', true, true, HTTPS],
      ['chat.example', 'http://chat.example', false, true, HTTPS],
      ['chat.example', 'http://chat.example', true, true],
      ['chat.example', 'https://chat.example', false, false, HTTPS],
      ['chat.example', 'http://chat.example', true, false, HTTPS],
      ['', 'http://undefined', false],
      ['a b', 'http://a', false],
      ['%', 'undefined', false],
    ];
  for (const [title, library] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    for (const [host, origin, isOwn, trustProxy = false, headers = {}] of rows) {
      const proxy = `${Object.values(headers).join()}${trustProxy ? ' behind a trusted proxy' : ''}`;
      it(`is ${isOwn ? '' : 'not '}${origin} at Host ${host} ${proxy} under ${title}`, async () => {
        const app = library().set('trust proxy', trustProxy);
        const server = await listen(app.use('/echo', sockjs({ allowedOrigins: 'same-origin' }, echo)));
        const sent = { ...headers, Host: host, Origin: origin };
        assert.equal((await post(`${server.origin}/echo/0/s/xhr`, '', sent)).status, isOwn ? 200 : 403);
      });
    }
  }

  it('has the scheme of the proxy on WebSockets, too', async () => {
    const { port } = await serve({ allowedOrigins: 'same-origin' }, echo, {
      before: (app) => app.set('trust proxy', true),
    });
    for (const [origin, status] of [
      ['https://localhost', '101'],
      ['http://localhost', '403'],
    ]) {
      const socket = new RawSocket(port).send(
        ...handshake('/echo/0/s/websocket', `Origin: ${origin}`, 'X-Forwarded-Proto: https'),
      );
      assert.match(await socket.until('\r\n\r\n'), new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  });

  it('is none where there is no Host', async () => {
    const { port } = await serve({ allowedOrigins: 'same-origin' });
    const socket = new RawSocket(port).send('GET /echo/info HTTP/1.0', 'Origin: http://undefined', '', '');
    assert.match(await socket.closed, /^HTTP\/1\.1 403 /);
  });

  const bare: RequestListener = sockjs({ allowedOrigins: 'same-origin' }, echo);

  it('is that of a bare listener', async () => {
    const { origin } = await listen(bare);
    assert.equal((await post(`${origin}/0/s/xhr`, '', { Origin: origin })).status, 200);
    assert.equal((await post(`${origin}/0/t/xhr`, '', { Origin: origin.replace('http', 'https') })).status, 403);
  });

  it('is https over TLS', async () => {
    const { port } = await listen(createHttpsServer(TLS, bare));
    for (const [scheme, status] of [
      ['https', 200],
      ['http', 403],
    ] as const) {
      const headers = { Origin: `${scheme}://127.0.0.1:${port}` };
      const req = httpsRequest({ host: '127.0.0.1', port, path: '/info', headers, agent: false, ca: TLS.cert }).end();
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      res.resume();
      assert.equal(res.statusCode, status);
    }
  });

  it('is the authority of HTTP/2, which has no Host', async () => {
    const server = createSecureServer(TLS, (req, res) => Reflect.apply(bare, undefined, [req, res]));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null, 'listens on a port');
    const own = `https://127.0.0.1:${address.port}`;
    const client = connectHttp2(own, { ca: TLS.cert });
    afterTest(() => {
      client.destroy();
      server.close();
    });
    for (const [origin, status] of [
      [own, 200],
      ['https://undefined', 403],
      [FOREIGN, 403],
    ] as const) {
      const stream = client.request({ ':path': '/info', origin });
      const [headers] = await once(stream, 'response');
      stream.resume();
      assert.equal(headers[':status'], status, origin);
    }
  });
});

describe('a request without Origin', () => {
  const rows: [title: string, headers: Record<string, string>, isAllowed: boolean][] = [
    ['of an own page', { Referer: 'OWN/page?x#y' }, true],
    ['of a listed page', { Referer: `${LISTED}/page?x` }, true],
    ['of a listed page, the default port named', { Referer: `${LISTED}:443/` }, true],
    ['of a foreign page', { Referer: `${FOREIGN}/page` }, false],
    ['of a foreign page that names a listed one', { Referer: `${FOREIGN}/${LISTED}` }, false],
    ['of a page whose host begins with a listed one', { Referer: `${LISTED}.evil.example/` }, false],
    ['of a page whose user is a listed host', { Referer: `${LISTED}@evil.example/` }, false],
    ['of a listed host at another port', { Referer: `${LISTED}:444/` }, false],
    ['with a Referer that is no URL', { Referer: 'listed.example' }, false],
    ['with an empty Referer', { Referer: '' }, false],
    ['without Referer', {}, false],
    ['without Referer, same-origin', { 'Sec-Fetch-Site': 'same-origin' }, true],
    ['without Referer, same-site', { 'Sec-Fetch-Site': 'same-site' }, false],
    ['without Referer, cross-site', { 'Sec-Fetch-Site': 'cross-site' }, false],
    ['without Referer, typed in', { 'Sec-Fetch-Site': 'none' }, false],
    ['of a foreign page, same-origin', { Referer: `${FOREIGN}/`, 'Sec-Fetch-Site': 'same-origin' }, false],
    ['of a page without origin', { Referer: 'about:blank' }, false],
    ['of a page without origin, same-origin', { Referer: 'about:blank', 'Sec-Fetch-Site': 'same-origin' }, true],
  ];
  for (const requestCase of embedded) {
    it(`is judged by its Referer at ${requestCase.method} BASE${requestCase.path}`, async () => {
      for (const [title, headers, isAllowed] of rows) {
        const { origin } = await serve({ allowedOrigins: [LISTED] });
        const { Referer } = headers;
        const sent = Referer === undefined ? headers : { ...headers, Referer: Referer.replace('OWN', origin) };
        const answer = await sendRequest(`${origin}/echo`, requestCase, sent);
        if (isAllowed) {
          assert.equal(answer.status, requestCase.status, title);
        } else {
          assertRefused(answer, requestCase, title);
        }
      }
    });

    it(`goes by its Origin at ${requestCase.method} BASE${requestCase.path} where it has one after all`, async () => {
      const { origin } = await serve({ allowedOrigins: [LISTED] });
      const status = async (from: string, referer: string) =>
        (await sendRequest(`${origin}/echo`, requestCase, { Origin: from, Referer: referer })).status;
      assert.equal(await status(FOREIGN, `${LISTED}/`), 403);
      assert.equal(await status(LISTED, `${FOREIGN}/`), requestCase.status);
    });
  }

  it('passes everywhere else, with any Referer', async () => {
    for (const requestCase of script) {
      const { origin } = await serve({ allowedOrigins: [LISTED], rawWebsocket: true });
      const { status } = await request(`${origin}/echo`, requestCase, { Referer: `${FOREIGN}/` });
      assert.equal(status, requestCase.status, requestCase.path);
    }
  });
});

describe('null', () => {
  for (const requestCase of [...script, ...embedded]) {
    it(`passes at ${requestCase.method} BASE${requestCase.path} where the browser says same-origin`, async () => {
      for (const [from, site, isAllowed] of [
        ['null', 'same-origin', true],
        ['null', 'same-site', false],
        ['null', 'cross-site', false],
        ['null', 'none', false],
        ['no origin', 'same-origin', false],
        [FOREIGN, 'same-origin', false],
      ] as const) {
        const { origin } = await serve({ allowedOrigins: 'same-origin', rawWebsocket: true });
        const { status } = await request(`${origin}/echo`, requestCase, { Origin: from, 'Sec-Fetch-Site': site });
        assert.equal(status, isAllowed ? requestCase.status : 403, `${from} ${site}`);
      }
    });
  }
});

describe('a regular expression', () => {
  const rows: [pattern: RegExp, origin: string, matches: boolean][] = [
    [/https:\/\/listed\.example/, LISTED, true],
    [/https:\/\/listed\.example/, `${LISTED}.evil.example`, false],
    [/listed\.example/, LISTED, false],
    [/.*listed\.example/, LISTED, true],
    [/https:\/\/listed\.example|https:\/\/a\.example/, 'https://a.example.evil.example', false],
    [/https:\/\/listed\.example|https:\/\/a\.example/, `${LISTED}.evil.example`, false],
    [/https:\/\/listed\.example|https:\/\/a\.example/, 'https://a.example', true],
    [/^https:\/\/listed\.example$/, LISTED, true],
    [/HTTPS:\/\/LISTED\.EXAMPLE/i, LISTED, true],
    [/https:\/\/listed\.example/g, LISTED, true],
    [/https:\/\/listed\.example/y, LISTED, true],
    [/https:\/\/\p{Ll}+\.example/u, LISTED, true],
    [/https:\/\/(?<name>l)isted\.\k<name>?example/gmsu, LISTED, true],
    [/(?:)/, LISTED, false],
  ];
  for (const [pattern, from, matches] of rows) {
    it(`${matches ? 'lets in' : 'keeps out'} ${from} as ${pattern}, however often it is asked`, async () => {
      const { origin } = await serve({ allowedOrigins: [pattern] });
      for (let i = 0; i < 3; i += 1) {
        const { status } = await fetchText(`${origin}/echo/info`, 'GET', { headers: { Origin: from } });
        assert.equal(status, matches ? 200 : 403);
      }
      assert.equal(pattern.lastIndex, 0);
    });
  }
});

describe('a function', () => {
  it('is given the origin and the request, once for each that is not the own', async () => {
    const asked: unknown[] = [];
    const { origin } = await serve({
      allowedOrigins: (from, req) => {
        asked.push([from, req.headers['x-user']]);
        return true;
      },
    });
    const url = `${origin}/echo`;
    const user = { 'X-User': 'me' };
    await post(`${url}/0/s/xhr`, '', { ...user, Origin: LISTED });
    await post(`${url}/0/t/xhr`, '', { ...user, Origin: origin });
    await post(`${url}/0/u/xhr`, '', user);
    await fetchText(`${url}/0/v/jsonp?c=cb`, 'GET', { headers: { ...user, Referer: `${LISTED}/page` } });
    await fetchText(`${url}/0/w/jsonp?c=cb`, 'GET', { headers: { ...user, Referer: 'odd' } });
    await fetchText(`${url}/0/x/jsonp?c=cb`, 'GET', { headers: user });
    await fetchText(`${url}/0/y/xhr`, 'GET', { headers: { ...user, Origin: LISTED } });
    await fetchText(url, 'GET', { headers: { ...user, Origin: LISTED } });
    assert.deepEqual(asked, [
      [LISTED, 'me'],
      [LISTED, 'me'],
      ['odd', 'me'],
    ]);
  });

  const failures: [title: string, fail: AllowedOrigins][] = [
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
  ];
  for (const [title, allowedOrigins] of failures) {
    for (const [name, library] of [
      ['Express 5', express],
      ['Express 4', express4],
    ] as const) {
      it(`that ${title} goes to the error handling of ${name}, and the process lives`, async () => {
        const sessions = sessionCatcher();
        for (const requestCase of [...script, ...embedded]) {
          if (requestCase.opened || requestCase.status === 101) {
            continue;
          }
          const app = library().use('/echo', sockjs({ allowedOrigins }, sessions.onSession));
          app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
            res.status(500).end(`handled: ${error.message}`);
          });
          const { origin } = await listen(app);
          const { status, body } = await sendRequest(`${origin}/echo`, requestCase, { Origin: LISTED });
          const expected = requestCase.method === 'HEAD' ? '' : 'handled: boom';
          assert.deepEqual([status, body], [500, expected], requestCase.path);
        }
        assert.equal(sessions.count(), 0);
      });
    }

    it(`that ${title} is 500 to a WebSocket`, async () => {
      const { port } = await serve({ allowedOrigins }, echo, { before: (app) => app.set('env', 'test') });
      const socket = new RawSocket(port).send(...handshake('/echo/0/s/websocket', `Origin: ${LISTED}`));
      assert.match(await socket.closed, /^HTTP\/1\.1 500 /);
    });

    it(`that ${title} is 500 from a bare listener, which prints the error`, async () => {
      const printed = captureErrors();
      const { url } = await serveMounted(mountingOf('a bare listener without a prefix'), { allowedOrigins });
      const { status, body } = await post(`${url}/0/s/xhr`, '', { Origin: LISTED });
      assert.deepEqual([status, body], [500, 'Internal server error.']);
      assert.deepEqual(printed, [new Error('boom')]);
      assert.equal((await post(`${url}/0/s/xhr`)).body, 'o\n');
    });
  }

  it('opens no session for a client that leaves while it thinks', async () => {
    const sessions = sessionCatcher();
    let decide: (allowed: boolean) => void = () => {};
    let onAsked: (req: IncomingMessage) => void = () => {};
    const asked = new Promise<IncomingMessage>((resolve) => {
      onAsked = resolve;
    });
    const allowedOrigins: AllowedOrigins = (_origin, req) => {
      onAsked(req);
      return new Promise((resolve) => {
        decide = resolve;
      });
    };
    const { origin } = await serve({ allowedOrigins }, sessions.onSession);
    const stream = new Stream(`${origin}/echo/0/s/xhr_streaming`, 'POST', { headers: { Origin: LISTED } });
    const { socket } = await asked;
    const closed = once(socket, 'close');
    stream.abort();
    await closed;
    decide(true);
    assert.equal((await post(`${origin}/echo/0/s/xhr_send`, '[]')).status, 404);
    assert.equal(sessions.count(), 0);
  });
});

describe('SOCKJS_OPEN_ORIGINS', () => {
  const COOKIE = { Cookie: 'sid=secret' };

  /** Runs requests one after the other in a process of their own; the warnings that each brought. */
  async function warningsOf(requests: readonly object[], allowedOrigins: AllowedOrigins = '*'): Promise<unknown> {
    const program = `
      import { createServer, request } from 'node:http';
      import { once } from 'node:events';
      import { sockjs } from './lib/index.ts';
      const warnings = [];
      process.on('warning', ({ code, message }) => warnings.push({ code, message }));
      const server = createServer(sockjs({ allowedOrigins: ${JSON.stringify(allowedOrigins)} }, () => {}));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const found = [];
      for (const { path = '/info', ...headers } of ${JSON.stringify(requests)}) {
        const { port } = server.address();
        const Host = 'chat.example';
        const req = request({ host: '127.0.0.1', port, path, headers: { Host, ...headers }, agent: false }).end();
        const [res] = await once(req, 'response');
        res.resume();
        await once(res, 'end');
        found.push(warnings.splice(0));
      }
      console.log(JSON.stringify(found));
      process.exit();
    `;
    return evaluate(program);
  }

  const warning = (origin: string) => ({
    code: 'SOCKJS_OPEN_ORIGINS',
    message:
      `sockjs: a page of "${origin}" connected with this site's cookies, as any site can while allowedOrigins is '*'; ` +
      "set allowedOrigins to 'same-origin' or to the list of origins you trust",
  });

  it('comes once, with the first foreign request that has a cookie', async () => {
    const found = await warningsOf([
      { Origin: FOREIGN },
      COOKIE,
      { ...COOKIE, Origin: 'http://chat.example' },
      { ...COOKIE, Origin: 'https://chat.example' },
      { ...COOKIE, Origin: FOREIGN, path: '/' },
      { ...COOKIE, Origin: FOREIGN },
      { ...COOKIE, Origin: LISTED },
    ]);
    assert.deepEqual(found, [[], [], [], [], [], [warning(FOREIGN)], []]);
  });

  it('comes for a foreign page that sends no Origin as well', async () => {
    const path = '/0/s/jsonp?c=cb';
    const found = await warningsOf([
      { ...COOKIE, path, Referer: 'http://chat.example/page' },
      { ...COOKIE, Referer: `${FOREIGN}/page` },
      { ...COOKIE, path: '/0/t/jsonp?c=cb', Referer: `${FOREIGN}/page` },
    ]);
    assert.deepEqual(found, [[], [], [warning(FOREIGN)]]);
  });

  it('cannot be made to print a long or a wild text', async () => {
    const found = await warningsOf([{ ...COOKIE, Origin: `\u009b"${'x'.repeat(1000)}` }]);
    assert.deepEqual(found, [[warning(`?\\"${'x'.repeat(198)}`)]]);
  });

  it('never comes where origins are checked', async () => {
    const found = await warningsOf(
      [
        { ...COOKIE, Origin: FOREIGN },
        { ...COOKIE, Origin: LISTED },
      ],
      [LISTED],
    );
    assert.deepEqual(found, [[], []]);
  });
});
