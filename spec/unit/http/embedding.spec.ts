/** Pages and scripts that foreign pages embed: their policy, who may frame them, and what becomes of helmet's headers. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Express } from 'express';
import type { SockjsOptions } from '../../../lib/index.ts';
import { type Answer, fetchText } from '../../support/http.ts';
import { type RequestCase, sendRequest } from '../../support/request-cases.ts';
import { serve } from '../../support/test-server.ts';

const IFRAME: RequestCase = { method: 'GET', path: '/iframe.html', status: 200 };
const HTMLFILE: RequestCase = { method: 'GET', path: '/0/s/htmlfile?c=cb', status: 200, streaming: true };
const JSONP: RequestCase = { method: 'GET', path: '/0/s/jsonp?c=cb', status: 200 };
const JSONP_SEND: RequestCase = {
  method: 'POST',
  path: '/0/s/jsonp_send',
  status: 200,
  body: 'd=%5B%22m%22%5D',
  opened: true,
};
const OTHERS: readonly RequestCase[] = [
  { method: 'GET', path: '', status: 200 },
  { method: 'GET', path: '/info', status: 200 },
  { method: 'POST', path: '/0/s/xhr', status: 200 },
  { method: 'GET', path: '/0/s/eventsource', status: 200, streaming: true },
  { method: 'POST', path: '/0/s/xhr_send', status: 204, body: '["m"]', opened: true },
];

/** The headers that this is about, absent ones included. */
function protection({ headers }: Answer) {
  return {
    policy: headers['content-security-policy'],
    reportOnly: headers['content-security-policy-report-only'],
    frameOptions: headers['x-frame-options'],
    resourcePolicy: headers['cross-origin-resource-policy'],
    referrerPolicy: headers['referrer-policy'],
    contentTypeOptions: headers['x-content-type-options'],
  };
}

/** What middleware such as helmet sets on every answer. */
const HELMET = {
  'Content-Security-Policy': "default-src 'self'; script-src-attr 'none'",
  'Content-Security-Policy-Report-Only': "default-src 'none'",
  'X-Frame-Options': 'SAMEORIGIN',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};
const withHelmet = (app: Express) =>
  app.use((_req, res, next) => {
    res.set(HELMET);
    next();
  });

/** The one inline script of a page, as a browser would run it. */
const inlineScript = (body: string): string => /<script>(.*?)<\/script>/s.exec(body)?.[1] ?? '';

const hashOf = (body: string): string => `'sha256-${createHash('sha256').update(inlineScript(body)).digest('base64')}'`;

async function iframe(options: SockjsOptions, headers: Record<string, string> = {}): Promise<Answer> {
  const { origin } = await serve(options);
  return sendRequest(`${origin}/echo`, IFRAME, headers);
}

/** The directives of the policy, by name. */
function directives({ headers }: Answer): Record<string, string> {
  const policy = String(headers['content-security-policy']);
  const pairs = policy.split('; ').map((directive) => directive.split(/ (.*)/s));
  assert.equal(new Set(pairs.map(([name]) => name)).size, pairs.length, policy);
  return Object.fromEntries(pairs);
}

describe('the iframe page', () => {
  for (const [title, before] of [
    ['alone', () => {}],
    ['behind helmet', withHelmet],
  ] as const) {
    it(`has these headers ${title}, on 304 as well`, async () => {
      const { origin } = await serve({ sockjsUrl: 'https://cdn.example/x.js' }, undefined, { before });
      const page = await sendRequest(`${origin}/echo`, IFRAME);
      const expected = {
        policy:
          `default-src 'none'; script-src ${hashOf(page.body)} 'self' https://cdn.example/x.js; connect-src 'self'; ` +
          "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors *",
        reportOnly: undefined,
        frameOptions: undefined,
        resourcePolicy: 'cross-origin',
        referrerPolicy: 'same-origin',
        contentTypeOptions: 'nosniff',
      };
      assert.equal(inlineScript(page.body).includes('bootstrap_iframe'), true);
      assert.deepEqual(protection(page), expected);
      const again = await sendRequest(
        `${origin}/echo`,
        { ...IFRAME, status: 304 },
        { 'If-None-Match': page.headers.etag ?? '' },
      );
      assert.equal(again.status, 304);
      assert.deepEqual(protection(again), expected);
    });
  }

  describe('sockjsUrl', () => {
    const rows: [url: string, source: string][] = [
      ['https://cdn.example/npm/sockjs-client@1/x.js', ' https://cdn.example/npm/sockjs-client@1/x.js'],
      ['http://cdn.example:8080/x.js?a=1&b=2#c', ' http://cdn.example:8080/x.js'],
      ['//cdn.example/x.js', ' cdn.example/x.js'],
      ['//cdn.example:8443/x.js?y', ' cdn.example:8443/x.js'],
      ['/x.js', ''],
      ['./x.js', ''],
      ['../http://cdn.example/x.js', ''],
      ['./a;b,c d', ''],
      ['/a;b,c d\'e"f/x.js', ''],
      ['httpdocs/x.js', ''],
      ['https://user:secret@cdn.example/x.js', ' https://cdn.example/x.js'],
      [
        "https://cdn.example/a;script-src *,default-src * 'unsafe-inline'",
        " https://cdn.example/a%3Bscript-src%20*%2Cdefault-src%20*%20'unsafe-inline'",
      ],
      ['//cdn.example/a;b,c d', ' cdn.example/a%3Bb%2Cc%20d'],
      ['https://cdn.example;script-src/x.js', ' https://cdn.example%3Bscript-src/x.js'],
      [
        'https://cdn.example/"><script>alert(1)</script>',
        ' https://cdn.example/%22%3E%3Cscript%3Ealert(1)%3C/script%3E',
      ],
      ['https://cdn.example/a\r\nX-Injected: 1', ' https://cdn.example/aX-Injected:%201'],
      ['https://cdn.example/grüße-€.js', ' https://cdn.example/gr%C3%BC%C3%9Fe-%E2%82%AC.js'],
      ['https://grüße.example/\ud800.js', ' https://xn--gre-6ka8l.example/%EF%BF%BD.js'],
    ];
    for (const [url, source] of rows) {
      for (const [way, sockjsUrl] of [
        ['text', url],
        ['a function', () => url],
      ] as const) {
        it(`${JSON.stringify(url)} as ${way} adds ${source === '' ? 'no source' : source} and nothing else`, async () => {
          const page = await iframe({ sockjsUrl });
          assert.equal(page.status, 200);
          assert.deepEqual(directives(page), {
            'default-src': "'none'",
            'script-src': `${hashOf(page.body)} 'self'${source}`,
            'connect-src': "'self'",
            'frame-src': "'self'",
            'form-action': "'self'",
            'base-uri': "'none'",
            'frame-ancestors': '*',
          });
          assert.equal(page.headers['x-injected'], undefined);
          assert.equal(page.body.match(/<script/g)?.length, 2);
          assert.equal(page.body.match(/<script src="[^"<>]*"><\/script>/g)?.length, 1);
        });
      }
    }
  });

  describe('sockjsIntegrity', () => {
    const sha384 = `sha384-${'A'.repeat(64)}`;
    for (const integrity of [sha384, `${sha384} sha512-${'b+/'.repeat(28)}YQ==`]) {
      it(`goes into the page as ${integrity.slice(0, 20)}…, and the ETag follows it`, async () => {
        const page = await iframe({ sockjsUrl: '/x.js', sockjsIntegrity: integrity });
        assert.match(
          page.body,
          new RegExp(
            `<script src="/x\\.js" integrity="${integrity.replaceAll('+', '\\+')}" crossorigin="anonymous"></script>`,
          ),
        );
        assert.notEqual(page.headers.etag, (await iframe({ sockjsUrl: '/x.js' })).headers.etag);
        assert.equal(directives(page)['script-src'], `${hashOf(page.body)} 'self'`);
      });
    }
  });
});

describe('frame-ancestors', () => {
  const A = 'https://a.example';
  const rows: [
    title: string,
    allowedOrigins: NonNullable<SockjsOptions['allowedOrigins']>,
    referer: string,
    ancestors: string,
    vary: string,
  ][] = [
    ['*', '*', `${A}/page`, '*', 'Origin'],
    ["'self' for same-origin", 'same-origin', 'OWN/page', "'self'", 'Origin'],
    ["'self' for an empty list", [], 'OWN/page', "'self'", 'Origin, Referer'],
    [
      'the strings of a list',
      [A, 'http://b.example:8080'],
      `${A}/page`,
      `'self' ${A} http://b.example:8080`,
      'Origin, Referer',
    ],
    [
      'no string that is no source',
      ['null', 'odd; script-src x', 'https://a;b', 'https://a,b', A],
      `${A}/`,
      `'self' ${A}`,
      'Origin, Referer',
    ],
    ['a host with an underscore', ['https://a_b.example'], 'OWN/', "'self' https://a_b.example", 'Origin, Referer'],
    [
      'what an expression lets in',
      [/https:\/\/[a-z]\.example/, 'http://b.example'],
      `${A}/page`,
      `'self' http://b.example ${A}`,
      'Origin, Referer',
    ],
    ['no origin twice', [/https:\/\/[a-z]\.example/, A], `${A}/page`, `'self' ${A}`, 'Origin, Referer'],
    ['what a function lets in', () => true, `${A}/page`, `'self' ${A}`, 'Origin, Referer'],
    ['what an async function lets in', async () => true, `${A}/page`, `'self' ${A}`, 'Origin, Referer'],
    ['nothing that could be a directive', () => true, 'x; script-src *', "'self'", 'Origin, Referer'],
    ['no origin that is none', () => true, 'about:blank', "'self'", 'Origin, Referer'],
  ];
  for (const [title, allowedOrigins, referer, ancestors, vary] of rows) {
    it(`names ${title}`, async () => {
      const { origin } = await serve({ allowedOrigins });
      const Referer = referer.replace('OWN', origin);
      const expected = ancestors;
      for (const requestCase of [IFRAME, HTMLFILE]) {
        const answer = await sendRequest(`${origin}/echo`, requestCase, { Referer });
        assert.equal(answer.status, 200, requestCase.path);
        assert.equal(directives(answer)['frame-ancestors'], expected, requestCase.path);
      }
      assert.equal((await sendRequest(`${origin}/echo`, IFRAME, { Referer })).headers.vary, vary);
    });
  }

  it('names the origin that was judged, where Origin and Referer differ', async () => {
    const { origin } = await serve({ allowedOrigins: (from) => from === A });
    const answer = await sendRequest(`${origin}/echo`, IFRAME, { Origin: A, Referer: 'https://evil.example/' });
    assert.equal(directives(answer)['frame-ancestors'], `'self' ${A}`);
  });
});

describe('embedding', () => {
  it('is open on htmlfile, which has a policy of its own', async () => {
    for (const before of [() => {}, withHelmet]) {
      const { origin } = await serve({}, undefined, { before });
      assert.deepEqual(protection(await sendRequest(`${origin}/echo`, HTMLFILE)), {
        policy: "default-src 'none'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors *",
        reportOnly: undefined,
        frameOptions: undefined,
        resourcePolicy: 'cross-origin',
        referrerPolicy: 'same-origin',
        contentTypeOptions: 'nosniff',
      });
    }
  });

  for (const requestCase of [JSONP, JSONP_SEND]) {
    it(`is open on ${requestCase.path}, which is no page`, async () => {
      const { origin } = await serve();
      const found = protection(await sendRequest(`${origin}/echo`, requestCase));
      assert.deepEqual(
        [found.policy, found.frameOptions, found.resourcePolicy],
        [undefined, undefined, 'cross-origin'],
      );
      const behind = await serve({}, undefined, { before: withHelmet });
      const { frameOptions, resourcePolicy } = protection(await sendRequest(`${behind.origin}/echo`, requestCase));
      assert.deepEqual([frameOptions, resourcePolicy], [undefined, 'cross-origin']);
    });
  }

  it('is left as it was on everything else', async () => {
    for (const requestCase of OTHERS) {
      const plain = await serve();
      assert.deepEqual(
        Object.values(protection(await sendRequest(`${plain.origin}/echo`, requestCase))).filter(
          (value) => value !== undefined,
        ),
        [],
        requestCase.path,
      );
      const behind = await serve({}, undefined, { before: withHelmet });
      const { headers } = await sendRequest(`${behind.origin}/echo`, requestCase);
      for (const [name, value] of Object.entries(HELMET)) {
        assert.equal(headers[name.toLowerCase()], value, requestCase.path);
      }
    }
  });

  it('is not opened to an origin that is refused', async () => {
    for (const requestCase of [IFRAME, HTMLFILE, JSONP, { ...JSONP_SEND, opened: false }]) {
      const { origin } = await serve({ allowedOrigins: 'same-origin' }, undefined, { before: withHelmet });
      const headers = { Origin: 'https://evil.example' };
      const answer = await fetchText(`${origin}/echo${requestCase.path}`, requestCase.method, { headers });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(answer.headers['x-frame-options'], 'SAMEORIGIN');
    }
  });
});
