/** Upgrade requests that become ordinary HTTP again: nothing of them is lost, and the application gets each once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { attachUpgrade, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { listenAs, SERVER_KINDS } from '../../support/server-kinds.ts';
import { echo, listen } from '../../support/test-server.ts';
import { parseAnswer } from '../../support/upgrade-client.ts';
import { attached, H2C, hasShouldUpgradeCallback, parsesBodies, request, WAYS } from '../../support/upgrade-server.ts';

/** Requests that Node decides about alone, where it has `shouldUpgradeCallback`. */
const itReplays = hasShouldUpgradeCallback ? it.skip : it;

const SMUGGLED = request('GET', '/smuggled');
const TOO_MANY = 'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** A request for h2c with so many headers, of which the last is the Content-Length. */
function withHeaders(count: number, body = SMUGGLED): string {
  const first = ['Connection: Upgrade', 'Upgrade: h2c'];
  // Host counts, too.
  const more = Array.from({ length: count - first.length - 2 }, (_, i) => `a${i}: 1`);
  return request('POST', '/big', [...first, ...more, `Content-Length: ${body.length}`], body);
}

/** A listener that keeps each request with its body, and answers it. */
function recorder() {
  const seen: string[] = [];
  const listener: RequestListener = (req, res) => {
    let body = '';
    req.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      seen.push(`${req.method} ${req.url} ${body}`);
      res.end(`<${req.url}>`);
    });
  };
  return { seen, listener };
}

describe('a request for another protocol with many headers', () => {
  for (const [limit, count] of [
    [undefined, 1_000],
    [undefined, 1_100],
    [null, 1_100],
    [50, 50],
    [50, 100],
    [5, 40],
    [62, 62],
    [62, 63],
  ] as const) {
    for (const order of ['before', 'after'] as const) {
      itReplays(`gets 431 for ${count} where maxHeadersCount is ${limit}, set ${order} attachUpgrade()`, async () => {
        const { seen, listener } = recorder();
        const set = (server: Server) => {
          if (limit !== undefined) {
            server.maxHeadersCount = limit;
          }
        };
        const { server, port, sockets } = await attached(listener, order === 'before' ? { prepare: set } : {});
        set(server);
        const raw = new RawSocket(port).send(withHeaders(count));
        assert.equal(await raw.closed, TOO_MANY);
        await sockets.gone();
        assert.deepEqual(seen, []);
      });
    }
  }

  for (const [limit, count] of [
    [undefined, 999],
    [50, 49],
    [62, 61],
    [0, 1_500],
    // Node counts in whole numbers of 32 bits.
    [0.5, 1_500],
    [Number.POSITIVE_INFINITY, 1_500],
    [-1, 1_500],
    [2_000, 1_500],
  ] as const) {
    it(`is answered with its body, for ${count} where maxHeadersCount is ${limit}`, async () => {
      const { seen, listener } = recorder();
      const { server, port } = await attached(listener);
      if (limit !== undefined) {
        server.maxHeadersCount = limit;
      }
      const raw = new RawSocket(port);
      raw.send(withHeaders(count, 'hello'));
      await raw.until('</big>');
      raw.send(request('GET', '/next', ['Connection: close']));
      await raw.closed;
      assert.deepEqual(seen, ['POST /big hello', 'GET /next ']);
    });
  }

  for (const { title, handle } of WAYS.slice(0, 3)) {
    it(`does not have its body taken for the next request, with ${title}`, async () => {
      const { seen, listener } = recorder();
      const server = createServer(listener);
      handle(server, listener, sockjs(echo));
      const { port } = await listen(server);
      const raw = new RawSocket(port).send(withHeaders(1_100));
      await raw.until('\r\n\r\n');
      raw.send(request('GET', '/next', ['Connection: close']));
      await raw.closed;
      assert.equal(
        seen.some((line) => line.startsWith('GET /smuggled')),
        false,
      );
    });
  }

  for (const kind of SERVER_KINDS) {
    itReplays(`gets 431 from an ${kind.name} server`, async () => {
      const { seen, listener } = recorder();
      const server = kind.create(listener);
      attachUpgrade(server);
      const raw = kind.open(await listenAs(server)).send(withHeaders(1_100));
      assert.equal(await raw.closed, TOO_MANY);
      assert.deepEqual(seen, []);
    });
  }

  itReplays('can read its 431 while it still sends its body', async () => {
    const clock = stopClock();
    const { seen, listener } = recorder();
    const { port, sockets } = await attached(listener);
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    afterTest(() => {
      client.destroy();
    });
    client.write(withHeaders(1_100, 'x'.repeat(3_000_000)));
    client.setEncoding('latin1');
    let received = '';
    client.on('data', (chunk: string) => {
      received += chunk;
    });
    await once(client, 'end');
    assert.equal(received, TOO_MANY);
    client.end();
    await sockets.gone();
    assert.deepEqual(seen, []);
    assert.equal(clock.countTimers(), 0);
  });
});

describe('a WebSocket handshake with more headers than Node keeps', () => {
  it('leaves the bytes behind it to the WebSocket', async () => {
    const urls: (string | undefined)[] = [];
    const { port, sockets } = await attached((req, res) => {
      urls.push(req.url);
      res.writeHead(403, { 'Content-Length': 2 }).end('no');
    });
    const more = Array.from({ length: 1_100 }, (_, i) => `a${i}: 1`);
    const lines = handshake('/a/websocket', ...more, `Content-Length: ${SMUGGLED.length}`);
    const raw = new RawSocket(port).send(lines.join('\r\n') + SMUGGLED);
    // Newer versions of Node refuse so many headers themselves.
    assert.match(await raw.closed, /^HTTP\/1.1 4\d\d /);
    await sockets.gone();
    assert.equal(urls.includes('/smuggled'), false);
  });
});

describe('a request for another protocol', () => {
  const UPGRADE = ['Connection: Upgrade', 'Upgrade: h2c'];
  const lenient = { insecureHTTPParser: true };
  const forms: [title: string, text: string, options?: ServerOptions][] = [
    ['empty values', request('GET', '/', [...UPGRADE, 'X-A:', 'X-B: ', 'X-C: \t'])],
    ['spaces around values', request('GET', '/', [...UPGRADE, 'X-A:  v \t ', 'X-B:v', 'Content-Length: 0 '])],
    ['headers given twice', request('GET', '/', [...UPGRADE, 'X-A: 1', 'x-a: 2', 'Host: y', 'Cookie: a', 'Cookie: b'])],
    ['bytes beyond ASCII', request('GET', '/', [...UPGRADE, 'X-A: \xe9\xff', 'X-B: \xc3\xa9'])],
    ['a whole URL', request('GET', 'http://x/a?b#c', UPGRADE)],
    ['a body on GET', request('GET', '/', [...UPGRADE, 'Content-Length: 5'], 'hello')],
    ['two codings', request('POST', '/', [...UPGRADE, 'Transfer-Encoding: gzip, chunked'], '5\r\nhello\r\n0\r\n\r\n')],
    [
      'trailers',
      request('POST', '/', [...UPGRADE, 'Transfer-Encoding: chunked'], '5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'),
    ],
    ['Connection: close', request('GET', '/', ['Connection: close, upgrade', 'Upgrade: h2c'])],
    ['HTTP/1.0', request('GET', '/', UPGRADE).replace('/1.1', '/1.0')],
    [
      'HTTP/1.0 that stays',
      request('GET', '/', ['Connection: keep-alive, upgrade', UPGRADE[1] ?? '']).replace('/1.1', '/1.0'),
    ],
    ['folded values', request('POST', '/', [...UPGRADE, 'X-A: v', '\tw', 'Content-Length:', ' 5'], 'hello'), lenient],
    ['a folded Upgrade', request('GET', '/', ['Connection: Upgrade', 'Upgrade: h2c,', ' foo']), lenient],
    [
      'two lengths',
      request('POST', '/', [...UPGRADE, 'Content-Length: 6', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
      lenient,
    ],
    ['a space before a colon', request('POST', '/', [...UPGRADE, 'Content-Length : 5'], 'hello'), lenient],
    [
      'a space before the colon of Upgrade',
      request('POST', '/', ['Connection: Upgrade', 'Upgrade : h2c', 'Content-Length: 5'], 'hello'),
      lenient,
    ],
    [
      'a space before its first header',
      request('GET', '/', UPGRADE).replace('Host: localhost', ' Upgrade: h2c\r\nHost: localhost'),
      lenient,
    ],
    ['control characters', request('GET', '/', [...UPGRADE, 'X-A: a\x01b\x7f']), lenient],
  ];
  for (const [title, text, options = {}] of forms) {
    for (const { title: way, handle } of WAYS.slice(0, 3)) {
      it(`reaches the application as it came, with ${title}, by ${way}`, async () => {
        const received = async (attach: (server: Server, listener: RequestListener) => unknown) => {
          const seen = new AsyncQueue<unknown>();
          const listener: RequestListener = (req, res) => {
            const chunks: Buffer[] = [];
            req.on('data', (chunk: Buffer) => chunks.push(chunk));
            req.on('end', () => {
              const isUpgrade = (i: number) => /^\s*upgrade\s*$/i.test(req.rawHeaders[i - (i % 2)] ?? '');
              seen.push([
                req.method,
                req.url,
                req.httpVersion,
                req.rawHeaders.filter((_, i) => !isUpgrade(i)),
                String(Buffer.concat(chunks)),
                req.rawTrailers,
              ]);
              res.setHeader('X-Stays', String(res.shouldKeepAlive));
              res.end('done');
            });
          };
          const server = createServer(options, listener);
          attach(server, listener);
          const { port } = await listen(server);
          const raw = new RawSocket(port).send(text);
          const answer = await raw.until('done');
          return [await seen.next(), seen.size, answer.replace(/^Date.*\r\n/m, '')];
        };
        const bare = await received(() => {});
        const handled = await received((server, listener) => handle(server, listener, sockjs(echo)));
        if (String(handled[2]).includes('Connection: close') && (await parsesBodies())) {
          // Node serves no further request on a connection whose upgrade it has parsed a body of.
          assert.deepEqual(handled.slice(0, 2), bare.slice(0, 2));
        } else {
          assert.deepEqual(handled, bare);
        }
      });
    }
  }

  itReplays('gets 501 where a runtime cannot serve it', async () => {
    const internals = http as { _connectionListener?: unknown };
    const own = internals._connectionListener;
    const { seen, listener } = recorder();
    const { port } = await attached(listener);
    const raw = new RawSocket(port);
    await once(raw.socket, 'connect');
    afterTest(() => {
      internals._connectionListener = own;
    });
    internals._connectionListener = undefined;
    raw.send(request('GET', '/', H2C));
    assert.equal(parseAnswer(await raw.closed).status, 'HTTP/1.1 501 Not Implemented');
    assert.deepEqual(seen, []);
  });

  for (const kind of SERVER_KINDS) {
    it(`leaves no listeners on a connection of an ${kind.name} server that makes many of them`, async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error) => warnings.push(warning);
      process.on('warning', onWarning);
      afterTest(() => {
        process.off('warning', onWarning);
      });
      const { seen, listener } = recorder();
      const server = kind.create(listener);
      attachUpgrade(server);
      const connections: Duplex[] = [];
      // Before the listener of Node, and with an `emit` that wraps that of this package.
      server.prependListener(kind.event, (socket: Duplex) => {
        connections.push(socket);
        socket.on('close', () => {});
      });
      const { emit } = server;
      server.emit = (...args: unknown[]) => Reflect.apply(emit, server, args);
      const raw = kind.open(await listenAs(server));
      const counts: unknown[] = [];
      for (let i = 0; i < 30; i += 1) {
        raw.send(request('POST', `/${i}`, [...H2C, 'Content-Length: 2'], 'hi'));
        await raw.until(`</${i}>`);
        counts.push(connections.map((socket) => socket.eventNames().map((name) => [name, socket.listenerCount(name)])));
      }
      assert.equal(connections.length, 1);
      assert.deepEqual(counts[29], counts[1]);
      assert.equal(seen.length, 30);
      // Closes idle connections; no others are open.
      await Promise.all([raw.closed, new Promise((resolve) => server.close(resolve))]);
      assert.deepEqual(warnings, []);
    });
  }
});
