/** What `compat/` does as npm sockjs 0.3.24 does: the same calls on both, with the same events in the same order. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { fetchText, handshake, post, RawSocket } from '../support/http.ts';
import { catchesInPipe } from './support/catches-in-pipe.ts';
import { CLIENTS, type Client, untilReceived } from './support/clients.ts';
import { eventsBefore } from './support/difference.ts';
import { COMPAT, Driven, GENUINE, prepare, type Settings } from './support/driven.ts';

for (const [name, module] of [
  ['sockjs-compat', COMPAT],
  ['npm sockjs 0.3.24', GENUINE],
] as const) {
  describe(`compat: what is the same, on ${name}`, () => {
    before(prepare);

    const start = (settings?: Settings) => Driven.start(module, settings);

    for (const [transport, connect] of Object.entries(CLIENTS)) {
      describe(`by ${transport}`, () => {
        it('emits connection, then data for each message, and writes strings', async () => {
          const server = await start();
          const client = connect(server);
          equal(await client.next(), 'o');
          deepEqual(await server.events(1), [['connection', 1]]);
          await client.send('a', 'b', '["write","c"]');
          deepEqual(await server.events(3), [
            ['data', 'a'],
            ['data', 'b'],
            ['write', true, 1],
          ]);
          equal(await client.next(), 'a["c"]');
          await client.send('["write",{"a":1}]', '["state"]', '["write",7]');
          deepEqual(await server.events(3), [
            ['write', true, 1],
            ['state', [1, true, true], 1],
            ['write', true, 1],
          ]);
        });

        it('has the members of the latest receiving request', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await client.send('["where"]', '["own"]', '["text"]', '["stream"]');
          const url = client.path + (['htmlfile', 'jsonp-polling'].includes(transport) ? '?c=cb' : '');
          deepEqual(await server.events(5), [
            ['connection', 1],
            ['where', [url, client.path, '/echo', transport], 1],
            ['own', ['127.0.0.1', true], 1],
            ['text', [true, true], 1],
            ['stream', [true, 'function'], 1],
          ]);
        });

        it('has address and port of the client whose request receives', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await server.events(1);
          const frame = client.next();
          await untilReceived(server, client);
          await client.send('["peer"]', '["write","on"]');
          deepEqual(await server.events(2), [
            ['peer', ['127.0.0.1', true], 1],
            ['write', true, 1],
          ]);
          equal(await frame, 'a["on"]');
        });

        it('sends code and reason of a close as they are, of any kind', async () => {
          for (const [args, frame] of [
            ['', 'c[1000,"Normal closure"]'],
            [',3000', 'c[3000,"Normal closure"]'],
            [',4,"short"', 'c[4,"short"]'],
            [',"4001","text"', 'c["4001","text"]'],
            [',70000,""', 'c[70000,""]'],
            [`,1006,"${'long '.repeat(60)}"`, `c[1006,"${'long '.repeat(60)}"]`],
            [',3001,{"a":[1]}', 'c[3001,{"a":[1]}]'],
          ]) {
            const server = await start();
            const client = connect(server);
            equal(await client.next(), 'o');
            const frameComes = transport.endsWith('-polling') ? undefined : client.next();
            await client.send(`["close"${args}]`);
            equal(await (frameComes ?? client.next()), frame);
          }
        });

        it('answers false to write and close once it is closing', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await server.events(1);
          await client.send('["closing"]');
          const events = await server.events(transport === 'websocket' ? 3 : 1);
          deepEqual(
            events,
            transport === 'websocket'
              ? [
                  ['end', 3],
                  ['close', 3],
                  ['closing', [false, false], 3],
                ]
              : [['closing', [false, false], 2]],
          );
          equal(await client.next(), 'c[1000,"Normal closure"]');
        });

        it('sends the last message that end is given, then closes', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await client.send('["state"]');
          await server.events(2);
          await client.send('["end","last"]');
          const events = await server.events(transport === 'websocket' ? 3 : 1);
          deepEqual(
            events,
            transport === 'websocket'
              ? [
                  ['end', 3],
                  ['close', 3],
                  ['end', null, 3],
                ]
              : [['end', null, 2]],
          );
          equal(await client.next(), 'a["last"]');
          equal(await client.next(), 'c[1000,"Normal closure"]');
        });

        it('emits end, then close, as it closes', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await client.send('["hasten"]', '["close",3000,"x"]');
          const frame = client.next();
          const events = await server.events(5);
          deepEqual(
            events.filter((event) => Array.isArray(event) && (event[0] === 'end' || event[0] === 'close')).map(String),
            transport === 'websocket' ? ['end,3', 'close,3', 'close,true,3'] : ['close,true,2', 'end,3', 'close,3'],
          );
          equal(await frame, 'c[3000,"x"]');
        });

        it('emits nothing after destroy', async () => {
          const server = await start();
          const client = connect(server);
          await client.next();
          await server.events(1);
          await client.send('["hasten"]', '["destroy"]');
          equal(await client.next(), 'c[1000,"Normal closure"]');
          await untilOver(server, client);
          deepEqual(
            await eventsBefore(server, 'zzzz'),
            transport === 'websocket'
              ? ['hasten,,1', 'end,3', 'close,3', 'destroy,itself,3']
              : ['hasten,,1', 'destroy,itself,2'],
          );
        });
      });
    }

    it('closes the WebSocket below a close frame with 1000', async () => {
      const server = await start();
      const client = server.webSocket('/echo/000/dddd/websocket');
      await client.next();
      client.send('["[\\"close\\",3000,\\"x\\"]"]');
      equal(await client.next(), 'c[3000,"x"]');
      deepEqual(await client.closed, { code: 1000, reason: 'Normal closure' });
    });

    it('gives code and reason to a raw WebSocket, and throws for codes that none may have', async function () {
      if (isSwallowed(module)) {
        this.skip();
      }
      const server = await start();
      const client = server.webSocket('/echo/websocket');
      await client.opened;
      client.send('["where"]');
      deepEqual(await server.events(2), [
        ['connection', 1],
        ['where', ['/echo/websocket', '/echo/websocket', '/echo', 'websocket-raw'], 1],
      ]);
      client.send('["close",3333,"raw"]');
      deepEqual(await client.closed, { code: 3333, reason: 'raw' });
      deepEqual(await server.events(3), [
        ['close', true, 2],
        ['end', 3],
        ['close', 3],
      ]);
      const second = server.webSocket('/echo/websocket');
      await second.opened;
      second.send('["close",2,"x"]');
      const [, uncaught] = await server.events(2);
      match(String(uncaught), /^uncaught,.*1000.*3000.*4999/);
    });

    it('has the whitelist of headers, and what decorateConnection adds', async () => {
      const server = await start({ extraHeader: 'x-user' });
      const client = server.webSocket('/echo/000/eeee/websocket', {
        'x-user': 'ann',
        'x-real-ip': '1.2.3.4',
        'user-agent': 'test',
        cookie: 'a=b',
      });
      await client.next();
      client.send('["[\\"headers\\"]"]');
      deepEqual(await server.events(2), [
        ['connection', 1],
        [
          'headers',
          { host: `127.0.0.1:${server.port}`, 'user-agent': 'test', 'x-real-ip': '1.2.3.4', 'x-user': 'ann' },
          1,
        ],
      ]);
    });

    it('takes address and URL of each poll', async () => {
      const server = await start();
      const path = `${server.origin}/echo/000/ffff`;
      await post(`${path}/xhr?n=1`);
      await post(`${path}/xhr_send`, '["[\\"where\\"]"]');
      const poll = post(`${path}/xhr?n=2`);
      await post(`${path}/xhr_send`, '["[\\"write\\",1]"]');
      await poll;
      await post(`${path}/xhr_send`, '["[\\"where\\"]"]');
      const events = await server.events(4);
      equal(
        JSON.stringify(events[1]),
        '["where",["/echo/000/ffff/xhr?n=1","/echo/000/ffff/xhr","/echo","xhr-polling"],1]',
      );
      equal(
        JSON.stringify(events[3]),
        '["where",["/echo/000/ffff/xhr?n=2","/echo/000/ffff/xhr","/echo","xhr-polling"],1]',
      );
    });

    it('comes before listeners that are there, and leaves them the rest', async () => {
      const server = await start({ before: true });
      equal((await fetchText(`${server.origin}/echo/`)).body, 'Welcome to SockJS!\n');
      equal((await fetchText(`${server.origin}/page?x`)).body, 'before');
      deepEqual(await server.events(1), [['before', '/page?x']]);
      const socket = new RawSocket(server.port).send(...handshake('/other'));
      match(await socket.closed, /^HTTP\/1\.1 418/);
      const client = server.webSocket('/echo/000/gggg/websocket');
      equal(await client.next(), 'o');
    });

    it('answers requests and upgrades as middleware, and says which are its own', async () => {
      const server = await start({ middleware: true });
      equal((await fetchText(`${server.origin}/middle`)).body, 'Welcome to SockJS!\n');
      equal((await fetchText(`${server.origin}/page`)).body, 'not SockJS');
      equal(await server.webSocket('/middle/000/mmmm/websocket').next(), 'o');
    });

    it('shows listeners that come later each request, with its URL', async () => {
      const server = await start({ after: true });
      equal((await fetchText(`${server.origin}/echo/info?t=1`)).status, 200);
      deepEqual(await server.events(1), [['after', '/echo/info?t=1']]);
    });

    it('answers what listeners in front have rewritten, as Meteor does', async () => {
      const rewritten = await start({
        install: [{ prefix: '/sockjs' }],
        rewrite: { from: '/ws', to: '/sockjs/websocket' },
        options: { heartbeat_delay: 45_000, disconnect_delay: 60_000, jsessionid: false },
      });
      const client = rewritten.webSocket('/ws');
      await client.opened;
      client.send('["timeout"]');
      deepEqual(await rewritten.events(2), [
        ['connection', 1],
        ['timeout', 'object', 1],
      ]);
    });

    it('takes several prefixes, each the source of a regular expression', async () => {
      const server = await start({ install: [{ prefix: '/tenant/[^/]+/echo' }, { prefix: '(?:/a|/b)' }] });
      for (const path of ['/tenant/x/echo', '/a', '/b']) {
        equal((await fetchText(`${server.origin}${path}/info`)).status, 200, path);
        const client = server.webSocket(`${path}/000/hhhh/websocket`);
        equal(await client.next(), 'o');
      }
    });

    it('answers 404 to what is no route below the prefix, and takes a slash at the end', async () => {
      const server = await start({ before: true });
      deepEqual(
        await statusesOf(server, ['/echo/nothing', '/echo/info/', '/echo', '/echo/', '/echo/a.b/c/xhr']),
        [404, 200, 200, 200, 404],
      );
      match(await new RawSocket(server.port).send(...handshake('/echo/nothing')).closed, /^HTTP\/1\.1 404/);
    });

    it('writes a relative sockjs_url, and what /info says', async () => {
      const server = await start({
        options: { sockjs_url: 'lib/sockjs.js', websocket: false, jsessionid: true, base_url: 'http://x/' },
      });
      match((await fetchText(`${server.origin}/echo/iframe.html`)).body, /src="(\.\/)?lib\/sockjs\.js"/);
      const info = await fetchText(`${server.origin}/echo/info`);
      const { entropy, ...rest } = JSON.parse(info.body);
      equal(typeof entropy, 'number');
      deepEqual(rest, { websocket: false, origins: ['*:*'], cookie_needed: true, base_url: 'http://x/' });
      deepEqual(await statusesOf(server, ['/echo/websocket', '/echo/000/iiii/websocket']), [404, 404]);
    });

    it('logs where it is bound, and each request', async () => {
      const server = await start({ log: true });
      await fetchText(`${server.origin}/echo/info?x=1`);
      await post(`${server.origin}/echo/000/jjjj/xhr`);
      const client = server.webSocket('/echo/000/kkkk/websocket');
      await client.next();
      const lines = (await server.events(5)).filter((event) => Array.isArray(event) && event[0] === 'log');
      deepEqual(lines, [
        ['log', 'info', 'GET /echo/info?x=1 # 200'],
        ['log', 'info', 'POST /echo/000/jjjj/xhr # 200'],
        ['log', 'info', 'GET /echo/000/kkkk/websocket # (unfinished)'],
      ]);
    });

    it('gives what a listener throws on a WebSocket to uncaughtException, and goes on', async function () {
      if (isSwallowed(module)) {
        this.skip();
      }
      const server = await start();
      const client = server.webSocket('/echo/000/llll/websocket');
      await client.next();
      client.send('["[\\"throw\\"]"]');
      deepEqual(await server.events(2), [
        ['connection', 1],
        ['uncaught', 'of the listener'],
      ]);
      client.send('["on"]');
      deepEqual(await server.events(1), [['data', 'on']]);
    });
  });
}

/** Whether what a listener throws on a WebSocket reaches nothing: a difference that the README lists. */
function isSwallowed(module: string): boolean {
  return module === GENUINE && catchesInPipe();
}

/** Settles once a session that has sent its close frame is gone. */
async function untilOver(server: Driven, client: Client): Promise<void> {
  if (client.path.endsWith('/websocket')) {
    await rejects(client.next(), /^Error: closed with 1000/);
    return;
  }
  let status: number;
  do {
    ({ status } = await post(`${server.origin}${client.path.replace(/[^/]+$/, 'xhr_send')}`, '["x"]'));
  } while (status !== 404);
}

async function statusesOf(server: Driven, paths: readonly string[]): Promise<number[]> {
  const answers = await Promise.all(paths.map((path) => fetchText(`${server.origin}${path}`)));
  return answers.map(({ status }) => status);
}
