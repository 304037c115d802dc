/** What Meteor's stream server does with sockjs: its options, its own path for WebSockets, and its timeouts. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { fetchText, handshake, post, RawSocket, Stream } from '../../support/http.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';
import { describeOnBothSides, Program } from '../support/projects.ts';

describeOnBothSides("Meteor's way", (project, side) => {
  async function start(webSockets: 'allowed' | 'disabled' = 'allowed') {
    const program = new Program(project(), 'meteor.cjs', [webSockets]);
    const origin = await program.origin();
    return {
      origin,
      program,
      connect: (path: string) => new WebSocketClient(origin, path, { headers: { 'x-forwarded-for': '192.0.2.1' } }),
    };
  }

  for (const [path, url] of [
    ['/websocket', '/sockjs/websocket'],
    ['/websocket/?a=1', '/sockjs/websocket?a=1'],
  ] as const) {
    it(`opens a raw WebSocket at ${path}, which listeners before the handlers have rewritten`, async () => {
      const { connect, program } = await start();
      const client = connect(path);
      await client.opened;
      deepEqual(await program.event(), ['connection', 'websocket-raw', url]);
      client.send('hello');
      equal(await client.next(), 'hello, 192.0.2.1');
      client.socket.close(1000);
      deepEqual(await program.event(), ['data', 'hello']);
      deepEqual(await program.event(), ['close', url]);
    });
  }

  it('opens a session below /sockjs, and compresses by the extension in its options', async () => {
    const { connect, program } = await start();
    const client = connect('/sockjs/000/aaaa/websocket');
    equal(await client.next(), 'o');
    deepEqual(await program.event(), ['connection', 'websocket', '/sockjs/000/aaaa/websocket']);
    match(client.socket.extensions, /permessage-deflate/);
    client.send('["hello"]');
    equal(await client.next(), 'a["hello, 192.0.2.1"]');
  });

  it('tells of the timeout of a WebSocket that is silent, unless that is set to 0', async () => {
    const { connect, program } = await start();
    for (const [path, first] of [
      ['/sockjs/000/patient/websocket', 'connect'],
      ['/sockjs/000/hasty/websocket', 'hurry'],
    ] as const) {
      const client = connect(path);
      equal(await client.next(), 'o');
      client.send(`["${first}"]`);
      equal(await client.next(), `a["${first}, 192.0.2.1"]`);
    }
    deepEqual(await program.next('timeout'), ['/sockjs/000/hasty/websocket']);
  });

  it('tells of the timeout of a raw WebSocket', async () => {
    const { connect, program } = await start();
    const client = connect('/websocket');
    await client.opened;
    client.send('hurry');
    deepEqual(await program.next('timeout'), ['/sockjs/websocket']);
  });

  it('streams over HTTP while listeners behind it replace those of the response', async () => {
    const { origin, program } = await start();
    const stream = new Stream(`${origin}/sockjs/000/aaaa/xhr_streaming`, 'POST');
    await stream.until('o\n');
    deepEqual(await program.event(), ['connection', 'xhr-streaming', '/sockjs/000/aaaa/xhr_streaming']);
    equal((await post(`${origin}/sockjs/000/aaaa/xhr_send`, '["hello"]')).status, 204);
    await stream.until('a["hello, undefined"]\n');
    deepEqual(await program.next('adjusted'), ['/sockjs/000/aaaa/xhr_send']);
  });

  it('leaves other requests and upgrades to the application', async () => {
    const { origin, program } = await start();
    equal((await fetchText(`${origin}/page?x`)).body, 'page /page?x');
    deepEqual(await program.next('adjusted'), ['/page?x']);
    match(await new RawSocket(Number(new URL(origin).port)).send(...handshake('/hot')).closed, /^HTTP\/1\.1 418/);
  });

  it('sets no CORS headers with disable_cors, and the cookie with jsessionid', async () => {
    const headers = { origin: 'http://page.test' };
    const seen = async (webSockets: 'allowed' | 'disabled') => {
      const { origin } = await start(webSockets);
      const poll = await post(`${origin}/sockjs/000/aaaa/xhr`, '', headers);
      const { websocket, cookie_needed } = JSON.parse((await fetchText(`${origin}/sockjs/info`)).body);
      const cookie = poll.headers['set-cookie']?.[0];
      return { websocket, cookie_needed, cookie, origin: poll.headers['access-control-allow-origin'] };
    };
    deepEqual(await seen('allowed'), {
      websocket: true,
      cookie_needed: false,
      cookie: undefined,
      origin: 'http://page.test',
    });
    deepEqual(await seen('disabled'), {
      websocket: false,
      cookie_needed: true,
      cookie: 'JSESSIONID=dummy; path=/',
      origin: undefined,
    });
  });

  // npm sockjs resets the connection now and then, before its answer is read, and such a program ends by that.
  if (side === 'sockjs-compat') {
    it('answers 404 to WebSockets that are disabled', async () => {
      const { connect } = await start('disabled');
      for (const path of ['/websocket', '/sockjs/000/aaaa/websocket']) {
        await rejects(connect(path).opened, /404/);
      }
    });
  }
});
