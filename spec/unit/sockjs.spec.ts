/** The factory: its arguments, what it returns, and all the ways in which that may be mounted. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import connect from 'connect';
import express, { type ErrorRequestHandler } from 'express';
import { type SockjsOptions, type SockjsRouter, sockjs, upgradeHandler } from '../../lib/index.ts';
import { fetchText, post } from '../support/http.ts';
import { captureErrors, express4, MOUNTINGS, mountingOf, serveMounted } from '../support/mountings.ts';
import { echo, listen, sessionCatcher } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

/** What Express puts on a request. */
type WithParams = IncomingMessage & { params?: object };

/** The parameters of a request as a plain object: those of Express 5 have no prototype. */
function paramsOf(request: WithParams): object | undefined {
  return request.params && { ...request.params };
}

describe('sockjs()', () => {
  describe('arguments', () => {
    /** As plain JavaScript may call it. */
    const loosely = (...args: unknown[]): unknown => Reflect.apply(sockjs, undefined, args);

    for (const [title, args] of [
      ['nothing', []],
      ['options alone', [{}]],
      ['undefined', [undefined]],
      ['null for onSession', [{}, null]],
      ['an object for onSession', [{}, {}]],
      ['onSession first', [echo, {}]],
    ] as const) {
      it(`throws a TypeError that names onSession and the remedy, given ${title}`, () => {
        assert.throws(() => loosely(...args), {
          name: 'TypeError',
          message: /onSession is missing.*sockjs\(options, /,
        });
      });
    }

    for (const options of [null, 'echo', 5, [], true]) {
      it(`throws a TypeError that names the options, given ${JSON.stringify(options)} for them`, () => {
        assert.throws(() => loosely(options, echo), {
          name: 'TypeError',
          message: /^sockjs: options must be an object/,
        });
      });
    }

    it('throws for an unknown option at once', () => {
      assert.throws(() => loosely({ heartbeat_delay: 1 }, echo), {
        name: 'TypeError',
        message: /"heartbeat_delay".*"heartbeatDelay"/,
      });
    });

    it('takes onSession alone', async () => {
      const { origin } = await listen(sockjs(echo));
      assert.equal((await post(`${origin}/0/s/xhr`)).body, 'o\n');
    });

    it('takes undefined for an option as left out', async () => {
      const { origin } = await listen(sockjs({ websocket: undefined, baseUrl: undefined, prefix: undefined }, echo));
      assert.match((await fetchText(`${origin}/info`)).body, /"websocket":true/);
    });

    it('does not look at the options again', async () => {
      const options: SockjsOptions = { websocket: true };
      const { origin } = await listen(sockjs(options, echo));
      options.websocket = false;
      options.baseUrl = '/late';
      const { websocket, base_url } = JSON.parse((await fetchText(`${origin}/info`)).body);
      assert.deepEqual({ websocket, base_url }, { websocket: true, base_url: undefined });
    });

    it('prints the right call when it is mounted itself', async () => {
      const errors: unknown[] = [];
      const app = express().use('/echo', sockjs as unknown as express.RequestHandler);
      app.use(((error, _req, res, _next) => {
        errors.push(error);
        res.status(500).end();
      }) satisfies ErrorRequestHandler);
      const { origin } = await listen(app);
      assert.equal((await fetchText(`${origin}/echo/info`)).status, 500);
      assert.match(String(errors[0]), /^TypeError: sockjs: .*app\.use\('\/echo', sockjs\(onSession\)\)/);
    });
  });

  describe('mounting', () => {
    const NOT_TAKEN = [
      '/echo/unknown?x',
      '/echo/a./b/xhr',
      '/echo/%zz/b/xhr',
      '/prefixed/unknown?x',
      '/x?/echo/info',
      '/',
    ];

    for (const mounting of MOUNTINGS) {
      describe(mounting.title, () => {
        it('carries a session over HTTP', async () => {
          const { url } = await serveMounted(mounting);
          assert.equal((await post(`${url}/0/s/xhr`)).body, 'o\n');
          assert.equal((await post(`${url}/1/s/xhr_send`, '["a","b"]')).status, 204);
          assert.equal((await post(`${url}/2/s/xhr`)).body, 'a["a","b"]\n');
        });

        it('carries a session over a WebSocket, and a raw one', async () => {
          const { origin } = await serveMounted(mounting, { rawWebsocket: true });
          const framed = new WebSocketClient(origin, `${mounting.base}/0/s/websocket`);
          assert.equal(await framed.next(), 'o');
          framed.send('["m"]');
          assert.equal(await framed.next(), 'a["m"]');
          const raw = new WebSocketClient(origin, `${mounting.base}/websocket`);
          await raw.opened;
          raw.send('m');
          assert.equal(await raw.next(), 'm');
        });

        it('keeps the parameters of the mount path on the request of the session', async () => {
          const sessions = sessionCatcher();
          const { origin, url } = await serveMounted(mounting, {}, sessions.onSession);
          await post(`${url}/0/s/xhr`);
          const { request } = await sessions.next();
          assert.deepEqual(paramsOf(request), mounting.params);
          await post(`${url}/0/s/xhr_send`, '[]');
          assert.deepEqual(paramsOf(request), mounting.params);
          await new WebSocketClient(origin, `${mounting.base}/0/s/websocket`).opened;
          assert.deepEqual(paramsOf((await sessions.next()).request), mounting.params);
        });

        it('answers 404 beside the endpoint, and nothing throws', async () => {
          const printed = captureErrors();
          const { origin, url } = await serveMounted(mounting);
          const beside =
            mounting.base === '' ? ['/a'] : ['/', '/info', '/ech/info', '/echoes/info', '/echo2', '/%zz', '//'];
          for (const path of beside) {
            assert.equal((await fetchText(origin + path)).status, 404, path);
          }
          assert.deepEqual(printed, []);
          assert.equal((await fetchText(`${url}/info`)).status, 200);
        });
      });
    }

    for (const [title, handlerOf] of [
      ['its handleUpgrade()', (router: SockjsRouter) => router.handleUpgrade],
      ['upgradeHandler()', (router: SockjsRouter) => upgradeHandler(router)],
    ] as const) {
      it(`carries all kinds of sessions in the place of attachUpgrade(), by ${title}`, async () => {
        const router = sockjs({ prefix: '/echo', rawWebsocket: true }, echo);
        const { server, origin } = await listen(router);
        server.on('upgrade', handlerOf(router));
        const framed = new WebSocketClient(origin, '/echo/0/s/websocket');
        assert.equal(await framed.next(), 'o');
        framed.send('["m"]');
        assert.equal(await framed.next(), 'a["m"]');
        const raw = new WebSocketClient(origin, '/echo/websocket');
        await raw.opened;
        raw.send('m');
        assert.equal(await raw.next(), 'm');
        assert.equal((await post(`${origin}/echo/0/s/xhr`)).body, 'o\n');
        assert.equal(router.sessions.size, 3);
      });
    }

    it('passes what it does not know on to what comes behind it in Connect', async () => {
      const app = connect()
        .use('/echo', sockjs(echo))
        .use(sockjs({ prefix: '/prefixed' }, echo));
      app.use((req: IncomingMessage, res: ServerResponse) => res.end(req.url));
      const { origin } = await listen(app);
      for (const path of [...NOT_TAKEN, '/echo//', '/prefixed//a/b/xhr']) {
        assert.equal((await fetchText(origin + path)).body, path);
      }
    });

    for (const [title, library] of [
      ['Express 5', express],
      ['Express 4', express4],
    ] as const) {
      it(`passes what it does not know on to what comes behind it in ${title}`, async () => {
        const app = library();
        app.use('/echo', sockjs(echo));
        app.use(sockjs({ prefix: '/prefixed' }, echo));
        app.use((req, res) => {
          res.end(`${req.baseUrl}|${req.url}|${req.originalUrl}`);
        });
        const { origin } = await listen(app);
        for (const path of [...NOT_TAKEN, '/echo//', '/prefixed//a/b/xhr']) {
          assert.equal((await fetchText(origin + path)).body, `|${path}|${path}`);
        }
      });

      it(`keeps the parameters of the innermost Router only, unless told to merge, in ${title}`, async () => {
        const sessions = sessionCatcher();
        const inner = library.Router().use('/:room', sockjs(sessions.onSession));
        const { origin } = await listen(library().use('/:tenant', inner));
        await post(`${origin}/t/r/0/s/xhr`);
        assert.deepEqual(paramsOf((await sessions.next()).request), { room: 'r' });
      });

      it(`lets middleware in front refuse, and decorate the request, in ${title}`, async () => {
        const users: unknown[] = [];
        const app = library();
        app.use('/echo', (req, res, next) => {
          if (req.headers.authorization === undefined) {
            res.status(401).end();
            return;
          }
          Object.assign(req, { user: req.headers.authorization });
          next();
        });
        app.use(
          '/echo',
          sockjs<unknown, IncomingMessage & { user?: string }>((session) => {
            users.push(session.request.user);
          }),
        );
        const { origin } = await listen(app);
        assert.equal((await post(`${origin}/echo/0/s/xhr`)).status, 401);
        assert.equal((await post(`${origin}/echo/0/s/xhr`, '', { Authorization: 'me' })).status, 200);
        assert.deepEqual(users, ['me']);
      });
    }

    it('gives two endpoints on one server sessions of their own', async () => {
      const [first, second] = [sessionCatcher(), sessionCatcher()];
      const app = express();
      app.use('/a', sockjs(first.onSession));
      app.use('/a/b', sockjs(second.onSession));
      const { origin } = await listen(app);
      assert.equal((await post(`${origin}/a/0/s/xhr`)).body, 'o\n');
      assert.equal((await post(`${origin}/a/b/0/s/xhr_send`, '["m"]')).status, 404);
      assert.equal((await post(`${origin}/a/b/0/s/xhr`)).body, 'o\n');
      assert.equal((await post(`${origin}/a/b/0/s/xhr_send`, '["m"]')).status, 204);
      const [one, two] = [await first.next(), await second.next()];
      assert.notEqual(one, two);
      two.close(3000, 'only this one');
      assert.equal(one.state, 'active');
      assert.equal((await post(`${origin}/a/b/0/s/xhr`)).body, 'c[3000,"only this one"]\n');
      one.send('still here');
      assert.equal((await post(`${origin}/a/0/s/xhr`)).body, 'a["still here"]\n');
    });

    it('gives one endpoint at two paths the same sessions', async () => {
      const endpoint = sockjs(echo);
      const { origin } = await listen(express().use('/a', endpoint).use('/b', endpoint));
      await post(`${origin}/a/0/s/xhr`);
      assert.equal((await post(`${origin}/b/0/s/xhr_send`, '["m"]')).status, 204);
      assert.equal((await post(`${origin}/a/0/s/xhr`)).body, 'a["m"]\n');
    });

    it('keeps two endpoints with prefixes in a row apart', async () => {
      const app = express();
      app.use(sockjs({ prefix: '/a', baseUrl: '/of-a' }, echo), sockjs({ prefix: '/a/b', baseUrl: '/of-b' }, echo));
      const { origin } = await listen(app);
      assert.match((await fetchText(`${origin}/a/info`)).body, /"\/of-a"/);
      assert.match((await fetchText(`${origin}/a/b/info`)).body, /"\/of-b"/);
    });

    it('adds no middleware of Express to a bare listener', async () => {
      const { origin } = await listen(sockjs({ prefix: '/echo' }, echo));
      assert.equal((await fetchText(`${origin}/echo/info`)).headers['x-powered-by'], undefined);
    });

    it('answers 404 without a prefix of its own case', async () => {
      const { origin } = await listen(sockjs({ prefix: '/echo' }, echo));
      for (const path of ['/ECHO/info', '/Echo', '/%65cho/info', '/echo%2finfo', '/echo.html']) {
        const { status, headers, body } = await fetchText(origin + path);
        assert.deepEqual([status, headers['content-type'], body], [404, 'text/plain; charset=UTF-8', 'Not found.']);
      }
    });
  });

  describe('functions in the options that throw', () => {
    const failure = new Error('from the application');
    const fail = () => {
      throw failure;
    };
    const cases: readonly (readonly [option: keyof SockjsOptions, method: string, path: string])[] = [
      ['checkOrigin', 'GET', '/info'],
      ['checkOrigin', 'OPTIONS', '/0/s/xhr'],
      ['checkOrigin', 'POST', '/0/s/xhr'],
      ['checkOrigin', 'POST', '/0/s/xhr_streaming'],
      ['checkOrigin', 'POST', '/0/s/xhr_send'],
      ['checkOrigin', 'GET', '/0/s/eventsource'],
      ['baseUrl', 'GET', '/info'],
      ['baseUrl', 'HEAD', '/info'],
      ['sockjsUrl', 'GET', '/iframe.html'],
      ['jsessionid', 'POST', '/0/s/xhr'],
      ['jsessionid', 'OPTIONS', '/0/s/xhr_send'],
      ['jsessionid', 'POST', '/0/s/xhr_streaming'],
      ['jsessionid', 'GET', '/0/s/htmlfile?c=cb'],
      ['jsessionid', 'GET', '/0/s/jsonp?c=cb'],
      ['jsessionid', 'POST', '/0/s/jsonp_send'],
      ['jsessionid', 'GET', '/0/s/websocket'],
    ];

    for (const mounting of ['Express 5', 'Express 4', 'Connect', 'a bare listener with a prefix'].map(mountingOf)) {
      for (const [option, method, path] of cases) {
        it(`are 500 under ${mounting.title}: ${option}, asked by ${method} ${path}`, async () => {
          captureErrors();
          const sessions = sessionCatcher();
          const { url } = await serveMounted(mounting, { [option]: fail }, sessions.onSession);
          assert.equal((await fetchText(url + path, method)).status, 500);
          assert.equal(sessions.count(), 0);
          assert.equal((await fetchText(`${url}/`)).status, 200);
        });
      }

      it(`refuse a WebSocket with 500 under ${mounting.title}`, async () => {
        captureErrors();
        const sessions = sessionCatcher();
        const { origin, url } = await serveMounted(mounting, { jsessionid: fail }, sessions.onSession);
        const client = new WebSocketClient(origin, `${mounting.base}/0/s/websocket`);
        await assert.rejects(client.opened, /Unexpected server response: 500/);
        assert.equal(sessions.count(), 0);
        assert.equal((await fetchText(`${url}/`)).status, 200);
      });
    }

    for (const [title, library] of [
      ['Express 5', express],
      ['Express 4', express4],
    ] as const) {
      it(`hand their error to the error handlers of ${title}`, async () => {
        const app = library().use('/echo', sockjs({ baseUrl: fail }, echo));
        app.use(((error, _req, res, _next) => {
          res.status(418).end(error === failure ? 'the very one' : String(error));
        }) satisfies ErrorRequestHandler);
        const { origin } = await listen(app);
        const { status, body } = await fetchText(`${origin}/echo/info`);
        assert.deepEqual({ status, body }, { status: 418, body: 'the very one' });
      });
    }

    it('are printed by a bare listener, whose answer tells nothing of it', async () => {
      const printed = captureErrors();
      const { origin } = await listen(sockjs({ prefix: '/echo', baseUrl: fail }, echo));
      const { status, headers, body } = await fetchText(`${origin}/echo/info`);
      assert.deepEqual(
        [status, headers['content-type'], headers['x-content-type-options'], body],
        [500, 'text/plain; charset=UTF-8', 'nosniff', 'Internal server error.'],
      );
      assert.deepEqual(printed, [failure]);
    });

    it('close the connection of a bare listener when they have answered already', async () => {
      captureErrors();
      const jsessionid = (_req: IncomingMessage, res: ServerResponse) => {
        res.writeHead(200, { 'Content-Length': 5 });
        throw failure;
      };
      const { origin } = await listen(sockjs({ prefix: '/echo', jsessionid }, echo));
      await assert.rejects(post(`${origin}/echo/0/s/xhr`), { code: 'ECONNRESET' });
      assert.equal((await fetchText(`${origin}/echo`)).status, 200);
    });

    for (const answer of ['javascript:alert(1)', '', 'x.js', '.x.js', undefined, 5]) {
      it(`sockjsUrl is 500 as well when it returns ${JSON.stringify(answer)}`, async () => {
        captureErrors();
        const { origin } = await listen(sockjs({ sockjsUrl: () => answer as string }, echo));
        assert.equal((await fetchText(`${origin}/iframe.html`)).status, 500);
        assert.equal((await fetchText(origin)).status, 200);
      });
    }
  });

  describe('functions in the options that should not be async', () => {
    const must = (option: string) => `sockjs: the function in option "${option}" must return a string`;
    const rows: [option: keyof SockjsOptions, method: string, path: string, status: number, errors: string[]][] = [
      ['baseUrl', 'GET', '/info', 500, [must('baseUrl')]],
      ['sockjsUrl', 'GET', '/iframe.html', 500, [must('sockjsUrl')]],
      ['identify', 'POST', '/0/s/xhr', 500, [must('identify')]],
      ['identify', 'POST', '/0/s/xhr_send', 500, [must('identify')]],
      ['identify', 'GET', '/0/s/jsonp?c=cb', 500, [must('identify')]],
      ['checkOrigin', 'GET', '/info', 200, []],
      ['checkOrigin', 'OPTIONS', '/0/s/xhr', 204, []],
      ['jsessionid', 'POST', '/0/s/xhr', 200, []],
    ];
    for (const [option, method, path, status, errors] of rows) {
      for (const [title, misuse, more] of [
        ['resolves', async () => true, []],
        ['rejects', () => Promise.reject(new Error('late')), option === 'jsessionid' ? ['late'] : []],
      ] as const) {
        it(`do no harm: ${option} ${title}, asked by ${method} ${path}`, async () => {
          const seen: string[] = [];
          const app = express().use('/echo', Reflect.apply(sockjs, undefined, [{ [option]: misuse }, echo]));
          app.use(((error, _req, res, _next) => {
            seen.push(error.message);
            if (!res.headersSent) {
              res.status(500).end();
            }
          }) satisfies ErrorRequestHandler);
          const { origin } = await listen(app);
          const { status: found, headers } = await fetchText(`${origin}/echo${path}`, method);
          assert.equal(found, status);
          if (option === 'checkOrigin') {
            assert.equal(headers['access-control-allow-origin'], undefined);
          }
          assert.deepEqual(seen, [...errors, ...more]);
          // Unhandled, a rejection would have ended the process by now.
          assert.equal((await fetchText(`${origin}/echo`)).status, 200);
        });
      }
    }
  });
});
