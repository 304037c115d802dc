/** Upgrades that arrive while a response to an earlier request of their connection is on its way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { attachUpgrade, upgradeHandler } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { stopClock } from '../../support/clock.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { listenAs, SERVER_KINDS } from '../../support/server-kinds.ts';
import { listen, serve, sessionCatcher } from '../../support/test-server.ts';
import { ServerSockets } from '../../support/upgrade-client.ts';
import {
  attached,
  H2C,
  hasShouldUpgradeCallback,
  otherListener,
  request,
  untilReceived,
} from '../../support/upgrade-server.ts';

const WEBSOCKET = handshake('/a/websocket').join('\r\n');

/** A listener that leaves each response to the test. */
function unanswered() {
  const seen = new AsyncQueue<{ req: IncomingMessage; res: ServerResponse }>();
  const listener: RequestListener = (req, res) => seen.push({ req, res });
  return { listener, seen };
}

/** Upgrades that may come behind a response. With `shouldUpgradeCallback`, another protocol is no upgrade. */
const UPGRADES = [
  ['a WebSocket', WEBSOCKET, it],
  ['a WebSocket with a body', handshake('/a/websocket', 'Content-Length: 5').join('\r\n'), it],
  ['a WebSocket for another listener', handshake('/other').join('\r\n'), it],
  ['another protocol', request('POST', '/h2c', [...H2C, 'Content-Length: 0']), hasShouldUpgradeCallback ? it.skip : it],
] as const;

describe('an upgrade behind a response that has not ended', () => {
  for (const [how, leave] of [
    ['reset', (raw: RawSocket) => raw.socket.resetAndDestroy()],
    ['end', (raw: RawSocket) => raw.socket.end()],
    ['end after it has sent something ahead', (raw: RawSocket) => raw.socket.end('ahead')],
  ] as const) {
    it(`does not hide that the client of a poll leaves by ${how}`, async () => {
      const clock = stopClock();
      const { onSession, next } = sessionCatcher();
      const { server, port } = await serve({ heartbeatDelay: 0 }, onSession);
      const sockets = new ServerSockets(server);
      const poll = request('POST', '/echo/000/s/xhr', ['Content-Length: 0']);
      const raw = new RawSocket(port).send(poll);
      const session = await next();
      await raw.until('o\n');
      const socket = await sockets.next();
      await untilReceived(socket, () => raw.send(poll + handshake('/echo/000/ws/websocket').join('\r\n')));
      const closed = once(session, 'close');
      leave(raw);
      assert.equal((await closed)[0].wasClean, false);
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });
  }

  for (const kind of SERVER_KINDS) {
    for (const [title, text, test] of UPGRADES) {
      test(`closes the connection of an ${kind.name} server after upgradeTimeout, for ${title}`, async () => {
        const clock = stopClock();
        const { listener, seen } = unanswered();
        const other = otherListener();
        const server = kind.create(listener);
        attachUpgrade(server);
        server.on('upgrade', other.listener);
        const sockets = new ServerSockets(server, kind.event);
        const port = await listenAs(server);
        const raw = kind.open(port).send(request('GET', '/slow') + text);
        const { req, res } = await seen.next();
        assert.equal(req.url, '/slow');
        clock.tick(9_999);
        await turn();
        assert.equal(sockets.count, 1);
        clock.tick(1);
        await Promise.all([once(res, 'close'), raw.closed]);
        await sockets.gone();
        assert.equal(seen.size, 0);
        assert.equal(other.seen.size, 0);
        assert.equal(clock.countTimers(), 0);
      });
    }
  }

  for (const [title, text, test] of UPGRADES) {
    test(`waits until the application has ended it, for ${title}`, async () => {
      const clock = stopClock();
      const { listener, seen } = unanswered();
      const other = otherListener();
      const { port, sockets } = await attached(listener, { prepare: (server) => server.on('upgrade', other.listener) });
      const raw = new RawSocket(port).send(request('GET', '/1') + request('GET', '/2') + text);
      const first = await seen.next();
      const second = await seen.next();
      second.res.end('two');
      // A client cannot know that this one has not ended.
      first.res.writeHead(200, { 'Content-Length': 3 }).write('one');
      await raw.until('one');
      assert.equal(seen.size + other.seen.size, 0);
      first.res.end();
      await raw.until('two');
      if (text.includes('/other')) {
        assert.equal((await other.seen.next()).url, '/other');
      } else {
        (await seen.next()).res.writeHead(403, { Connection: 'close' }).end('three');
        assert.match(await raw.closed, /three/);
      }
      await raw.closed;
      await sockets.gone();
      assert.equal(clock.countTimers(), 0);
    });
  }

  it('keeps the order of the bytes that its client sends while it waits', async () => {
    const { listener, seen } = unanswered();
    const received = new AsyncQueue<string>();
    const { port, sockets } = await attached(listener, {
      prepare: (server) =>
        server.on('upgrade', (req: IncomingMessage, connection: Duplex, head: Buffer) => {
          // Some versions of Node give a body to the request, and wrap the upgraded connection.
          let all = connection === req.socket ? '' : 'body';
          const add = (chunk: Buffer) => {
            all += chunk;
            if (all.endsWith('!')) {
              received.push(all);
            }
          };
          add(head);
          connection.on('data', add);
        }),
    });
    const raw = new RawSocket(port).send(
      request('GET', '/slow') + handshake('/other', 'Content-Length: 4').join('\r\n'),
    );
    const { res } = await seen.next();
    const socket = await sockets.next();
    await untilReceived(socket, () => raw.send('bo'));
    await untilReceived(socket, () => raw.send('dy1'));
    await untilReceived(socket, () => raw.send('2'));
    res.end('slow');
    await raw.until('slow');
    raw.send('3!');
    assert.equal(await received.next(), 'body123!');
  });

  it('may wait longer for its own response than an idle connection may last', async () => {
    const { listener, seen } = unanswered();
    const server = createServer(listener).on('upgrade', upgradeHandler(listener));
    Object.assign(server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 0 });
    const { port } = await listen(server);
    const raw = new RawSocket(port).send(request('GET', '/slow') + request('GET', '/h2c', H2C));
    (await seen.next()).res.end('slow');
    const { res } = await seen.next();
    // Node closes a connection that is idle from later on, at a later time.
    const idle = new RawSocket(port).send(request('GET', '/'));
    (await seen.next()).res.end('idle');
    await idle.closed;
    res.end('late');
    await raw.until('late');
  });

  it('is closed where an earlier response closes the connection', async () => {
    const { listener, seen } = unanswered();
    const { port, sockets } = await attached(listener);
    const raw = new RawSocket(port).send(request('GET', '/slow') + WEBSOCKET);
    (await seen.next()).res.writeHead(200, { Connection: 'close' }).end('last');
    assert.match(await raw.closed, /last/);
    await sockets.gone();
    assert.equal(seen.size, 0);
  });

  (hasShouldUpgradeCallback ? it.skip : it)('adds nothing up on a connection that makes many of them', async () => {
    const { port, sockets } = await attached((req, res) => {
      setImmediate(() => res.end(`<${req.url}>`));
    });
    const raw = new RawSocket(port);
    const counts: number[] = [];
    const socket = await sockets.next();
    for (let i = 0; i < 20; i += 1) {
      raw.send(request('GET', '/1') + request('GET', `/${i}/h2c`, H2C));
      await raw.until(`</${i}/h2c>`);
      counts.push(socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0));
    }
    assert.equal(counts[19], counts[1]);
  });
});

describe('an upgrade behind a response that has ended', () => {
  for (const [title, size] of [
    ['is small', 5],
    ['fills the connection', 12_000_000],
  ] as const) {
    const body = 'x'.repeat(size);
    const answering: RequestListener = (req, res) => res.end(req.url === '/first' ? body : 'second');

    it(`waits until it has left, where it ${title}`, async () => {
      const { port } = await attached(answering);
      const raw = new RawSocket(port).send(request('GET', '/first') + WEBSOCKET);
      const received = await raw.closed;
      assert.match(received.slice(-200), /x\r?\n?HTTP\/1.1 200 OK.*second$/s);
      assert.equal(received.length > size, true);
    });

    (hasShouldUpgradeCallback ? it.skip : it)(
      `waits until it has left, where it ${title} and another protocol is asked for`,
      async () => {
        const { port } = await attached(answering);
        const raw = new RawSocket(port).send(
          request('GET', '/first') + request('GET', '/h2c', [...H2C, 'Connection: close']),
        );
        const received = await raw.until('second');
        assert.equal(received.length > size, true);
      },
    );
  }

  for (const [how, leave] of [
    ['reset', (raw: RawSocket) => raw.socket.resetAndDestroy()],
    ['end', (raw: RawSocket) => raw.socket.end()],
  ] as const) {
    it(`is forgotten when the client leaves by ${how} meanwhile`, async () => {
      const seen = new AsyncQueue<string | undefined>();
      const { port, sockets } = await attached((req, res) => {
        seen.push(req.url);
        res.end('x'.repeat(12_000_000));
      });
      const raw = new RawSocket(port);
      raw.socket.pause();
      raw.send(request('GET', '/first') + WEBSOCKET);
      assert.equal(await seen.next(), '/first');
      const socket = await sockets.next();
      leave(raw);
      while (!socket.destroyed && !socket.readableEnded) {
        await turn();
      }
      raw.socket.resume();
      await raw.closed;
      await sockets.gone();
      assert.equal(seen.size, 0);
    });
  }
});
