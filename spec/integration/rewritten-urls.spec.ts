/** Code in front of the router that sets `req.url`, as Express, Connect or a hand-written listener may do. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import connect from 'connect';
import express from 'express';
import type { MaybeExpressRequest } from '../../lib/http/express.ts';
import { attachUpgrade, type SockjsOptions, sockjs } from '../../lib/index.ts';
import type { Next } from '../../lib/router/handle-request.ts';
import { fetchText, handshake, post, RawSocket } from '../support/http.ts';
import { captureErrors, express4, MOUNTINGS, type Mounting } from '../support/mountings.ts';
import { listenAs, SERVER_KINDS } from '../support/server-kinds.ts';
import { echo, listen, sessionCatcher } from '../support/test-server.ts';
import { serverFrame } from '../support/upgrade-client.ts';
import { otherListener } from '../support/upgrade-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

interface Rewrite {
  readonly title: string;
  /** What the client sends to reach a URL of the server. */
  sent(url: string, base: string): string;
  /** What becomes of that in front of the application. */
  rewritten(sent: string, base: string): string;
  /** Whether slashes that the client doubles are not doubled in what it sends. */
  readonly hidesSlashes?: true;
}

const HOST = 'http://elsewhere.example:81';

const withQuery = (url: string, field: string) => `${url}${url.includes('?') ? '&' : '?'}${field}`;

const REWRITES: readonly Rewrite[] = [
  {
    title: 'a prefix is stripped',
    sent: (url) => `/services/v1${url}`,
    rewritten: (sent) => sent.slice('/services/v1'.length),
  },
  {
    title: 'the mount path is added',
    sent: (url, base) => url.slice(base.length),
    rewritten: (sent, base) => base + sent,
  },
  {
    title: 'the URL is an alias',
    sent: (url) => `/alias/${encodeURIComponent(url)}`,
    rewritten: (sent) => decodeURIComponent(sent.slice('/alias/'.length)),
    hidesSlashes: true,
  },
  { title: 'a host is added', sent: (url) => url, rewritten: (sent) => HOST + sent },
  {
    title: 'the host of an absolute-form target is removed',
    sent: (url) => HOST + url,
    rewritten: (sent) => sent.slice(HOST.length),
  },
  { title: 'a query is added', sent: (url) => url, rewritten: (sent) => withQuery(sent, 'added=/a//b') },
  {
    title: 'a token is taken out of the query',
    sent: (url) => withQuery(url, 'token=/a//b'),
    rewritten: (sent) => sent.replace(/[?&]token=\/a\/\/b$/, ''),
  },
];

/** What the code in front sets beside `req.url`. */
const LEFT: readonly [title: string, set: (req: MaybeExpressRequest, sent: string) => void][] = [
  ['nothing else', () => {}],
  [
    'originalUrl as the client sent it',
    (req, sent) => {
      req.originalUrl = sent;
    },
  ],
  [
    'originalUrl as it was rewritten, and no base',
    (req) => {
      req.originalUrl = req.url ?? '';
      req.baseUrl = '';
    },
  ],
  [
    'originalUrl as the client sent it, and a base',
    (req, sent) => {
      req.originalUrl = sent;
      req.baseUrl = '/services/v1';
    },
  ],
];

/** Serves an application behind a listener that rewrites URLs. */
async function serveBehind(
  listener: RequestListener,
  rewritten: (sent: string) => string,
  set: (req: MaybeExpressRequest, sent: string) => void = () => {},
) {
  const server = createServer((req, res) => {
    const sent = req.url ?? '';
    req.url = rewritten(sent);
    set(req, sent);
    listener(req, res);
  });
  attachUpgrade(server);
  return listen(server);
}

const OPTIONS: SockjsOptions = { rawWebsocket: true };

const UNKNOWN = ['/unknown', '/0/a.b/xhr', '/0/s/xhr/', '/0//xhr'];
const DOUBLED = ['//', '//info', '//0/s/xhr'];

async function assertServes({ base, listener }: Mounting, rewrite: Rewrite, set: (typeof LEFT)[number][1]) {
  const { sent, rewritten, hidesSlashes = false } = rewrite;
  const { origin, port } = await serveBehind(listener(OPTIONS, echo), (url) => rewritten(url, base), set);
  // A client cannot send an empty target.
  const path = (url: string) => sent(base + url, base) || '/';
  const url = (rest: string) => origin + path(rest);
  // Express answers 404 itself to a URL without a path.
  const roots = base === '' ? ['/'] : ['', '/'];
  for (const rest of [...roots, '/info?t=1', '/iframe-1.html']) {
    assert.equal((await fetchText(url(rest))).status, 200, rest);
  }
  assert.equal((await post(url('/0/poll/xhr'))).body, 'o\n');
  assert.equal((await post(url('/1/poll/xhr_send'), '["m"]')).status, 204);
  assert.equal((await post(url('/2/poll/xhr'))).body, 'a["m"]\n');
  assert.equal((await fetchText(url('/0/script/jsonp?c=cb'))).body, '/**/cb("o");\r\n');
  for (const rest of hidesSlashes ? UNKNOWN : [...UNKNOWN, ...DOUBLED]) {
    assert.equal((await fetchText(url(rest))).status, 404, rest);
  }
  const framed = new RawSocket(port).send(...handshake(path('/0/s/websocket')));
  await framed.until(serverFrame(1, 'o'));
  const raw = new RawSocket(port).send(...handshake(path('/websocket')));
  await raw.until('HTTP/1.1 101 ');
}

describe('a router behind a listener that rewrites req.url', () => {
  for (const mounting of MOUNTINGS) {
    for (const rewrite of REWRITES) {
      it(`serves all its paths in ${mounting.title} where ${rewrite.title}`, async () => {
        captureErrors();
        for (const [left, set] of LEFT) {
          await assertServes(mounting, rewrite, set).catch((cause: unknown) => {
            throw new Error(`where the listener sets ${left}`, { cause });
          });
        }
      });
    }
  }

  for (const { name, create, open } of SERVER_KINDS) {
    it(`opens WebSockets on ${name} whose path as the client sent it is another`, async () => {
      const router = sockjs({ prefix: '/echo' }, echo);
      const server = create((req, res) => {
        req.url = '/echo/0/s/websocket';
        router(req, res);
      });
      attachUpgrade(server);
      const raw = open(await listenAs(server)).send(...handshake('/live?token=x'));
      await raw.until(serverFrame(1, 'o'));
    });
  }

  it('keeps what the client sent as originalUrl of the session, where the listener says so', async () => {
    const sessions = sessionCatcher();
    const { origin } = await serveBehind(
      sockjs({ prefix: '/echo' }, sessions.onSession),
      (sent) => sent.slice('/v1'.length),
      (req, sent) => {
        req.originalUrl = sent;
      },
    );
    await post(`${origin}/v1/echo/0/s/xhr?x`);
    const { originalUrl, baseUrl } = (await sessions.next()).request as MaybeExpressRequest;
    assert.deepEqual([originalUrl, baseUrl], ['/v1/echo/0/s/xhr?x', '']);
  });
});

describe('middleware at the mount path that rewrites req.url', () => {
  const rewriteBy =
    (rewritten: (url: string) => string) => (req: IncomingMessage, _res: ServerResponse, next: () => void) => {
      req.url = rewritten(req.url ?? '');
      next();
    };
  const FRAMEWORKS: readonly [string, (rewrite: ReturnType<typeof rewriteBy>) => RequestListener][] = [
    ['Express 5', (rewrite) => express().use('/echo', rewrite, sockjs(OPTIONS, echo))],
    ['Express 4', (rewrite) => express4().use('/echo', rewrite, sockjs(OPTIONS, echo))],
    ['Connect', (rewrite) => connect().use('/echo', rewrite).use('/echo', sockjs(OPTIONS, echo))],
  ];
  for (const [title, app] of FRAMEWORKS) {
    for (const [sent, rewritten] of [
      ['/echo/v2/info', '/info'],
      ['/echo/v2/info?x', '/info?y'],
      ['/echo/v2', ''],
      ['/echo/v2', '/'],
      ['/echo/v2?x', '?x'],
    ] as const) {
      it(`from ${sent} to ${JSON.stringify(rewritten)} is followed in ${title}`, async () => {
        const { origin } = await listen(app(rewriteBy(() => rewritten)));
        assert.equal((await fetchText(origin + sent)).status, 200);
      });
    }

    it(`is followed by a WebSocket in ${title}`, async () => {
      const server = createServer(app(rewriteBy(() => '/0/s/websocket')));
      attachUpgrade(server);
      const { origin } = await listen(server);
      assert.equal(await new WebSocketClient(origin, '/echo/live').next(), 'o');
    });
  }
});

describe('req.url that a listener has set to', () => {
  /** Routers called by hand. What comes behind them answers with the URL that it finds. */
  const ROUTERS: readonly [title: string, base: string, (options: SockjsOptions) => ReturnType<typeof sockjs>][] = [
    ['a bare router', '', (options) => sockjs(options, echo)],
    ['a router with a prefix', '/echo', (options) => sockjs({ ...options, prefix: '/echo' }, echo)],
    ['a router with a pattern', '/echo', (options) => sockjs({ ...options, prefix: /\/ECHO/gi }, echo)],
    [
      'a router to which a layer was added',
      '',
      (options) => {
        const router = sockjs(options, echo);
        router.get('/own', (_req, res) => res.end());
        return router;
      },
    ],
    [
      'a router with a prefix to which a layer was added',
      '/echo',
      (options) => {
        const router = sockjs({ ...options, prefix: '/echo' }, echo);
        router.get('/own', (_req, res) => res.end());
        return router;
      },
    ],
  ];

  async function serveByHand(router: ReturnType<typeof sockjs>, url: string | undefined) {
    const found: unknown[] = [];
    const { origin } = await listen((req, res) => {
      req.url = url;
      const next: Next = (error) => {
        found.push(req.url);
        res.statusCode = error === undefined ? 404 : 500;
        res.end();
      };
      router(req, res, next);
    });
    return { found, ask: async (method = 'GET', body = '') => (await fetchText(origin, method, { body })).status };
  }

  for (const [title, base, make] of ROUTERS) {
    for (const path of ['/unknown?x=/y', '//info', '/0/%zz/xhr', '/info/']) {
      for (const url of [base + path, HOST + base + path]) {
        it(`${url} is the same in next behind ${title}`, async () => {
          const { found, ask } = await serveByHand(make({}), url);
          assert.equal(await ask(), 404);
          assert.deepEqual(found, [url]);
        });
      }
    }

    for (const url of [undefined, '', '?x=/info', HOST, 'info', 'echo/info', '*', '#/echo/info']) {
      it(`${url === undefined ? 'undefined' : JSON.stringify(url)} is the root or nothing to ${title}`, async () => {
        const isRoot = base === '' && [undefined, '', '?x=/info', HOST, '#/echo/info'].includes(url);
        const { found, ask } = await serveByHand(make({}), url);
        assert.equal(await ask(), isRoot ? 200 : 404);
        assert.deepEqual(found, isRoot ? [] : [url]);
      });
    }

    for (const [what, options] of [
      ['that throws', { baseUrl: () => assert.fail('from the application') }],
      ['that rejects', { allowedOrigins: () => Promise.reject(new Error('from the application')) }],
    ] as const) {
      it(`${base}/info is the same in next(error) behind ${title} with a function ${what}`, async () => {
        const url = `${HOST}${base}/info?x`;
        const router = make(options);
        const found: unknown[] = [];
        const { origin } = await listen((req, res) => {
          req.url = url;
          req.headers.origin = 'https://page.example';
          router(req, res, (error) => {
            found.push(req.url, String(error).includes('from the application'));
            res.end();
          });
        });
        await fetchText(origin);
        assert.deepEqual(found, [url, true]);
      });
    }
  }
});

describe('a slash that the client has doubled behind the mount path', () => {
  const LIBRARIES: readonly [string, () => express.Express][] = [
    ['Express 5', () => express()],
    ['Express 4', () => express4()],
  ];
  const PATHS = ['//', '//info', '//iframe.html', '//0/s/xhr', '//0/s/eventsource?x'];
  for (const [title, library] of LIBRARIES) {
    const app = () => library().use('/echo', sockjs(echo));
    for (const [where, sent, rewritten] of [
      ['nothing is rewritten', '/echo', (url: string) => url],
      ['a prefix is stripped', '/services/echo', (url: string) => url.slice('/services'.length)],
      ['the mount path is replaced', '/socket', (url: string) => url.replace('/socket', '/echo')],
      ['the mount path is decoded', '/%65cho', (url: string) => url.replace('%65', 'e')],
      ['a host is added', '/echo', (url: string) => HOST + url],
      ['middleware removes the slash', '/echo', (url: string) => url.replace(/\/\/+/, '/')],
    ] as const) {
      it(`is 404 in ${title} where ${where}`, async () => {
        const outer = library()
          .use((req, _res, next) => {
            req.url = rewritten(req.url);
            next();
          })
          .use(app());
        const { origin } = await listen(outer);
        for (const path of PATHS) {
          assert.equal((await fetchText(origin + sent + path)).status, 404, path);
        }
        assert.equal((await fetchText(`${origin}${sent}/info`)).status, 200);
      });
    }

    it(`is 404 in ${title} where the path behind it is decoded`, async () => {
      const outer = library()
        .use((req, _res, next) => {
          req.url = decodeURI(req.url);
          next();
        })
        .use(app());
      const { origin } = await listen(outer);
      assert.equal((await fetchText(`${origin}/echo//%69nfo`)).status, 404);
      assert.equal((await fetchText(`${origin}/echo/%69nfo`)).status, 200);
    });

    it(`is answered in ${title} where middleware removes it from originalUrl as well`, async () => {
      const outer = library()
        .use((req, _res, next) => {
          req.url = req.url.replace(/\/\/+/, '/');
          req.originalUrl = req.url;
          next();
        })
        .use(app());
      const { origin } = await listen(outer);
      assert.equal((await fetchText(`${origin}/echo//info`)).status, 200);
    });

    it(`is no doubled slash in ${title} where it is elsewhere`, async () => {
      const outer = library()
        .use((req, _res, next) => {
          req.url = '/echo/info';
          next();
        })
        .use(app());
      const { origin } = await listen(outer);
      for (const path of ['/old//info2', '/a//b', '/old?x=//info', '/', '//']) {
        assert.equal((await fetchText(origin + path)).status, 200, path);
      }
    });
  }
});

describe('an upgrade that is rewritten, beside other upgrade listeners', () => {
  async function serveWithOther(rewritten: string) {
    const other = otherListener();
    const router = sockjs({ prefix: '/echo' }, echo);
    const server = createServer((req, res) => {
      req.url = rewritten;
      router(req, res);
    });
    attachUpgrade(server);
    server.on('upgrade', other.listener);
    return { ...(await listen(server)), other };
  }

  it('opens a WebSocket where the path that the client sent ends in /websocket', async () => {
    const { port } = await serveWithOther('/echo/0/s/websocket');
    const raw = new RawSocket(port).send(...handshake('/services/websocket?x'));
    await raw.until(serverFrame(1, 'o'));
  });

  it('goes to them at once where the path that the client sent is another', async () => {
    const { port, other } = await serveWithOther('/echo/0/s/websocket');
    const raw = new RawSocket(port).send(...handshake('/live?x'));
    assert.match(await raw.closed, /^X-By: other\r$/m);
    assert.equal((await other.seen.next()).url, '/live?x');
  });

  it('goes to them with the URL that the client sent where no endpoint takes it', async () => {
    const { port, other } = await serveWithOther('/elsewhere');
    const raw = new RawSocket(port).send(...handshake('/other/websocket?x'));
    assert.match(await raw.closed, /^X-By: other\r$/m);
    assert.equal((await other.seen.next()).url, '/other/websocket?x');
  });
});
