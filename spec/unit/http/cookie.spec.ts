/** The JSESSIONID cookie: on which answers it is, with which value, and how an application sets its own. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type JsessionidAttributes, jsessionid, type SockjsOptions } from '../../../lib/index.ts';
import { fetchText, post } from '../../support/http.ts';
import {
  PAGE_CASES,
  PREFLIGHT_CASES,
  RECEIVE_CASES,
  SEND_CASES,
  sendRequest,
  titleOf,
} from '../../support/request-cases.ts';
import { serve } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const DUMMY = ['JSESSIONID=dummy; path=/'];
const transports = [...RECEIVE_CASES, ...SEND_CASES, ...PREFLIGHT_CASES];
const plain = [
  ...PAGE_CASES,
  ...PAGE_CASES.map((page) => ({ ...page, method: 'HEAD' })),
  { method: 'OPTIONS', path: '/info', status: 204 },
];

/** The cookies on a WebSocket's 101. */
async function handshakeCookies(origin: string, path: string, cookie?: string) {
  const client = new WebSocketClient(origin, path, cookie === undefined ? {} : { headers: { Cookie: cookie } });
  const [{ headers }] = await Promise.all([
    new Promise<IncomingMessage>((resolve) => client.socket.once('upgrade', resolve)),
    client.opened,
  ]);
  return headers['set-cookie'];
}

describe('jsessionid', () => {
  describe('false, as by default', () => {
    for (const options of [{}, { jsessionid: false }]) {
      it(`sets no cookie anywhere with ${JSON.stringify(options)}`, async () => {
        for (const requestCase of [...transports, ...plain]) {
          const { origin } = await serve({ ...options, rawWebsocket: true });
          const answer = await sendRequest(`${origin}/echo`, requestCase, { Cookie: 'JSESSIONID=abc' });
          assert.equal(answer.headers['set-cookie'], undefined, titleOf(requestCase));
        }
        const { origin } = await serve(options);
        assert.equal(await handshakeCookies(origin, '/echo/0/s/websocket', 'JSESSIONID=abc'), undefined);
      });
    }
  });

  describe('true', () => {
    const options: SockjsOptions = { jsessionid: true, rawWebsocket: true };

    for (const requestCase of transports) {
      it(`sets the cookie on ${titleOf(requestCase)}`, async () => {
        const { origin } = await serve(options);
        const answer = await sendRequest(`${origin}/echo`, requestCase, { Cookie: 'JSESSIONID=abc' });
        assert.equal(answer.status, requestCase.status);
        assert.deepEqual(answer.headers['set-cookie'], ['JSESSIONID=abc; path=/']);
      });
    }

    for (const path of ['/echo/0/s/websocket', '/echo/websocket']) {
      it(`sets the cookie on the handshake of ${path}`, async () => {
        const { origin } = await serve(options);
        assert.deepEqual(await handshakeCookies(origin, path), DUMMY);
        assert.deepEqual(await handshakeCookies(origin, path, 'JSESSIONID=abc'), ['JSESSIONID=abc; path=/']);
      });
    }

    it('sets the cookie on the answer to a wrong method', async () => {
      const { origin } = await serve(options);
      for (const path of ['/0/s/xhr', '/0/s/xhr_send', '/0/s/jsonp_send']) {
        const { status, headers } = await fetchText(`${origin}/echo${path}`);
        assert.equal(status, 405);
        assert.deepEqual(headers['set-cookie'], DUMMY, path);
      }
    });

    for (const requestCase of plain) {
      it(`sets no cookie on ${titleOf(requestCase)}`, async () => {
        const { origin } = await serve(options);
        const answer = await sendRequest(`${origin}/echo`, requestCase, { Cookie: 'JSESSIONID=abc' });
        assert.equal(answer.status, requestCase.status);
        assert.equal(answer.headers['set-cookie'], undefined);
      });
    }

    it('says so in /info', async () => {
      const { origin } = await serve(options);
      assert.equal(JSON.parse((await fetchText(`${origin}/echo/info`)).body).cookie_needed, true);
    });

    it('keeps the cookies of other middleware', async () => {
      const { origin } = await serve(options, undefined, {
        before: (app) =>
          app.use((_req, res, next) => {
            res.setHeader('Set-Cookie', ['a=1; HttpOnly', 'b=2']);
            next();
          }),
      });
      const all = ['a=1; HttpOnly', 'b=2', ...DUMMY];
      assert.deepEqual((await post(`${origin}/echo/0/s/xhr`)).headers['set-cookie'], all);
      assert.deepEqual(await handshakeCookies(origin, '/echo/0/s/websocket'), all);
      assert.deepEqual((await fetchText(`${origin}/echo`)).headers['set-cookie'], ['a=1; HttpOnly', 'b=2']);
    });
  });

  describe('attributes', () => {
    const rows: [attributes: JsessionidAttributes, written: string][] = [
      [{}, ''],
      [{ sameSite: undefined, secure: undefined, httpOnly: undefined }, ''],
      [{ secure: false, httpOnly: false }, ''],
      [{ sameSite: 'strict' }, '; SameSite=Strict'],
      [{ sameSite: 'lax' }, '; SameSite=Lax'],
      [{ sameSite: 'none', secure: true }, '; Secure; SameSite=None'],
      [{ httpOnly: true }, '; HttpOnly'],
      [{ httpOnly: true, secure: true, sameSite: 'none' }, '; HttpOnly; Secure; SameSite=None'],
    ];
    for (const [attributes, written] of rows) {
      it(`${JSON.stringify(attributes)} go out as "path=/${written}"`, async () => {
        for (const option of [
          attributes,
          (req: IncomingMessage, res: ServerResponse) => jsessionid(req, res, attributes),
        ]) {
          const { origin } = await serve({ jsessionid: option });
          const { headers } = await post(`${origin}/echo/0/s/xhr`, '', { Cookie: 'JSESSIONID=abc' });
          assert.deepEqual(headers['set-cookie'], [`JSESSIONID=abc; path=/${written}`]);
          const { headers: without } = await fetchText(`${origin}/echo/0/t/xhr`);
          assert.deepEqual(without['set-cookie'], [`JSESSIONID=dummy; path=/${written}`]);
          const handshake = await handshakeCookies(origin, '/echo/0/s/websocket', 'JSESSIONID=abc');
          assert.deepEqual(handshake, [`JSESSIONID=abc; path=/${written}`]);
          assert.equal(JSON.parse((await fetchText(`${origin}/echo/info`)).body).cookie_needed, true);
          assert.equal((await fetchText(`${origin}/echo/iframe.html`)).headers['set-cookie'], undefined);
        }
      });
    }

    it('are on the answer to a foreign origin, too', async () => {
      const { origin } = await serve({ jsessionid: { secure: true }, allowedOrigins: 'same-origin' });
      const { status, headers } = await post(`${origin}/echo/0/s/xhr`, '', { Origin: 'https://foreign.example' });
      assert.equal(status, 403);
      assert.deepEqual(headers['set-cookie'], ['JSESSIONID=dummy; path=/; Secure']);
      assert.equal(headers['cache-control'], 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
    });
  });

  describe('value', () => {
    const kept = [
      'abcdef',
      'a',
      'with%20percent%41',
      '%zz',
      'a=b==',
      "!#$%&'()*+-./:<=>?@[]^_`{|}~",
      '"quoted"',
      'F00D.node-1',
      'x'.repeat(2000),
    ];
    for (const value of kept) {
      it(`goes back verbatim: ${value.slice(0, 40)}`, async () => {
        const { origin } = await serve({ jsessionid: true });
        const { headers } = await post(`${origin}/echo/0/s/xhr`, '', { Cookie: `JSESSIONID=${value}` });
        assert.deepEqual(headers['set-cookie'], [`JSESSIONID=${value}; path=/`]);
      });
    }

    for (const [title, cookie] of [
      ['no cookie at all', undefined],
      ['an empty Cookie header', ''],
      ['other cookies', 'a=1; XJSESSIONID=x; JSESSIONIDX=y; jsessionid=z'],
      ['a name without a value', 'JSESSIONID'],
      ['an empty value', 'JSESSIONID='],
      ['a space within', 'JSESSIONID=a b'],
      ['a comma', 'JSESSIONID=a,b'],
      ['a backslash', 'JSESSIONID=a\\b'],
      ['a tab', 'JSESSIONID=a\tb'],
      ['a quote within', 'JSESSIONID=a"b'],
      ['a quote at one end', 'JSESSIONID="ab'],
      ['a quote at the other end', 'JSESSIONID=ab"'],
      ['only quotes within quotes', 'JSESSIONID="""'],
      ['bytes over 127', 'JSESSIONID=caf\u00e9'],
    ] as const) {
      it(`is dummy for ${title}`, async () => {
        const { origin } = await serve({ jsessionid: true });
        const headers = cookie === undefined ? {} : { Cookie: cookie };
        assert.deepEqual((await post(`${origin}/echo/0/s/xhr`, '', headers)).headers['set-cookie'], DUMMY);
      });
    }

    for (const [title, cookie] of [
      ['among other cookies', 'a=1; JSESSIONID=abc; b=2'],
      ['without spaces', 'a=1;JSESSIONID=abc;b=2'],
      ['first of two', 'JSESSIONID=abc; JSESSIONID=def'],
      ['beside names that mean something to objects', '__proto__=x; constructor=y; JSESSIONID=abc'],
    ] as const) {
      it(`is found ${title}`, async () => {
        const { origin } = await serve({ jsessionid: true });
        const { headers } = await post(`${origin}/echo/0/s/xhr`, '', { Cookie: cookie });
        assert.deepEqual(headers['set-cookie'], ['JSESSIONID=abc; path=/']);
      });
    }

    it('is found in a second Cookie header', async () => {
      const { origin } = await serve({ jsessionid: true });
      const { headers } = await post(`${origin}/echo/0/s/xhr`, '', { Cookie: ['a=1', 'JSESSIONID=abc'] });
      assert.deepEqual(headers['set-cookie'], ['JSESSIONID=abc; path=/']);
    });
  });

  describe('function', () => {
    const set = (req: IncomingMessage, res: ServerResponse) => {
      res.setHeader('Set-Cookie', `own=${req.method}`);
    };

    it('is called for every answer of transports and sends, and what it sets is all there is', async () => {
      for (const requestCase of transports) {
        const { origin } = await serve({ jsessionid: set, rawWebsocket: true });
        const { headers } = await sendRequest(`${origin}/echo`, requestCase);
        assert.deepEqual(headers['set-cookie'], [`own=${requestCase.method}`], titleOf(requestCase));
      }
      const { origin } = await serve({ jsessionid: set });
      assert.deepEqual(await handshakeCookies(origin, '/echo/0/s/websocket'), ['own=GET']);
    });

    it('is not called for the pages', async () => {
      const called: (string | undefined)[] = [];
      const { origin } = await serve({ jsessionid: (req) => void called.push(req.url) });
      for (const requestCase of plain) {
        await sendRequest(`${origin}/echo`, requestCase);
      }
      assert.deepEqual(called, []);
    });

    it('may set nothing', async () => {
      const { origin } = await serve({ jsessionid: () => {} });
      assert.equal((await post(`${origin}/echo/0/s/xhr`)).headers['set-cookie'], undefined);
    });

    it('may call what true stands for', async () => {
      const { origin } = await serve({
        jsessionid: (req, res) => {
          res.setHeader('X-Balancer', 'one');
          jsessionid(req, res);
        },
      });
      const { headers } = await post(`${origin}/echo/0/s/xhr`, '', { Cookie: 'JSESSIONID=abc' });
      assert.deepEqual([headers['x-balancer'], headers['set-cookie']], ['one', ['JSESSIONID=abc; path=/']]);
    });

    it('is called with the request that earlier middleware has seen', async () => {
      const { origin } = await serve(
        { jsessionid: (req, res) => res.setHeader('X-User', String(Reflect.get(req, 'user'))) },
        undefined,
        {
          before: (app) =>
            app.use((req, _res, next) => {
              Object.assign(req, { user: 'me' });
              next();
            }),
        },
      );
      assert.equal((await post(`${origin}/echo/0/s/xhr`)).headers['x-user'], 'me');
    });

    it('says so in /info', async () => {
      const { origin } = await serve({ jsessionid: set });
      assert.equal(JSON.parse((await fetchText(`${origin}/echo/info`)).body).cookie_needed, true);
    });
  });
});
