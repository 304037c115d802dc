/** Cross-origin headers: on which answers they are, what they repeat, and what the options make of them. */
import assert from 'node:assert/strict';
import type { SockjsOptions } from '../../../lib/index.ts';
import { type Answer, fetchText, post } from '../../support/http.ts';
import {
  CROSS_ORIGIN_CASES,
  PAGE_CASES,
  RECEIVE_CASES,
  SEND_CASES,
  sendRequest,
  titleOf,
} from '../../support/request-cases.ts';
import { serve } from '../../support/test-server.ts';

/** Every CORS header of an answer, absent ones included. */
function cors({ headers }: Answer) {
  return {
    origin: headers['access-control-allow-origin'],
    credentials: headers['access-control-allow-credentials'],
    methods: headers['access-control-allow-methods'],
    headers: headers['access-control-allow-headers'],
    maxAge: headers['access-control-max-age'],
    vary: headers.vary,
  };
}

type Cors = Partial<ReturnType<typeof cors>>;

const NONE = {
  origin: undefined,
  credentials: undefined,
  methods: undefined,
  headers: undefined,
  maxAge: undefined,
  vary: undefined,
};
const infos = ['GET', 'HEAD', 'OPTIONS'].map((method) => ({
  method,
  path: '/info',
  status: method === 'OPTIONS' ? 204 : 200,
}));
const PAGE = 'https://page.example:8443';

describe('CORS', () => {
  for (const requestCase of [...infos, ...CROSS_ORIGIN_CASES]) {
    const preflight: Cors =
      requestCase.method === 'OPTIONS'
        ? { methods: requestCase.path === '/info' ? 'OPTIONS, GET' : 'OPTIONS, POST', maxAge: '31536000' }
        : {};
    const rows: [title: string, headers: Record<string, string>, expected: Cors][] = [
      ['repeats the Origin', { Origin: PAGE }, { origin: PAGE, credentials: 'true' }],
      ['repeats null', { Origin: 'null' }, { origin: 'null', credentials: 'true' }],
      ['is * without credentials when there is no Origin', {}, { origin: '*' }],
      ['is * when Origin is empty', { Origin: '' }, { origin: '*' }],
      [
        'repeats the headers asked for',
        { Origin: PAGE, 'Access-Control-Request-Headers': 'x-a, Content-Type,x-b' },
        { origin: PAGE, credentials: 'true', headers: 'x-a, Content-Type,x-b' },
      ],
      [
        'allows no headers when none are named',
        { Origin: PAGE, 'Access-Control-Request-Headers': '' },
        { origin: PAGE, credentials: 'true' },
      ],
    ];
    it(`holds for ${titleOf(requestCase)}`, async () => {
      for (const [title, headers, expected] of rows) {
        const { origin } = await serve();
        const answer = await sendRequest(`${origin}/echo`, requestCase, headers);
        assert.equal(answer.status, requestCase.status, title);
        assert.deepEqual(cors(answer), { ...NONE, ...preflight, vary: 'Origin', ...expected }, title);
      }
    });
  }

  it('is on no other answer, though all but the greeting vary by Origin', async () => {
    const others = [...PAGE_CASES, ...RECEIVE_CASES, ...SEND_CASES].filter(
      ({ path }) => path !== '/info' && !CROSS_ORIGIN_CASES.some((requestCase) => requestCase.path === path),
    );
    for (const requestCase of others) {
      const { origin } = await serve({ rawWebsocket: true });
      const answer = await sendRequest(`${origin}/echo`, requestCase, {
        Origin: PAGE,
        'Access-Control-Request-Headers': 'x-a',
      });
      const vary = /^\/?$/.test(requestCase.path) ? undefined : 'Origin';
      assert.deepEqual(cors(answer), { ...NONE, vary }, titleOf(requestCase));
    }
  });

  describe('preflight', () => {
    for (const [path, methods] of [
      ['/info', 'OPTIONS, GET'],
      ['/0/s/xhr', 'OPTIONS, POST'],
      ['/0/s/xhr_streaming', 'OPTIONS, POST'],
      ['/0/s/xhr_send', 'OPTIONS, POST'],
    ] as const) {
      it(`of ${path} is 204 with these headers and no body`, async () => {
        const { origin } = await serve({}, undefined, { before: (app) => app.disable('x-powered-by') });
        const { status, headers, body } = await fetchText(`${origin}/echo${path}`, 'OPTIONS', {
          headers: {
            Origin: PAGE,
            'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers': 'content-type',
          },
        });
        const { date, expires, connection, ...rest } = headers;
        assert.deepEqual([status, body], [204, '']);
        assert.ok(date && expires && connection);
        assert.deepEqual(rest, {
          'access-control-allow-origin': PAGE,
          'access-control-allow-credentials': 'true',
          'access-control-allow-headers': 'content-type',
          'access-control-allow-methods': methods,
          'access-control-max-age': '31536000',
          'cache-control': 'public, max-age=31536000',
          vary: 'Origin',
        });
      });
    }

    it('makes no session', async () => {
      const { origin } = await serve();
      await fetchText(`${origin}/echo/0/s/xhr`, 'OPTIONS');
      assert.equal((await post(`${origin}/echo/0/s/xhr_send`, '["m"]')).status, 404);
    });
  });

  describe('options', () => {
    const rows: [title: string, options: SockjsOptions, headers: Record<string, string>, expected: Cors][] = [
      ['origin stands for all', { origin: 'https://one.example' }, { Origin: PAGE }, one()],
      ['origin is sent without being asked', { origin: 'https://one.example' }, {}, one()],
      ['origin * goes without credentials', { origin: '*' }, { Origin: PAGE }, { origin: '*' }],
      ['an empty origin changes nothing', { origin: '' }, { Origin: PAGE }, { origin: PAGE, credentials: 'true' }],
      ['checkOrigin allows', { checkOrigin: () => true }, { Origin: PAGE }, { origin: PAGE, credentials: 'true' }],
      ['checkOrigin allows requests without an origin', { checkOrigin: () => true }, {}, { origin: '*' }],
      [
        'checkOrigin decides alone',
        { checkOrigin: () => true, origin: 'https://one.example' },
        { Origin: PAGE },
        { origin: PAGE, credentials: 'true' },
      ],
    ];
    for (const [title, options, headers, expected] of rows) {
      it(`${title}: request and preflight`, async () => {
        const { origin } = await serve(options);
        const url = `${origin}/echo/0/s/xhr`;
        assert.deepEqual(cors(await post(url, '', headers)), { ...NONE, vary: 'Origin', ...expected });
        assert.deepEqual(cors(await fetchText(url, 'OPTIONS', { headers })), {
          ...NONE,
          vary: 'Origin',
          methods: 'OPTIONS, POST',
          maxAge: '31536000',
          ...expected,
        });
      });
    }

    it('checkOrigin forbids: no CORS header on any answer, though the request is answered', async () => {
      for (const requestCase of [...infos, ...CROSS_ORIGIN_CASES]) {
        const { origin } = await serve({ checkOrigin: () => false, origin: 'https://one.example' });
        const answer = await sendRequest(`${origin}/echo`, requestCase, {
          Origin: PAGE,
          'Access-Control-Request-Headers': 'x-a',
        });
        assert.equal(answer.status, requestCase.status, titleOf(requestCase));
        assert.deepEqual(cors(answer), { ...NONE, vary: 'Origin' }, titleOf(requestCase));
      }
    });

    it('checkOrigin is given the request and may decide by it', async () => {
      const { origin } = await serve({ checkOrigin: (req) => req.headers.origin === PAGE });
      const allowed = async (from: string) =>
        (await fetchText(`${origin}/echo/info`, 'GET', { headers: { Origin: from } })).headers[
          'access-control-allow-origin'
        ];
      assert.equal(await allowed(PAGE), PAGE);
      assert.equal(await allowed('https://page.example'), undefined);
    });

    it('checkOrigin is not asked where no CORS headers are sent', async () => {
      const { origin } = await serve({
        checkOrigin: () => {
          throw new Error('asked');
        },
      });
      for (const requestCase of PAGE_CASES.filter(({ path }) => path !== '/info')) {
        assert.equal((await sendRequest(`${origin}/echo`, requestCase)).status, 200);
      }
      assert.equal((await fetchText(`${origin}/echo/0/s/jsonp?c=cb`)).status, 200);
    });
  });

  describe('Vary', () => {
    for (const [before, after] of [
      ['Accept-Encoding', 'Accept-Encoding, Origin'],
      ['Accept-Encoding, Cookie', 'Accept-Encoding, Cookie, Origin'],
      [
        ['Accept-Encoding', 'Cookie'],
        ['Accept-Encoding', 'Cookie', 'Origin'],
      ],
      ['Origin', 'Origin'],
      ['accept-encoding,ORIGIN', 'accept-encoding,ORIGIN'],
      ['X-Origin', 'X-Origin, Origin'],
      ['*', '*'],
    ]) {
      it(`is ${after} where middleware has said ${before}`, async () => {
        const { origin } = await serve({}, undefined, {
          before: (app) =>
            app.use((_req, res, next) => {
              res.setHeader('Vary', before ?? '');
              next();
            }),
        });
        const { headers } = await fetchText(`${origin}/echo/info`);
        assert.equal(headers.vary, Array.isArray(after) ? after.join(', ') : after);
      });
    }
  });
});

function one(): Cors {
  return { origin: 'https://one.example', credentials: 'true' };
}
