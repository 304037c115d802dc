/** The answers of every route to every method: those of `compat/` beside those of npm sockjs 0.3.24. */
import { deepEqual } from 'node:assert/strict';
import { Stream } from '../support/http.ts';
import { COMPAT, Driven, GENUINE, prepare, type Settings } from './support/driven.ts';

const METHODS = ['GET', 'POST', 'OPTIONS', 'PUT', 'DELETE'];

/** `S` stands for a session of its own. */
const PATHS = [
  '',
  '/',
  '/info',
  '/info/',
  '/iframe.html',
  '/iframe-0.3.4.min.html',
  '/iframe.htm',
  '/websocket',
  '/000/S/websocket',
  '/000/S/xhr',
  '/000/S/xhr/',
  '/000/S/xhr_streaming',
  '/000/S/eventsource',
  '/000/S/htmlfile',
  '/000/S/htmlfile?c=cb',
  '/000/S/htmlfile?callback=a.b',
  '/000/S/htmlfile?c=(',
  '/000/S/jsonp',
  '/000/S/jsonp?c=cb',
  '/000/S/jsonp?callback=cb',
  '/000/S/jsonp?c=(',
  '/000/S/jsonp?c=a&c=b',
  '/nothing',
  '/000/S',
  '/000/S/nothing',
  '//S/xhr',
  '/000//xhr',
  '/a.b/S/xhr',
  '/000/a.S/xhr',
  '/000/S;x/xhr?a?b',
  '/INFO',
];

/** What clients and caches go by. `Allow` and `Cache-Control` of errors are left out: see the README. */
const HEADERS = [
  'content-type',
  'cache-control',
  'set-cookie',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-max-age',
];

/** The status and the headers of one answer. */
async function headOf(server: Driven, method: string, path: string, headers: Record<string, string>): Promise<unknown> {
  const stream = new Stream(`${server.origin}/echo${path}`, method, { headers });
  const { statusCode = 0, headers: given } = await stream.response;
  stream.abort();
  const allow = given.allow?.split(', ').filter((allowed) => allowed !== 'HEAD');
  const told = statusCode < 300 ? HEADERS.map((name) => [name, given[name]]) : [];
  return [method, path, statusCode, allow?.sort(), Object.fromEntries(told)];
}

async function headsOf(
  module: string,
  settings: Settings,
  headers: Record<string, string>,
  methods: readonly string[],
): Promise<unknown[]> {
  const server = await Driven.start(module, settings);
  const heads: unknown[] = [];
  for (const [at, path] of PATHS.entries()) {
    const answers = methods.map((method) =>
      headOf(server, method, path.replace('S', `s${at}${method.toLowerCase()}`), headers),
    );
    heads.push(...(await Promise.all(answers)));
  }
  return heads;
}

describe('compat: the answers of every route', () => {
  before(prepare);

  for (const [title, settings, headers, methods] of [
    ['as npm sockjs answers', {}, {}, METHODS],
    [
      'as npm sockjs answers pages of other origins',
      {},
      { origin: 'http://page.test', 'access-control-request-headers': 'X-Own' },
      METHODS,
    ],
    ['as npm sockjs answers without WebSockets', { options: { websocket: false } }, {}, ['GET']],
  ] as const) {
    it(title, async () => {
      const ours = await headsOf(COMPAT, settings, headers, methods);
      deepEqual(ours, await headsOf(GENUINE, settings, headers, methods));
    });
  }

  it('as npm sockjs answers sessions with a cookie', async () => {
    const settings = { options: { jsessionid: true } };
    const cookies = async (module: string) => {
      const server = await Driven.start(module, settings);
      const paths = ['/info', '/iframe.html', '/000/a/eventsource', '/000/b/htmlfile?c=cb', '/000/c/jsonp?c=cb'];
      return Promise.all(paths.map((path) => headOf(server, 'GET', path, { cookie: 'a=b; JSESSIONID=mine' })));
    };
    deepEqual(await cookies(COMPAT), await cookies(GENUINE));
  });
});
