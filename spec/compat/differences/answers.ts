/** What differs in paths, answers and their headers. */
import { fetchText, handshake, post, RawSocket, Stream } from '../../support/http.ts';
import { command, type Difference } from '../support/difference.ts';
import type { Driven } from '../support/driven.ts';

const get = async (server: Driven, path: string) => fetchText(`${server.origin}/echo${path}`);

/** The head of the answer to a handshake. */
async function headOf(server: Driven, ...lines: string[]): Promise<string> {
  const socket = new RawSocket(server.port).send(...lines);
  const [head = ''] = (await socket.until('\r\n\r\n')).split('\r\n\r\n', 1);
  return `${head}\r\n`;
}

const WEBSOCKET = '/echo/000/aaaa/websocket';

/** The status that the handshake of a draft before RFC 6455 gets; `rest` is what follows the headers that all have. */
async function statusOfHixie(server: Driven, ...rest: readonly string[]): Promise<string> {
  const head = await headOf(
    server,
    `GET ${WEBSOCKET} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: WebSocket',
    'Origin: http://page.test',
    ...rest,
  );
  return head.slice(9, 12);
}

/** By the titles in the README of `compat/`. */
export const ANSWERS: readonly Difference[] = [
  {
    title: 'There is no `/chunking_test`',
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/chunking_test`, 'POST');
      return (await stream.response).statusCode;
    },
    ours: 404,
    theirs: 200,
  },
  {
    title: 'HEAD is answered',
    observe: async (server) => (await fetchText(`${server.origin}/echo/info`, 'HEAD')).status,
    ours: 200,
    theirs: 405,
  },
  {
    title: 'Answers have more headers',
    aspect: 'for browsers',
    observe: async (server) => {
      const { headers } = await get(server, '/iframe.html');
      const names = ['content-security-policy', 'referrer-policy', 'x-content-type-options', 'vary'];
      return names.filter((name) => headers[name] !== undefined);
    },
    ours: ['content-security-policy', 'referrer-policy', 'x-content-type-options', 'vary'],
    theirs: [],
  },
  {
    title: 'Answers have more headers',
    aspect: 'for proxies',
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/000/aaaa/eventsource`);
      return (await stream.response).headers['x-accel-buffering'];
    },
    ours: 'no',
    theirs: undefined,
  },
  {
    title: 'Texts of errors differ, their status does not',
    aspect: 'no such session',
    observe: async (server) => {
      const { status, body } = await post(`${server.origin}/echo/000/aaaa/xhr_send`, '["x"]');
      return [status, body];
    },
    ours: [404, 'Session not found.'],
    theirs: [404, '404 Error: Page not found\n'],
  },
  {
    title: 'Texts of errors differ, their status does not',
    aspect: 'no WebSocket handshake',
    observe: async (server) => {
      const { status, body } = await get(server, '/websocket');
      return [status, body];
    },
    ours: [400, 'Can "Upgrade" only to "WebSocket".'],
    theirs: [400, 'Not a valid websocket request'],
  },
  ...['', 'a-b'].map((callback) => ({
    title: 'A callback is the name of a function',
    aspect: callback === '' ? 'empty' : callback,
    observe: async (server: Driven) => (await get(server, `/000/aaaa/jsonp?c=${callback}`)).status,
    ours: 500,
    theirs: 200,
  })),
  {
    title: 'A message cannot end the script of an htmlfile',
    observe: async (server) => {
      const stream = new Stream(`${server.origin}/echo/000/aaaa/htmlfile?c=cb`);
      await stream.until('p("o")');
      await post(`${server.origin}/echo/000/aaaa/xhr_send`, command('write', '</script>'));
      return (await stream.until('script>\\"]')).includes('</script>\\"]');
    },
    ours: false,
    theirs: true,
  },
  {
    title: 'A callback is the name of a function',
    aspect: 'longer than 32 letters',
    observe: async (server) => (await get(server, `/000/aaaa/jsonp?c=${'a'.repeat(33)}`)).status,
    ours: 200,
    theirs: 500,
  },
  {
    title: 'The path of the iframe page ends in `.html`',
    observe: async (server) => (await get(server, '/iframexhtml')).status,
    ours: 404,
    theirs: 200,
  },
  {
    title: '`disable_cors` is for all transports',
    aspect: 'of an EventSource',
    settings: { options: { disable_cors: true } },
    observe: async (server) => {
      const headers = { origin: 'http://page.test' };
      const stream = new Stream(`${server.origin}/echo/000/aaaa/eventsource`, 'GET', { headers });
      return (await stream.response).headers['access-control-allow-origin'];
    },
    ours: undefined,
    theirs: 'http://page.test',
  },
  {
    title: '`disable_cors` is for all transports',
    aspect: 'preflights',
    settings: { options: { disable_cors: true } },
    observe: async (server) => {
      const { status, headers } = await fetchText(`${server.origin}/echo/000/aaaa/xhr`, 'OPTIONS');
      return [status, headers['access-control-allow-methods']];
    },
    ours: [204, undefined],
    theirs: [204, 'OPTIONS, POST'],
  },
  {
    title: 'With `websocket: false` the paths of WebSockets are 404 for all methods',
    settings: { options: { websocket: false } },
    observe: async (server) => (await post(`${server.origin}/echo/websocket`)).status,
    ours: 404,
    theirs: 405,
  },
  {
    title: '`/info` has `origins` with `disable_cors` as well',
    settings: { options: { disable_cors: true } },
    observe: async (server) => JSON.parse((await get(server, '/info')).body).origins,
    ours: ['*:*'],
    theirs: undefined,
  },
  {
    title: '`jsessionid` sets the cookie on WebSockets, and not on preflights',
    aspect: 'a WebSocket',
    settings: { options: { jsessionid: true } },
    observe: async (server) =>
      /^set-cookie: JSESSIONID=dummy; path=\/\r$/im.test(await headOf(server, ...handshake(WEBSOCKET))),
    ours: true,
    theirs: false,
  },
  {
    title: '`jsessionid` sets the cookie on WebSockets, and not on preflights',
    aspect: 'a preflight',
    settings: { options: { jsessionid: true } },
    observe: async (server) => (await fetchText(`${server.origin}/echo/info`, 'OPTIONS')).headers['set-cookie'],
    ours: undefined,
    theirs: ['JSESSIONID=dummy; path=/'],
  },
  {
    title: 'A WebSocket may ask for a subprotocol',
    observe: async (server) =>
      /^sec-websocket-protocol: (.*)\r$/im.exec(
        await headOf(server, ...handshake(WEBSOCKET, 'Sec-WebSocket-Protocol: a, b')),
      )?.[1],
    ours: 'a',
    theirs: undefined,
  },
  {
    title: 'WebSocket protocols before RFC 6455 are gone',
    aspect: 'Hixie-76',
    observe: (server) =>
      statusOfHixie(
        server,
        'Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5',
        'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00',
        '',
        '^n:ds[4U',
      ),
    ours: '400',
    theirs: '101',
  },
  {
    title: 'WebSocket protocols before RFC 6455 are gone',
    aspect: 'Hixie-75',
    observe: (server) => statusOfHixie(server, '', ''),
    ours: '400',
    theirs: '101',
  },
];
