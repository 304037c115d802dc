/** HTTP itself: HTTP/1.0 without chunks, HTTP/1.1 with one chunk a frame, and connections that are used again. */
import assert from 'node:assert/strict';
import { fetchText, post, RawSocket } from '../support/http.ts';
import { serve, sessionCatcher } from '../support/test-server.ts';

const PRELUDE = `${'h'.repeat(2048)}\n`;

/** An answer as it came, taken apart. */
function parse(text: string): { line: string; head: string; body: string } {
  const end = text.indexOf('\r\n\r\n');
  assert.notEqual(end, -1, `no whole head in ${JSON.stringify(text)}`);
  const head = text.slice(0, end);
  return { line: head.split('\r\n', 1).join(), head, body: text.slice(end + 4) };
}

/** The chunks of a chunked body, the empty last one included. */
function chunksOf(body: string): string[] {
  const chunks: string[] = [];
  let rest = body;
  while (rest !== '') {
    const [size = ''] = rest.split('\r\n', 1);
    assert.match(size, /^[0-9a-f]+$/i);
    const start = size.length + 2;
    const end = start + Number.parseInt(size, 16);
    chunks.push(rest.slice(start, end));
    assert.equal(rest.slice(end, end + 2), '\r\n');
    rest = rest.slice(end + 2);
  }
  return chunks;
}

/** Receiving endpoints that stream: what comes before the frames, and a frame as it travels. */
const STREAMS: readonly [
  method: string,
  path: string,
  isPrelude: (text: string) => boolean,
  (frame: string) => string,
][] = [
  ['POST', 'xhr_streaming', (text) => text === PRELUDE, (frame) => `${frame}\n`],
  ['GET', 'eventsource', (text) => text === '\r\n', (frame) => `data: ${frame}\r\n\r\n`],
  [
    'GET',
    'htmlfile?c=cb',
    (text) => text.length > 1024 && text.startsWith('<!doctype html>') && text.endsWith('\r\n\r\n'),
    (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`,
  ],
];

describe('HTTP/1.0', () => {
  const complete: readonly [method: string, path: string, status: number, body: string | RegExp][] = [
    ['GET', '', 200, 'Welcome to SockJS!\n'],
    ['GET', '/info', 200, /^\{.*\}$/],
    ['GET', '/iframe.html', 200, /<\/html>\n$/],
    ['HEAD', '/iframe.html', 200, ''],
    ['POST', '/0/s/xhr', 200, 'o\n'],
    ['GET', '/0/s/jsonp?c=cb', 200, '/**/cb("o");\r\n'],
    ['GET', '/0/s/jsonp', 500, '"callback" parameter required'],
    ['OPTIONS', '/0/s/xhr', 204, ''],
    ['PUT', '/0/s/xhr', 405, ''],
    ['POST', '/0/s/xhr_send', 404, /./],
    ['GET', '/0/s/websocket', 400, 'Can "Upgrade" only to "WebSocket".'],
    ['GET', '/unknown', 404, /./],
  ];
  for (const [method, path, status, body] of complete) {
    it(`${method} BASE${path} is answered without chunks, then closed`, async () => {
      const { port } = await serve();
      const socket = new RawSocket(port).send(`${method} /echo${path} HTTP/1.0`, 'Content-Length: 0', '', '');
      const answer = parse(await socket.closed);
      assert.match(answer.line, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.doesNotMatch(answer.head, /^Transfer-Encoding:/im);
      assert.match(answer.head, /^Connection: close$/im);
      if (typeof body === 'string') {
        assert.equal(answer.body, body);
      } else {
        assert.match(answer.body, body);
      }
    });
  }

  for (const [method, path, isPrelude, wrap] of STREAMS) {
    for (const more of [[], ['Connection: keep-alive']]) {
      it(`${path} streams without chunks, then closes${more.length > 0 ? ', asked to keep alive too' : ''}`, async () => {
        const sessions = sessionCatcher();
        const { port } = await serve({}, sessions.onSession);
        const socket = new RawSocket(port).send(
          `${method} /echo/0/s/${path} HTTP/1.0`,
          'Content-Length: 0',
          ...more,
          '',
          '',
        );
        const session = await sessions.next();
        session.send('first');
        await socket.until('first');
        session.send('second');
        await socket.until('second');
        session.close(3000, 'done');
        const answer = parse(await socket.closed);
        assert.match(answer.line, /^HTTP\/1\.1 200 /);
        assert.doesNotMatch(answer.head, /^(Transfer-Encoding|Content-Length):/im);
        assert.match(answer.head, /^Connection: close$/im);
        const frames = ['o', 'a["first"]', 'a["second"]', 'c[3000,"done"]'].map(wrap).join('');
        assert.ok(answer.body.endsWith(frames), answer.body);
        assert.ok(isPrelude(answer.body.slice(0, -frames.length)));
      });
    }
  }

  it('keeps the connection alive when asked to, with Content-Length', async () => {
    const { port } = await serve();
    const request = ['POST /echo/0/s/xhr HTTP/1.0', 'Content-Length: 0', 'Connection: keep-alive', '', ''];
    const socket = new RawSocket(port).send(...request);
    const { head } = parse(await socket.until('\r\n\r\no\n'));
    assert.match(head, /^Content-Length: 2$/im);
    assert.match(head, /^Connection: keep-alive$/im);
    socket.send('GET /echo HTTP/1.0', '', '');
    assert.match(await socket.closed, /Welcome to SockJS!\n$/);
  });
});

describe('HTTP/1.1', () => {
  for (const [method, path, isPrelude, wrap] of STREAMS) {
    it(`${path} is chunked, one chunk a frame, and leaves the connection to the next request`, async () => {
      const sessions = sessionCatcher();
      const { port } = await serve({}, sessions.onSession);
      const socket = new RawSocket(port);
      socket.send(`${method} /echo/0/s/${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', '', '');
      const session = await sessions.next();
      for (const message of ['first', 'second']) {
        session.send(message);
        await socket.until(message);
      }
      session.close(3000, 'done');
      const { line, head, body } = parse(await socket.until('0\r\n\r\n'));
      assert.equal(line, 'HTTP/1.1 200 OK');
      assert.match(head, /^Transfer-Encoding: chunked$/im);
      assert.doesNotMatch(head, /^Content-Length:/im);
      const [prelude = '', ...frames] = chunksOf(body);
      assert.ok(isPrelude(prelude), prelude);
      const sent = ['o', 'a["first"]', 'a["second"]', 'c[3000,"done"]'].map(wrap);
      assert.deepEqual(frames, [...sent, '']);
      socket.send('GET /echo HTTP/1.1', 'Host: localhost', 'Connection: close', '', '');
      assert.match(await socket.closed, /\r\n\r\nWelcome to SockJS!\n$/);
    });

    it(`${path} leaves the connection to the next request when its limit is reached`, async () => {
      const { port } = await serve({ responseLimit: 1 });
      const socket = new RawSocket(port);
      socket.send(`${method} /echo/0/s/${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', '', '');
      const { body } = parse(await socket.until('0\r\n\r\n'));
      const [prelude = '', ...frames] = chunksOf(body);
      assert.ok(isPrelude(prelude), prelude);
      assert.deepEqual(frames, [wrap('o'), '']);
      socket.send('GET /echo HTTP/1.1', 'Host: localhost', 'Connection: close', '', '');
      assert.match(await socket.closed, /\r\n\r\nWelcome to SockJS!\n$/);
    });
  }

  const requests: readonly [method: string, path: string, body: string, status: number][] = [
    ['GET', '', '', 200],
    ['GET', '/info', '', 200],
    ['HEAD', '/info', '', 200],
    ['OPTIONS', '/info', '', 204],
    ['GET', '/iframe.html', '', 200],
    ['POST', '/0/new/xhr', '', 200],
    ['POST', '/0/new/xhr', 'an unexpected body', 200],
    ['OPTIONS', '/0/s/xhr', '', 204],
    ['POST', '/0/s/xhr_send', '["m"]', 204],
    ['POST', '/0/s/xhr_send', '[', 500],
    ['POST', '/0/s/xhr_send', '', 500],
    ['POST', '/0/none/xhr_send', '["m"]', 404],
    ['POST', '/0/p/jsonp_send', '["m"]', 200],
    ['POST', '/0/none/jsonp_send', '["m"]', 404],
    ['GET', '/0/new/jsonp?c=cb', '', 200],
    ['GET', '/0/new/jsonp', '', 500],
    ['PUT', '/0/s/xhr', 'a body', 405],
    ['GET', '/unknown', '', 404],
  ];
  for (const [method, path, body, status] of requests) {
    it(`${status} to ${method} BASE${path} with ${JSON.stringify(body)} keeps the connection alive`, async () => {
      const { port, origin } = await serve();
      await post(`${origin}/echo/0/s/xhr`);
      await fetchText(`${origin}/echo/0/p/jsonp?c=cb`);
      const socket = new RawSocket(port);
      const length = `Content-Length: ${body.length}`;
      socket.send(`${method} /echo${path} HTTP/1.1`, 'Host: localhost', length, '', body);
      const { line, head } = parse(await socket.until('\r\n\r\n'));
      assert.match(line, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(head, /^Connection: keep-alive$/im);
      assert.doesNotMatch(head, /^Transfer-Encoding:/im);
      assert.equal(/^Content-Length:/im.test(head), status !== 204);
      socket.send('GET /echo HTTP/1.1', 'Host: localhost', 'Connection: close', '', '');
      const all = await socket.closed;
      assert.equal(all.match(/HTTP\/1\.1 \d/g)?.length, 2);
      assert.match(all, /\r\n\r\nWelcome to SockJS!\n$/);
    });
  }

  it('answers pipelined requests in order', async () => {
    const { port } = await serve();
    const request = (line: string, body = '', ...more: string[]) =>
      [line, 'Host: localhost', `Content-Length: ${body.length}`, ...more, '', body].join('\r\n');
    const socket = new RawSocket(port).send(
      request('POST /echo/0/s/xhr HTTP/1.1') +
        request('POST /echo/0/s/xhr_send HTTP/1.1', '["m"]') +
        request('POST /echo/0/s/xhr HTTP/1.1', '', 'Connection: close'),
    );
    const all = await socket.closed;
    assert.deepEqual(all.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 200']);
    assert.match(all, /\r\n\r\no\nHTTP\/1\.1 204/);
    assert.match(all, /\r\n\r\na\["m"\]\n$/);
  });
});
