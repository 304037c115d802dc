/** The mistakes that are easily made in the first hour, and the message that meets each: it shows the right call. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import connect from 'connect';
import express, { type NextFunction, type Request, type Response } from 'express';
import { attachUpgrade, type SockjsOptions, sockjs } from '../../lib/index.ts';
import { evaluate } from '../support/child-process.ts';
import { afterTest } from '../support/cleanup.ts';
import { fetchText, post } from '../support/http.ts';
import { echo, listen } from '../support/test-server.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

/** Calls a function of ours with what its types forbid, as JavaScript lets one. */
function call(target: (...args: never[]) => unknown, ...args: unknown[]): unknown {
  return Reflect.apply(target, undefined, args);
}

const configure = (options: object) => () => call(sockjs, options, () => {});

/** What a program of its own has warned of and found out. Warnings come once a process. */
interface Outcome {
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly found: unknown;
}

/** Runs statements in a process of its own; `found` is what they leave in the variable of that name. */
async function run(statements: string): Promise<Outcome> {
  const program = `
    import { once } from 'node:events';
    import { createServer } from 'node:http';
    import express from 'express';
    import express4 from 'express4';
    import { WebSocket } from 'ws';
    import { attachUpgrade, sockjs } from './lib/index.ts';
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push({ code, message }));
    let found;
    const listen = async (server) => {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server.address().port;
    };
    ${statements}
    console.log(JSON.stringify({ warnings, found }));
    process.exit();
  `;
  return (await evaluate(program)) as Outcome;
}

describe('a newcomer', () => {
  describe('who mounts sockjs itself', () => {
    const message =
      "sockjs: sockjs itself is no middleware, what it returns is; write app.use('/echo', sockjs(onSession))";

    for (const [title, mount] of [
      [
        "app.use('/echo', sockjs)",
        (app: object, use: (...args: unknown[]) => unknown) => use.call(app, '/echo', sockjs),
      ],
      ['app.use(sockjs)', (app: object, use: (...args: unknown[]) => unknown) => use.call(app, sockjs)],
    ] as const) {
      for (const [name, framework] of [
        ['Express', express],
        ['Connect', connect],
      ] as const) {
        it(`is told with the first request, after ${title} in ${name}`, async () => {
          const app = framework();
          mount(app, app.use as (...args: unknown[]) => unknown);
          (app as express.Express).use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
            res.end(`${error.name}: ${error.message}`);
          });
          const { origin } = await listen(app);
          assert.equal((await fetchText(`${origin}/echo/info`)).body, `TypeError: ${message}`);
        });
      }
    }
  });

  describe('who gives sockjs() the wrong things', () => {
    const missing = "sockjs: onSession is missing; write app.use('/echo', sockjs(options, (session) => { … }))";
    const neither =
      "sockjs: sockjs() takes no app and no server; write app.use('/echo', sockjs(onSession)); " +
      'const server = createServer(app); attachUpgrade(server); server.listen(8080)';
    const notOptions = (what: string) => `sockjs: options must be an object, not ${what}`;

    for (const [title, args, message] of [
      ['nothing', [], missing],
      ['options alone', [{ heartbeatDelay: 1000 }], missing],
      ['an app', [express()], neither],
      ['an app and onSession', [express(), echo], neither],
      ['a router', [express.Router()], neither],
      ['a server', [createServer()], neither],
      ['a server and onSession', [createServer(), echo], neither],
      ['a path and onSession', ['/echo', echo], notOptions('"/echo"')],
    ] as const) {
      it(`is told at once: ${title}`, () => {
        assert.throws(() => call(sockjs, ...args), { name: 'TypeError', message });
      });
    }
  });

  describe('who writes options as npm sockjs has them', () => {
    for (const [theirs, ours] of [
      ['sockjs_url', 'sockjsUrl'],
      ['response_limit', 'responseLimit'],
      ['heartbeat_delay', 'heartbeatDelay'],
      ['disconnect_delay', 'disconnectDelay'],
      ['base_url', 'baseUrl'],
    ] as const) {
      it(`is told to write ${ours} for ${theirs}`, () => {
        assert.throws(configure({ [theirs]: 1 }), {
          name: 'TypeError',
          message: `sockjs: there is no option "${theirs}"; did you mean "${ours}"?`,
        });
      });
    }

    for (const [theirs, remedy] of [
      ['log', 'nothing is logged but by DEBUG=sockjs:*; leave it out'],
      ['disable_cors', 'write checkOrigin: () => false, or allowedOrigins: "same-origin" to keep foreign pages out'],
      ['faye_server_options', 'write websocketServer, with options of ws'],
      ['WebsocketUpgrader', 'write websocketServer, with options of ws'],
      ['transports', 'each transport has a switch: websocket, xhrPolling, xhrStreaming, eventSource, htmlFile, jsonp'],
    ] as const) {
      it(`is told what takes the place of ${theirs}`, () => {
        assert.throws(configure({ [theirs]: true }), {
          name: 'TypeError',
          message: `sockjs: there is no option "${theirs}"; ${remedy}`,
        });
      });
    }
  });

  describe('who gives an option what it does not take', () => {
    const rows: readonly [options: object, name: string, message: string][] = [
      [
        { heartbeatDelay: '25s' },
        'TypeError',
        'sockjs: option "heartbeatDelay" is "25s"; it must be a number of ms from 0 to 2147483647, or Infinity',
      ],
      [
        { allowedOrigins: 'https://example.com' },
        'TypeError',
        'sockjs: option "allowedOrigins" is "https://example.com"; ' +
          'it must be "*", "same-origin", a list of origins and regular expressions, or a function',
      ],
      [
        { allowedOrigins: ['https://example.com/'] },
        'RangeError',
        'sockjs: option "allowedOrigins" lists "https://example.com/", which no browser sends as an origin; ' +
          'write "https://example.com"',
      ],
      [
        { prefix: '/echo/' },
        'RangeError',
        'sockjs: option "prefix" is "/echo/"; it must be empty, or begin with "/" and end without, as in "/echo"',
      ],
      [
        { websocketServer: { path: '/echo' } },
        'TypeError',
        'sockjs: option "websocketServer" has "path"; leave it out, ' +
          'WebSockets arrive where the router is mounted, by attachUpgrade(server)',
      ],
    ];
    for (const [options, name, message] of rows) {
      it(`is told what it may be: ${JSON.stringify(options)}`, () => {
        assert.throws(configure(options), { name, message });
      });
    }
  });

  describe('who forgets attachUpgrade()', () => {
    const warning = {
      code: 'SOCKJS_NO_UPGRADE',
      message:
        'sockjs: a WebSocket arrived, but its server does not handle upgrades; call attachUpgrade(server) for the server that ' +
        'listens: const server = createServer(app); attachUpgrade(server); server.listen(8080)',
    };
    const connectTwice = (statements: string) => `
      ${statements}
      found = [];
      for (const path of ['/echo/0/s/websocket', '/echo/0/t/websocket']) {
        const socket = new WebSocket(\`ws://127.0.0.1:\${port}\${path}\`);
        const [, res] = await once(socket, 'unexpected-response');
        found.push(res.statusCode);
      }`;

    it('is warned once when a WebSocket arrives', async () => {
      const { warnings, found } = await run(
        connectTwice(`
          const app = express().use('/echo', sockjs(() => {}));
          const port = await listen(createServer(app));`),
      );
      assert.deepEqual(warnings, [warning]);
      assert.deepEqual(found, [501, 501]);
    });

    it('is warned the same where it was called for another server than the one that listens', async () => {
      const { warnings } = await run(
        connectTwice(`
          const app = express().use('/echo', sockjs(() => {}));
          attachUpgrade(createServer(app));
          const port = await listen(createServer(app));`),
      );
      assert.deepEqual(warnings, [warning]);
    });
  });

  describe('who gives attachUpgrade() something else than the server', () => {
    for (const [title, given] of [
      ['the app', express()],
      ['a Connect app', connect()],
      ['the router', sockjs(echo)],
      ['an app that listens but is no server, as that of NestJS', { listen() {} }],
      ['nothing', undefined],
    ] as const) {
      it(`is told at once: ${title}`, () => {
        assert.throws(() => attachUpgrade(given as unknown as Server), {
          name: 'TypeError',
          message:
            'sockjs: attachUpgrade() takes the server, not the app; ' +
            'write const server = createServer(app); attachUpgrade(server); server.listen(8080), ' +
            'or in NestJS attachUpgrade(app.getHttpServer())',
        });
      });
    }
  });

  describe('who calls things in another order', () => {
    it('gets WebSockets with attachUpgrade() after listen(), and with what app.listen() returns', async () => {
      const app = express().use('/echo', sockjs(echo));
      const server = app.listen(0, '127.0.0.1');
      afterTest(() => void server.close());
      await new Promise((resolve) => server.on('listening', resolve));
      attachUpgrade(server);
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const client = new WebSocketClient(`http://127.0.0.1:${port}`, '/echo/0/s/websocket');
      assert.equal(await client.next(), 'o');
      client.socket.terminate();
      await client.closed;
    });
  });

  describe('who sends something else than text', () => {
    for (const [what, value] of [
      ['object', { x: 1 }],
      ['object', Buffer.from('x')],
      ['null', null],
      ['number', 1],
      ['undefined', undefined],
    ] as const) {
      it(`is told to make text of it: ${JSON.stringify(value)}`, async () => {
        const errors: Error[] = [];
        const onError: SockjsOptions['onError'] = (error) => errors.push(error as Error);
        const router = sockjs({ onError }, (session) => call(session.send.bind(session), value));
        const remedy = (method: string) =>
          `sockjs: ${method}() takes a string, not ${what}; for anything else use ${method}(JSON.stringify(value))`;
        const { origin } = await listen(router);
        assert.equal((await post(`${origin}/0/s/xhr`)).body, 'o\n');
        assert.deepEqual(
          errors.map(({ name, message }) => [name, message]),
          [['TypeError', remedy('session.send')]],
        );
        assert.throws(() => call(router.broadcast, value), { name: 'TypeError', message: remedy('router.broadcast') });
        assert.throws(() => call(router.to('room').send, value), {
          name: 'TypeError',
          message: remedy('router.to(room).send'),
        });
      });
    }
  });

  describe('who listens for events that other servers have', () => {
    for (const [theirs, ours] of [
      ['data', 'message'],
      ['end', 'close'],
      ['disconnect', 'close'],
    ] as const) {
      it(`is told to listen for ${ours} in place of ${theirs}`, async () => {
        const errors: Error[] = [];
        const onError: SockjsOptions['onError'] = (error) => errors.push(error as Error);
        const methods = ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const;
        const { origin } = await listen(
          sockjs({ onError }, (session) => {
            for (const method of methods) {
              assert.throws(() => call(session[method].bind(session), theirs, () => {}), { name: 'TypeError' });
            }
            call(session.on.bind(session), theirs, () => {});
          }),
        );
        await post(`${origin}/0/s/xhr`);
        assert.deepEqual(
          errors.map(({ message }) => message),
          [`sockjs: a session has no "${theirs}" event; write session.on('${ours}', …)`],
        );
      });
    }
  });

  describe('who takes messages in two ways at once', () => {
    it('is told so, whichever comes second', async () => {
      const errors: Error[] = [];
      const { origin } = await listen(
        sockjs({ onError: (error) => errors.push(error as Error) }, (session) => {
          if (session.id === 'recv') {
            session.on('message', () => {});
            return session.recv();
          }
          session.recv().catch(() => {});
          return session.on('message', () => {});
        }),
      );
      await post(`${origin}/0/recv/xhr`);
      await post(`${origin}/0/on/xhr`);
      assert.deepEqual(errors.map(({ message }) => message).sort(), [
        'sockjs: a "message" listener cannot be added while recv() or a for-await loop takes the messages',
        'sockjs: recv() cannot be used while a "message" listener takes the messages',
      ]);
    });
  });

  describe('who reads no messages', () => {
    it('is warned once when they have to be discarded', async () => {
      const { warnings } = await run(`
        const router = sockjs({ maxReceiveBuffer: 10 }, () => {});
        const port = await listen(createServer(router));
        const ask = (path, body) => fetch(\`http://127.0.0.1:\${port}/0/s/\${path}\`, { method: 'POST', body });
        await ask('xhr');
        await ask('xhr_send', '["more than ten bytes"]');
        await ask('xhr_send', '["more than ten bytes"]');`);
      assert.deepEqual(warnings, [
        {
          code: 'SOCKJS_UNREAD',
          message:
            'sockjs: messages are discarded, since onSession has finished and the application does not read the session; ' +
            "add session.on('message', …), or use recv() or for await",
        },
      ]);
    });
  });

  describe('whose middleware has eaten the body', () => {
    const FORM = 'application/x-www-form-urlencoded';
    const XHR = { path: 'xhr_send', type: 'text/plain', body: '["x"]' };
    const JSONP = { path: 'jsonp_send', type: FORM, body: 'd=%5B%22x%22%5D' };

    interface Send {
      readonly path: string;
      readonly type: string;
      readonly body: string;
    }

    /** Sends twice to a session behind this middleware, given as source text. */
    const sendBehind = (framework: string, middleware: string, { path, type, body }: Send) => `{
      const app = ${framework}();
      for (const middleware of [${middleware}]) {
        app.use((req, res, next) => (/_send$/.test(req.url) ? middleware(req, res, next) : next()));
      }
      app.use('/echo', sockjs((session) => session.on('message', () => {})));
      const base = \`http://127.0.0.1:\${await listen(createServer(app))}/echo/0/s\`;
      const [endpoint, method] = ${JSON.stringify(path === 'xhr_send' ? ['xhr', 'POST'] : ['jsonp?c=cb', 'GET'])};
      await (await fetch(\`\${base}/\${endpoint}\`, { method })).text();
      for (let i = 0; i < 2; i++) {
        const init = { method: 'POST', body: ${JSON.stringify(body)}, headers: { 'Content-Type': '${type}' } };
        const res = await fetch(\`\${base}/${path}\`, init);
        found.push([res.status, await res.text()]);
      }
    }`;
    const prelude = `
      found = [];
      const eat = (req, _res, next) => req.resume().on('end', () => next());`;
    const missed = [500, 'Payload expected.'];

    const warning = (left: string) => ({
      code: 'SOCKJS_BODY_READ',
      message:
        `sockjs: middleware has read the body of a send and left ${left}, so its messages are lost; ` +
        "mount SockJS before that middleware: app.use('/echo', sockjs(onSession)); app.use(middleware)",
    });

    const lost: readonly [title: string, framework: string, middleware: string, send: Send, left: string][] = [
      ['and left nothing', 'express', 'eat', XHR, 'no req.body'],
      ['and left nothing, for jsonp', 'express', 'eat', JSONP, 'no req.body'],
      ['before json() of Express 4, which leaves {}', 'express4', 'eat, express4.json()', XHR, 'an object as req.body'],
      [
        'as a form, though it was none',
        'express',
        'express.urlencoded({ type: () => true })',
        XHR,
        'an object as req.body',
      ],
    ];
    for (const [title, framework, middleware, send, left] of lost) {
      it(`is warned once, and the client gets the same answer: ${title}`, async () => {
        const { warnings, found } = await run(prelude + sendBehind(framework, middleware, send));
        assert.deepEqual(found, [missed, missed]);
        assert.deepEqual(warnings, [warning(left)]);
      });
    }

    it('is not warned where it is the client that is wrong', async () => {
      const innocent: readonly [middleware: string, send: Send][] = [
        // JSON that is no array, parsed and unread; nothing at all, parsed and eaten; a form without the field.
        ['express.json()', { ...XHR, type: 'application/json', body: '{}' }],
        ['', { ...XHR, body: '{}' }],
        ['express.text()', { ...XHR, body: '' }],
        ['eat', { ...XHR, body: '' }],
        ['express.urlencoded()', { ...JSONP, body: 'e=1' }],
      ];
      const { warnings, found } = await run(
        prelude + innocent.map(([middleware, send]) => sendBehind('express', middleware, send)).join('\n'),
      );
      assert.deepEqual(found, Array(2 * innocent.length).fill(missed));
      assert.deepEqual(warnings, []);
    });
  });
});
