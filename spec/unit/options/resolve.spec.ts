/** The options of `sockjs()`: their defaults, and what is refused with which words. */
import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { mock } from 'node:test';
import { runInNewContext } from 'node:vm';
import express, { type NextFunction, type Request, type Response } from 'express';
import { WebSocketServer } from 'ws';
import { defaultOptions, sockjs } from '../../../lib/index.ts';
import { resolveOptions } from '../../../lib/options/resolve.ts';
import { webSocketServerOf } from '../../../lib/transports/websocket/engine.ts';
import { afterTest } from '../../support/cleanup.ts';
import { fetchText, post } from '../../support/http.ts';
import { listen, serve } from '../../support/test-server.ts';

/** Calls `sockjs()` with what its types forbid. */
function callSockjs(...args: unknown[]): unknown {
  return Reflect.apply(sockjs, undefined, args);
}

const configure = (options: unknown) => callSockjs(options, () => {});

const BOOLEANS = ['websocket', 'rawWebsocket', 'xhrPolling', 'xhrStreaming', 'eventSource', 'htmlFile', 'jsonp'];
const DELAYS = ['websocketWriteTimeout', 'heartbeatDelay', 'disconnectDelay', 'receiveStallTimeout', 'receiveTimeout'];
const SIZES = ['responseLimit', 'maxMessageSize', 'maxSendBuffer', 'sendHighWaterMark', 'maxReceiveBuffer'];
const COUNTS = ['maxMessagesPerRequest', 'maxSessions', 'maxSessionsPerClient'];
/** The longest delay of a timer in Node. */
const MAX_DELAY = 2 ** 31 - 1;
const JSESSIONID = 'true, false, a function, or an object of sameSite ("strict", "lax", "none"), secure and httpOnly';

/** The options that are numbers: the largest beside `Infinity`, and the words for all that they take. */
const NUMBERS: readonly [name: string, max: number, allowed: string][] = [
  ...SIZES.map((name): [string, number, string] => [name, Number.MAX_VALUE, 'a number of bytes from 0 to Infinity']),
  ...COUNTS.map((name): [string, number, string] => [name, Number.MAX_VALUE, 'a number from 0 to Infinity']),
  ...DELAYS.map((name): [string, number, string] => [
    name,
    MAX_DELAY,
    `a number of ms from 0 to ${MAX_DELAY}, or Infinity`,
  ]),
];

/** One wrong value of each kind, and how messages show it. */
const VALUES: [string, unknown, string][] = [
  ['null', null, 'null'],
  ['boolean', true, 'true'],
  ['number', 1, '1'],
  ['string', 'yes', '"yes"'],
  ['object', {}, 'an object'],
  ['array', [], 'an array'],
  ['function', () => '', 'a function'],
  ['symbol', Symbol('s'), 'Symbol(s)'],
  ['bigint', 1n, '1'],
];

/** The options by the kinds of value they take, and the words for that. */
const TYPES: [name: string, kinds: string[], allowed: string][] = [
  ['sockjsUrl', ['string', 'function'], 'a string or a function'],
  ...BOOLEANS.map((name): [string, string[], string] => [name, ['boolean'], 'true or false']),
  ...NUMBERS.map(([name, , allowed]): [string, string[], string] => [name, ['number'], allowed]),
  ['websocketServer', ['object'], 'options for ws, or a WebSocketServer made with noServer'],
  ['jsessionid', ['boolean', 'function', 'object'], JSESSIONID],
  ['origin', ['string'], 'a string'],
  ['checkOrigin', ['function'], 'a function'],
  ['baseUrl', ['string', 'function'], 'a string or a function'],
  ['prefix', ['string'], 'a string or a regular expression'],
  ['authorize', ['function'], 'a function'],
  ['identify', ['function'], 'a function'],
  ['cluster', ['object'], 'what redisCluster() returns, or another ClusterAdapter'],
  [
    'allowedOrigins',
    ['function', 'array'],
    '"*", "same-origin", a list of origins and regular expressions, or a function',
  ],
  ['sockjsIntegrity', ['string'], 'a string'],
  ['onError', ['function'], 'a function'],
];

describe('defaultOptions', () => {
  it('is exactly what the documentation says', () => {
    const { onError, ...rest } = defaultOptions;
    assert.deepEqual(rest, {
      sockjsUrl: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js',
      responseLimit: 131_072,
      websocket: true,
      rawWebsocket: false,
      xhrPolling: true,
      xhrStreaming: true,
      eventSource: true,
      htmlFile: true,
      jsonp: true,
      websocketServer: { perMessageDeflate: false, clientTracking: false },
      websocketWriteTimeout: 0,
      heartbeatDelay: 25_000,
      disconnectDelay: 5000,
      jsessionid: false,
      origin: '',
      checkOrigin: undefined,
      baseUrl: undefined,
      prefix: '',
      allowedOrigins: '*',
      authorize: undefined,
      identify: undefined,
      cluster: undefined,
      maxMessageSize: 1_048_576,
      maxMessagesPerRequest: 10_000,
      maxSendBuffer: 16_777_216,
      sendHighWaterMark: 65_536,
      maxReceiveBuffer: 1_048_576,
      receiveStallTimeout: 60_000,
      receiveTimeout: 30_000,
      maxSessions: Number.POSITIVE_INFINITY,
      maxSessionsPerClient: Number.POSITIVE_INFINITY,
      sockjsIntegrity: '',
    });
    assert.equal(typeof onError, 'function');
  });

  it('is frozen, with what is in it', () => {
    assert.ok(Object.isFrozen(defaultOptions));
    assert.ok(Object.isFrozen(defaultOptions.websocketServer));
  });

  it('may be given as it is', () => {
    configure(defaultOptions);
    configure({ ...defaultOptions, heartbeatDelay: 1 });
  });

  it('prints what the application threw to stderr, stack and all', async () => {
    const { mock: printed } = mock.method(console, 'error', () => {});
    afterTest(() => printed.restore());
    const error = new Error('bug');
    const { origin } = await serve({}, () => {
      throw error;
    });
    await post(`${origin}/echo/000/session/xhr`);
    assert.deepEqual(
      printed.calls.map((call) => call.arguments),
      [[error]],
    );
  });
});

describe('options', () => {
  it('may be left out, and undefined counts as left out', () => {
    sockjs(() => {});
    const undefinedOptions = Object.fromEntries(Object.keys(defaultOptions).map((name) => [name, undefined]));
    configure(undefinedOptions);
    assert.deepEqual(resolveOptions(undefinedOptions), defaultOptions);
    assert.deepEqual(resolveOptions({}), defaultOptions);
  });

  it('are taken over as they were at the call, for good', () => {
    const given = { heartbeatDelay: 1, prefix: '/a' };
    const resolved = resolveOptions(given);
    given.heartbeatDelay = 2;
    assert.deepEqual(resolved, { ...defaultOptions, heartbeatDelay: 1, prefix: '/a' });
    assert.ok(Object.isFrozen(resolved));
  });

  it('are all told of in the message for an unknown name', () => {
    assert.throws(() => configure({ hartbeat: 1 }), {
      name: 'TypeError',
      message: `sockjs: there is no option "hartbeat"; the options are ${Object.keys(defaultOptions).join(', ')}`,
    });
  });

  for (const options of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'log']) {
    it(`know no ${JSON.stringify(options)}, with undefined as little as with a value`, () => {
      for (const value of ['1', '{}', 'null']) {
        const given = JSON.parse(`{${JSON.stringify(options)}: ${value}}`);
        assert.throws(() => configure(given), { name: 'TypeError', message: /^sockjs: there is no option "/ });
      }
      const given = Object.defineProperty({}, options, { enumerable: true, value: undefined });
      assert.throws(() => configure(given), TypeError);
    });
  }

  for (const [unknown, meant] of [
    ['sockjs_url', 'sockjsUrl'],
    ['response_limit', 'responseLimit'],
    ['heartbeat_delay', 'heartbeatDelay'],
    ['disconnect_delay', 'disconnectDelay'],
    ['base_url', 'baseUrl'],
    ['raw_websocket', 'rawWebsocket'],
    ['JSESSIONID', 'jsessionid'],
    ['jsessionId', 'jsessionid'],
    ['eventsource', 'eventSource'],
    ['htmlfile', 'htmlFile'],
    ['webSocket', 'websocket'],
    ['baseURL', 'baseUrl'],
    ['allowed_origins', 'allowedOrigins'],
    ['maxsessions', 'maxSessions'],
  ]) {
    it(`know no "${unknown}", but tell of "${meant}"`, () => {
      assert.throws(() => configure({ [String(unknown)]: 1 }), {
        name: 'TypeError',
        message: `sockjs: there is no option "${unknown}"; did you mean "${meant}"?`,
      });
    });
  }

  for (const [what, options] of [
    ['null', null],
    ['an array', []],
    ['"/echo"', '/echo'],
    ['25000', 25_000],
    ['true', true],
  ] as const) {
    it(`must be an object, not ${what}`, () => {
      assert.throws(() => configure(options), {
        name: 'TypeError',
        message: `sockjs: options must be an object, not ${what}`,
      });
    });
  }

  it('cover every name there is', () => {
    assert.deepEqual(TYPES.map(([name]) => name).sort(), Object.keys(defaultOptions).sort());
  });

  for (const [name, kinds, allowed] of TYPES) {
    describe(name, () => {
      for (const [kind, value, shown] of VALUES) {
        if (!kinds.includes(kind)) {
          it(`is a TypeError as ${kind}`, () => {
            assert.throws(() => configure({ [name]: value }), {
              name: 'TypeError',
              message: `sockjs: option "${name}" is ${shown}; it must be ${allowed}`,
            });
          });
        }
      }
    });
  }

  for (const [name, max, allowed] of NUMBERS) {
    describe(name, () => {
      const over = max === MAX_DELAY ? [max + 0.5, max + 1, Number.MAX_VALUE] : [];
      for (const value of [-1, -0.5, Number.NaN, Number.NEGATIVE_INFINITY, ...over]) {
        it(`is a RangeError as ${value}`, () => {
          assert.throws(() => configure({ [name]: value }), {
            name: 'RangeError',
            message: `sockjs: option "${name}" is ${value}; it must be ${allowed}`,
          });
        });
      }

      it(`takes 0, 1, ${max} and Infinity`, () => {
        for (const value of [0, 1, max, Number.POSITIVE_INFINITY]) {
          configure({ [name]: value });
        }
      });
    });
  }

  it('that are numbers are all tried', () => {
    const numeric = Object.entries(defaultOptions).filter(([, value]) => typeof value === 'number');
    assert.deepEqual(NUMBERS.map(([name]) => name).sort(), numeric.map(([name]) => name).sort());
  });

  it('take Infinity for 0 where 0 means never, so that no timer is made', () => {
    const infinite = Object.fromEntries(NUMBERS.map(([name]) => [name, Number.POSITIVE_INFINITY]));
    const resolved = resolveOptions(infinite);
    const zero = Object.entries(resolved).flatMap(([name, value]) => (value === 0 ? [name] : []));
    assert.deepEqual(zero.sort(), DELAYS.filter((name) => name !== 'disconnectDelay').sort());
  });

  it('take the longest string for maxMessageSize where that is longer', () => {
    for (const maxMessageSize of [constants.MAX_STRING_LENGTH + 1, 2 ** 32 + 5, Number.POSITIVE_INFINITY]) {
      const resolved = resolveOptions({ maxMessageSize });
      assert.equal(resolved.maxMessageSize, constants.MAX_STRING_LENGTH);
      const { maxPayload, maxFragments } = webSocketServerOf(resolved).options as Record<string, unknown>;
      assert.equal(maxPayload, constants.MAX_STRING_LENGTH);
      assert.equal(maxFragments, 2 ** 21);
    }
  });

  describe('sockjsUrl', () => {
    for (const url of [
      '/sockjs.js',
      '//cdn/sockjs.js',
      'http://cdn/sockjs.js',
      'https://cdn/sockjs.js',
      './sockjs.js',
      '../sockjs.js',
      '../../static/sockjs.js',
      './',
      () => '/x.js',
    ]) {
      it(`takes ${url}`, () => {
        configure({ sockjsUrl: url });
      });
    }

    for (const url of [
      '',
      'sockjs.js',
      'static/sockjs.js',
      ' /sockjs.js',
      ' ./sockjs.js',
      '.',
      '..',
      '.sockjs.js',
      '..sockjs.js',
      '.../sockjs.js',
      '.\\sockjs.js',
      'x\n./sockjs.js',
      'javascript:alert(1)',
      'ftp://cdn/sockjs.js',
    ]) {
      it(`is a RangeError as ${JSON.stringify(url)}`, () => {
        assert.throws(() => configure({ sockjsUrl: url }), {
          name: 'RangeError',
          message:
            `sockjs: option "sockjsUrl" is ${JSON.stringify(url)}; ` +
            'an address must begin with "/", "./", "../" or "http"',
        });
      });
    }
  });

  describe('origin', () => {
    for (const origin of ['https://a.example\r\nSet-Cookie: x=1', 'a\nb', 'a\u0000b', '\u20ac']) {
      it(`is a RangeError as ${JSON.stringify(origin)}`, () => {
        assert.throws(() => configure({ origin }), {
          name: 'RangeError',
          message: `sockjs: option "origin" is ${JSON.stringify(origin)}; it must fit into an HTTP header`,
        });
      });
    }
  });

  describe('allowedOrigins', () => {
    const ok: [title: string, value: unknown][] = [
      ["'*'", '*'],
      ["'same-origin'", 'same-origin'],
      ['nothing at all', []],
      ['origins', ['https://a.example', 'http://a.example:8080', 'http://[::1]:81', 'null', 'app://x']],
      ['what browsers would not send, but others might', ['a.example', 'no origin']],
      ['expressions', [/https:\/\/.*/]],
      ['a function', () => true],
    ];
    for (const [title, allowedOrigins] of ok) {
      it(`takes ${title}`, () => {
        configure({ allowedOrigins });
      });
    }

    for (const value of ['', 'https://a.example', 'same-site', 'null', {}, /x/]) {
      it(`is a TypeError as ${JSON.stringify(value)}`, () => {
        assert.throws(() => configure({ allowedOrigins: value }), {
          name: 'TypeError',
          message:
            `sockjs: option "allowedOrigins" is ${typeof value === 'string' ? JSON.stringify(value) : 'an object'}; ` +
            'it must be "*", "same-origin", a list of origins and regular expressions, or a function',
        });
      });
    }

    for (const [item, shown] of [
      [1, '1'],
      [null, 'null'],
      [undefined, 'undefined'],
      [['https://a.example'], 'an array'],
      [() => true, 'a function'],
    ] as const) {
      it(`is a TypeError with ${shown} in its list`, () => {
        assert.throws(() => configure({ allowedOrigins: ['https://a.example', item] }), {
          name: 'TypeError',
          message: `sockjs: option "allowedOrigins" lists ${shown}; it may list strings and regular expressions`,
        });
      });
    }

    for (const [item, remedy] of [
      ['*', 'for every origin write allowedOrigins: "*"'],
      ['https://a.example/', 'write "https://a.example"'],
      ['https://a.example/path?x', 'write "https://a.example"'],
      ['https://a.example:443', 'write "https://a.example"'],
      ['HTTPS://A.example', 'write "https://a.example"'],
      ['http://user@a.example', 'write "http://a.example"'],
      ['https://grüße.example', 'write "https://xn--gre-6ka8l.example"'],
      ['https://*.example.com', 'write a regular expression'],
      ['*.example.com', 'write a regular expression'],
      ['https://a.example:*', 'write a regular expression'],
    ]) {
      it(`is a RangeError with ${item} in its list`, () => {
        assert.throws(() => configure({ allowedOrigins: [item] }), {
          name: 'RangeError',
          message: `sockjs: option "allowedOrigins" lists "${item}", which no browser sends as an origin; ${remedy}`,
        });
      });
    }

    for (const [other, value] of [
      ['origin', 'https://a.example'],
      ['checkOrigin', () => true],
    ] as const) {
      it(`is a TypeError together with ${other}`, () => {
        for (const allowedOrigins of ['same-origin', [], () => true]) {
          assert.throws(() => configure({ allowedOrigins, [other]: value }), {
            name: 'TypeError',
            message: `sockjs: option "allowedOrigins" decides about CORS headers as well; leave out "${other}"`,
          });
        }
      });

      it(`leaves ${other} alone as '*', which is the default`, () => {
        configure({ [other]: value });
        configure({ allowedOrigins: '*', [other]: value });
      });
    }
  });

  describe('jsessionid', () => {
    for (const value of [
      {},
      { sameSite: 'strict' },
      { sameSite: 'lax', secure: false },
      { sameSite: 'none', secure: true, httpOnly: true },
      { sameSite: undefined, secure: undefined, httpOnly: undefined },
    ]) {
      it(`takes ${JSON.stringify(value)}`, () => {
        configure({ jsessionid: value });
      });
    }

    for (const [value, shown] of [
      [{ sameSite: 'Lax' }, 'sameSite: "Lax"'],
      [{ sameSite: true }, 'sameSite: true'],
      [{ sameSite: 'lax; Domain=example' }, 'sameSite: "lax; Domain=example"'],
      [{ secure: 'yes' }, 'secure: "yes"'],
      [{ httpOnly: null }, 'httpOnly: null'],
      [{ path: '/x' }, 'path: "/x"'],
      [{ maxAge: 1 }, 'maxAge: 1'],
      [{ HttpOnly: true }, 'HttpOnly: true'],
    ] as const) {
      it(`is a TypeError with ${shown}`, () => {
        assert.throws(() => configure({ jsessionid: value }), {
          name: 'TypeError',
          message: `sockjs: option "jsessionid" has ${shown}; it must be ${JSESSIONID}`,
        });
      });
    }
  });

  describe('sockjsIntegrity', () => {
    for (const value of ['', 'sha256-AAAA', 'sha384-ab+/==', 'sha512-AAAA  sha256-BBBB=']) {
      it(`takes ${JSON.stringify(value)}`, () => {
        configure({ sockjsIntegrity: value });
      });
    }

    for (const value of [
      'AAAA',
      'md5-AAAA',
      'sha256-',
      'sha256-A"B',
      'sha256-AAAA,sha256-BBBB',
      'sha256-AAAA\n',
      ' ',
    ]) {
      it(`is a RangeError as ${JSON.stringify(value)}`, () => {
        assert.throws(() => configure({ sockjsIntegrity: value }), {
          name: 'RangeError',
          message:
            `sockjs: option "sockjsIntegrity" is ${JSON.stringify(value)}; it must be empty or hashes such as ` +
            '"sha384-…"',
        });
      });
    }
  });

  describe('prefix', () => {
    for (const prefix of ['', '/echo', '/a/b/c/echo']) {
      it(`takes ${JSON.stringify(prefix)}`, () => {
        configure({ prefix });
      });
    }

    for (const prefix of [/\/echo/, /echo/giy, /(?:)/, runInNewContext('/x/')]) {
      it(`takes the regular expression ${prefix}`, () => {
        assert.equal(resolveOptions({ prefix }).prefix, prefix);
      });
    }

    for (const prefix of ['/', 'echo', '/echo/', '//echo', '/a//b', '/echo?x', '/echo#x']) {
      it(`is a RangeError as ${JSON.stringify(prefix)}`, () => {
        assert.throws(() => configure({ prefix }), {
          name: 'RangeError',
          message:
            `sockjs: option "prefix" is ${JSON.stringify(prefix)}; it must be empty, or begin with "/" and end ` +
            'without, as in "/echo"',
        });
      });
    }
  });

  describe('websocketServer', () => {
    for (const name of ['server', 'port', 'path', 'noServer', 'host', 'backlog']) {
      it(`is a TypeError with "${name}" in it`, () => {
        assert.throws(() => configure({ websocketServer: { maxPayload: 1, [name]: undefined } }), {
          name: 'TypeError',
          message:
            `sockjs: option "websocketServer" has "${name}"; leave it out, ` +
            'WebSockets arrive where the router is mounted, by attachUpgrade(server)',
        });
      });
    }

    it('is a TypeError as a WebSocketServer that was not made with noServer alone', async () => {
      const { server } = await listen((_req, res) => res.end());
      for (const own of [
        new WebSocketServer({ server }),
        new WebSocketServer({ server, path: '/x' }),
        new WebSocketServer({ noServer: true, path: '/x' }),
      ]) {
        assert.throws(() => configure({ websocketServer: own }), {
          name: 'TypeError',
          message:
            'sockjs: option "websocketServer" is a WebSocketServer with a server, port or path of its own; ' +
            'make it with new WebSocketServer({ noServer: true })',
        });
      }
    });

    it('takes options of ws, and adds no compression and no client tracking', () => {
      const resolved = resolveOptions({ websocketServer: { maxPayload: 123, clientTracking: true } });
      const engine = webSocketServerOf(resolved);
      assert.equal(engine.options.maxPayload, 123);
      assert.equal(engine.options.perMessageDeflate, false);
      assert.equal(engine.options.noServer, true);
      assert.equal(engine.clients, undefined);
    });

    it('takes a WebSocketServer made with noServer as it is, for several endpoints as well', () => {
      const own = new WebSocketServer({ noServer: true });
      const resolved = resolveOptions({ websocketServer: own });
      assert.equal(webSocketServerOf(resolved), own);
      assert.equal(webSocketServerOf(resolved), own);
      assert.equal(own.listenerCount('headers'), 1);
    });
  });
});

describe('sockjs()', () => {
  for (const [title, args] of [
    ['no arguments', []],
    ['options alone', [{ heartbeatDelay: 1000 }]],
    ['options and undefined', [{}, undefined]],
    ['options and something that is no function', [{}, { onSession() {} }]],
    ['the arguments the wrong way round', [() => {}, {}]],
    ['a path, as other servers have it', ['/echo']],
  ] as const) {
    it(`throws a TypeError that names onSession for ${title}`, () => {
      assert.throws(() => callSockjs(...args), {
        name: 'TypeError',
        message: "sockjs: onSession is missing; write app.use('/echo', sockjs(options, (session) => { … }))",
      });
    });
  }

  const noMiddleware =
    "sockjs: sockjs itself is no middleware, what it returns is; write app.use('/echo', sockjs(onSession))";

  it('throws a TypeError that shows the right call when it is called as middleware', () => {
    const req = new IncomingMessage(new Socket());
    assert.throws(() => callSockjs(req, {}, () => {}), { name: 'TypeError', message: noMiddleware });
    assert.throws(() => callSockjs(req, {}), { name: 'TypeError', message: noMiddleware });
  });

  it("says so to the error handler of an app with app.use('/echo', sockjs)", async () => {
    const app = express();
    Reflect.apply(app.use, app, ['/echo', sockjs]);
    app.use((error: Error, _req: Request, res: Response, _next: NextFunction) => {
      res.end(error.message);
    });
    const { origin } = await listen(app);
    assert.equal((await fetchText(`${origin}/echo/info`)).body, noMiddleware);
  });
});
