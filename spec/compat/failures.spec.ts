/** What functions of the application throw, beside those of npm sockjs 0.3.24, and what such functions find. */
import { deepEqual, equal } from 'node:assert/strict';
import { fetchText, post, Stream } from '../support/http.ts';
import { command, eventsBefore, opened } from './support/difference.ts';
import { COMPAT, Driven, GENUINE, prepare, type Settings } from './support/driven.ts';

for (const [name, module] of [
  ['sockjs-compat', COMPAT],
  ['npm sockjs 0.3.24', GENUINE],
] as const) {
  const start = (hook: string, settings: object = {}) => Driven.start(module, { hook, ...settings });

  describe(`compat: a function in the option jsessionid, on ${name}`, () => {
    before(prepare);

    it('finds the cookies and the URL with the prefix, and sets a cookie', async () => {
      const server = await start('cookie');
      const { headers } = await post(`${server.origin}/echo/000/aaaa/xhr?a=b`, '', {
        cookie: 'JSESSIONID=a%20b; x = 1=2;c',
      });
      deepEqual((await server.events(1)).at(0), [
        'cookies',
        { JSESSIONID: 'a%20b', x: '1', c: '' },
        '/echo/000/aaaa/xhr?a=b',
      ]);
      deepEqual(headers['set-cookie'], ['seen=a%20b']);
    });

    it('is called for each transport, with no cookies as well', async () => {
      const server = await start('cookie');
      for (const route of ['xhr_streaming', 'eventsource', 'htmlfile?c=cb', 'jsonp?c=cb']) {
        const path = `/echo/000/${route.slice(0, 4)}/${route}`;
        const { response } = new Stream(`${server.origin}${path}`, route === 'xhr_streaming' ? 'POST' : 'GET');
        deepEqual(await server.events(2), [
          ['cookies', {}, path],
          ['connection', 1],
        ]);
        deepEqual((await response).headers['set-cookie'], ['seen=undefined']);
      }
    });

    it('is not called for WebSockets, so that they open where it throws', async () => {
      const server = await start('failingCookie');
      for (const path of ['/echo/000/aaaa/websocket', '/echo/websocket']) {
        await server.webSocket(path).opened;
        deepEqual(await server.events(1), [['connection', 1]]);
      }
    });

    it('has what it throws logged and answered with 500, and the next request answered', async () => {
      const server = await start('failingCookie');
      const { status, body } = await post(`${server.origin}/echo/000/aaaa/xhr`);
      deepEqual([status, body], [500, '500 - Internal Server Error']);
      deepEqual(await server.events(1), [['logged', true, 'of jsessionid']]);
      equal((await fetchText(`${server.origin}/echo/info`)).status, 200);
    });

    it('has the process hear of its promise that rejects, and the request answered', async () => {
      const server = await start('rejectingCookie');
      equal((await post(`${server.origin}/echo/000/aaaa/xhr`)).body, 'o\n');
      deepEqual((await server.events(2)).map(String).sort(), ['connection,1', 'unhandled,of jsessionid']);
    });
  });

  describe(`compat: listeners of the server, on ${name}`, () => {
    before(prepare);

    it('have the process hear of a promise that rejects, for an event of the program itself', async () => {
      const server = await start('ownEvent');
      await server.webSocket('/echo/000/aaaa/websocket').next();
      deepEqual(await server.events(2), [
        ['connection', 1],
        ['unhandled', 'of own'],
      ]);
    });

    it('have the process hear of a promise that rejects, for connection', async () => {
      const server = await start('failingConnection');
      await opened(server);
      deepEqual(await server.events(1), [['unhandled', 'of connection']]);
    });
  });
}

describe('compat: a listener of end that throws', () => {
  before(prepare);

  it('keeps close from being emitted, as in npm sockjs', async () => {
    for (const module of [COMPAT, GENUINE]) {
      const server = await Driven.start(module, { hook: 'failingEnd' });
      (await opened(server)).socket.terminate();
      deepEqual(await server.events(1), [['uncaught', 'of end']]);
      deepEqual(await eventsBefore(server, 'bbbb'), []);
    }
  });

  it('keeps no close from being emitted with the option safe', async () => {
    const server = await Driven.start(COMPAT, { hook: 'failingEnd', options: { safe: true } });
    (await opened(server)).socket.terminate();
    deepEqual(await server.events(1), [['close', 3]]);
  });
});

describe('compat: a replaced method of sessions that throws', () => {
  before(prepare);

  /** Has a paused session keep two messages when its client leaves. */
  async function leavePaused(settings: Settings): Promise<Driven> {
    const server = await Driven.start(COMPAT, settings);
    const client = await opened(server);
    client.send(command('halt'));
    client.send('["a","b"]');
    client.socket.close(1000);
    return server;
  }

  it('at the end of a paused session has the process hear of it', async () => {
    const server = await leavePaused({ hook: 'failingDidClose' });
    deepEqual((await server.events(4)).slice(1), [
      ['data', 'a'],
      ['data', 'b'],
      ['uncaught', 'of didClose'],
    ]);
  });

  it('at the end of a paused session is logged with the option safe', async () => {
    const server = await leavePaused({ hook: 'failingDidClose', options: { safe: true } });
    deepEqual((await server.events(4)).slice(1), [
      ['data', 'a'],
      ['data', 'b'],
      ['logged', false, 'of didClose'],
    ]);
  });

  it('for a message that was kept has the process hear of it, and the others come', async () => {
    const server = await leavePaused({ hook: 'failingDidMessage' });
    deepEqual((await server.events(5)).slice(1).map(String).sort(), [
      'close,3',
      'data,b',
      'end,3',
      'uncaught,of didMessage',
    ]);
  });

  it('before the event connection has the process hear of it on a WebSocket, as in npm sockjs', async () => {
    for (const module of [COMPAT, GENUINE]) {
      for (const path of ['/echo/000/aaaa/websocket', '/echo/websocket']) {
        const server = await Driven.start(module, { hook: 'failingDecoration' });
        await server.webSocket(path).opened;
        deepEqual(await eventsBefore(server, 'bbbb'), ['uncaught,of decorateConnection']);
      }
    }
  });
});

describe('compat: a request that a listener behind the handlers gets', () => {
  before(prepare);

  it('has no originalUrl and no baseUrl, as in npm sockjs', async () => {
    for (const module of [COMPAT, GENUINE]) {
      const server = await Driven.start(module, { requestKeys: ['originalUrl', 'baseUrl', 'url', 'pathname'] });
      await fetchText(`${server.origin}/echo/info`);
      deepEqual(await server.events(1), [['request', ['url', 'pathname']]]);
    }
  });
});

describe('compat: a function in an option that fails', () => {
  before(prepare);

  it('in base_url has the error logged, and /info answered with 500', async () => {
    const server = await Driven.start(COMPAT, { hook: 'failingBaseUrl' });
    equal((await fetchText(`${server.origin}/echo/info`)).status, 500);
    deepEqual(await server.events(1), [['logged', true, 'of base_url']]);
  });

  it('in jsessionid has a promise that rejects logged with the option safe', async () => {
    const server = await Driven.start(COMPAT, { hook: 'rejectingCookie', options: { safe: true } });
    await post(`${server.origin}/echo/000/aaaa/xhr`).catch(() => {});
    const events = (await server.events(2)).map(String).sort();
    deepEqual(events, ['connection,1', 'logged,true,of jsessionid']);
  });
});
