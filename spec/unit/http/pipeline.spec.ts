/** Requests that wait behind one another on one HTTP/1.1 connection: what they cost, how many may, and how they end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Express } from 'express';
import { type SockjsOptions, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { handshake, post, RawSocket } from '../../support/http.ts';
import { serveRouter } from '../../support/routed-server.ts';

/** How many may wait. */
const PLACES = 100;

const INTERRUPTED = { code: 1002, reason: 'Connection interrupted', wasClean: false };

function get(path: string): string {
  return [`GET ${path} HTTP/1.1`, 'Host: localhost', '', ''].join('\r\n');
}

function postOf(path: string, body = ''): string {
  return [`POST ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`, '', body].join('\r\n');
}

/** One poll of each of so many sessions. */
function polls(prefix: string, count: number, mount = '/echo'): string {
  return Array.from({ length: count }, (_, i) => postOf(`${mount}/000/${prefix}${i}/xhr`)).join('');
}

/** The status of each answer on a connection. */
function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
}

function times(count: number, status: number): number[] {
  return Array.from({ length: count }, () => status);
}

async function taken<T>(count: number, next: () => Promise<T>): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) {
    items.push(await next());
  }
  return items;
}

/** A server, one connection to it, and at `/held` answers of the application's own that the test ends. */
async function stage(options: SockjsOptions = {}, before?: (app: Express) => void) {
  const held = new AsyncQueue<ServerResponse>();
  const routed = await serveRouter(options, {
    before: (app) => {
      app.get('/held', (_req, res) => held.push(res));
      before?.(app);
    },
  });
  const connected = once(routed.server, 'connection') as Promise<[Socket]>;
  const client = new RawSocket(routed.port);
  const [socket] = await connected;
  let sent = 0;
  return {
    ...routed,
    client,
    socket,
    held,
    /** Writes requests, one to no endpoint and what follows; settles with its path when the server has seen that one. */
    send: async (requests: string, rest = ''): Promise<string> => {
      sent += 1;
      const last = `/last/${sent}`;
      const seen = new Promise<void>((resolve) => {
        // Called after the app.
        const onRequest = ({ url }: IncomingMessage) => {
          if (url === last) {
            routed.server.off('request', onRequest);
            resolve();
          }
        };
        routed.server.on('request', onRequest);
      });
      client.send(requests + get(last) + rest);
      await seen;
      return last;
    },
  };
}

/** An `authorize` that says yes to all when the test opens it. */
function gate() {
  const asked = new AsyncQueue<void>();
  let open = () => {};
  const opened = new Promise<true>((resolve) => {
    open = () => resolve(true);
  });
  return {
    asked: () => asked.next(),
    open: () => open(),
    authorize: () => {
      asked.push();
      return opened;
    },
  };
}

describe('polls that wait behind one another on a connection', () => {
  for (const [how, leave] of [
    ['closes its side', (socket: Socket) => void socket.end()],
    ['resets the connection', (socket: Socket) => void socket.resetAndDestroy()],
  ] as const) {
    it(`have one listener on it in all, and end their sessions when the client ${how}`, async () => {
      const { client, socket, next, router, send } = await stage();
      client.send(postOf('/echo/000/first/xhr_streaming'));
      const sessions = [await next()];
      const before = socket.listenerCount('close');
      // One poll of each session is answered and waits to leave, the other waits for a message.
      await send(polls('s', 45) + polls('s', 45));
      sessions.push(...(await taken(45, next)));
      assert.equal(router.sessions.size, 46);
      assert.equal(socket.listenerCount('close'), before + 1);
      assert.equal(socket.getMaxListeners(), 10);
      const closes = Promise.all(sessions.map((session) => once(session, 'close')));
      leave(client.socket);
      for (const [event] of await closes) {
        assert.deepEqual(event, INTERRUPTED);
      }
      assert.equal(router.sessions.size, 0);
    });
  }

  it('print no warning while authorize thinks, and open their sessions when it has decided', async () => {
    const leaks: Error[] = [];
    const onWarning = (warning: Error) => {
      if (warning.name === 'MaxListenersExceededWarning') {
        leaks.push(warning);
      }
    };
    process.on('warning', onWarning);
    afterTest(() => {
      process.off('warning', onWarning);
    });
    const { asked, open, authorize } = gate();
    const { client, socket, next, send } = await stage({ authorize });
    const before = socket.listenerCount('close');
    const last = await send(polls('s', 30));
    await taken(30, asked);
    // Beside ours, Node has one for the response whose turn it is.
    assert.equal(socket.listenerCount('close'), before + 2);
    await turn();
    assert.deepEqual(leaks, []);
    open();
    await taken(30, next);
    assert.deepEqual(statuses(await client.until(`Cannot GET ${last}`)), [...times(30, 200), 404]);
  });

  it('give their places back when the client leaves while authorize thinks', async () => {
    const { asked, authorize } = gate();
    const { client, socket, router, send, port } = await stage({ authorize, maxSessions: 30 });
    await send(polls('s', 30));
    await taken(30, asked);
    const left = new Promise((resolve) => socket.once('close', resolve));
    client.socket.resetAndDestroy();
    await left;
    new RawSocket(port).send(polls('t', 30));
    await taken(30, asked);
    assert.deepEqual(router.stats().rejected, {});
    await router.close();
    assert.deepEqual(router.stats().rejected, { closing: 30 });
  });
});

describe('the requests that wait on a connection', () => {
  it(`are at most ${PLACES}: the next gets 503 in its turn, which ends the connection`, async () => {
    let asked = 0;
    const { client, held, next, router, send, url } = await stage({
      authorize: () => {
        asked += 1;
        return true;
      },
    });
    const refused = [
      postOf('/echo/000/over/xhr'),
      postOf('/echo/000/over/xhr'),
      get('/echo/000/over/eventsource'),
      get('/echo/info'),
      postOf('/echo/000/s0/xhr_send', '["lost"]'),
    ];
    // An upgrade waits for its turn, too, which does not come.
    const upgrade = handshake('/echo/000/over/websocket').join('\r\n');
    await send(get('/held') + polls('s', PLACES) + refused.join(''), upgrade);
    const [session] = await taken(PLACES, next);
    assert.deepEqual(router.stats().rejected, { busy: refused.length });
    (await held.next()).end();
    const received = await client.closed;
    assert.deepEqual(statuses(received), [...times(1 + PLACES, 200), 503]);
    const last = received.slice(received.lastIndexOf('HTTP/1.1 '));
    assert.match(last, /^Connection: close\r$/m);
    assert.match(last, /\r\n\r\nToo many pipelined requests\.$/);
    assert.equal(received.match(/^Connection: close\r$/gm)?.length, 1);
    assert.equal(asked, PLACES);
    assert.equal(router.sessions.size, PLACES);
    assert.equal(router.stats().messagesIn, 0);
    // A session that was opened in time goes on over another connection.
    session?.send('x');
    assert.equal((await post(`${url}/000/s0/xhr`)).body, 'a["x"]\n');
  });

  it('are all refused once one was, though others have had their turn since', async () => {
    const { client, held, router, next, send } = await stage();
    await send(get('/held') + polls('s', 50) + get('/held') + polls('t', 50) + postOf('/echo/000/over/xhr'));
    await taken(PLACES, next);
    const [first, second] = await taken(2, () => held.next());
    first?.end();
    assert.ok(second);
    if (second.socket === null) {
      await once(second, 'socket');
    }
    await send(postOf('/echo/000/late/xhr'));
    second.end();
    assert.deepEqual(statuses(await client.closed), [...times(2 + PLACES, 200), 503]);
    assert.equal(router.sessions.size, PLACES);
    assert.deepEqual(router.stats().rejected, { busy: 2 });
  });

  it('are counted while they wait, and on each connection by itself', async () => {
    const { client, held, port, router, send } = await stage();
    const requests = get('/held') + get('/echo/info').repeat(PLACES);
    for (let round = 1; round <= 3; round += 1) {
      const last = await send(requests);
      (await held.next()).end();
      const received = await client.until(`Cannot GET ${last}`);
      assert.deepEqual(statuses(received).slice(-2 - PLACES), [...times(1 + PLACES, 200), 404]);
    }
    await send(requests);
    const other = new RawSocket(port).send(`${requests}${get('/last')}`);
    await held.next();
    (await held.next()).end();
    assert.deepEqual(statuses(await other.until('Cannot GET /last')), [...times(1 + PLACES, 200), 404]);
    assert.deepEqual(router.stats().rejected, {});
  });

  it('are counted for all endpoints together', async () => {
    const another = sockjs(() => {});
    const { client, held, router, send } = await stage({}, (app) => app.use('/another', another));
    await send(get('/held') + polls('s', 50) + polls('t', 50, '/another') + polls('u', 1) + polls('v', 1, '/another'));
    (await held.next()).end();
    assert.deepEqual(statuses(await client.closed), [...times(1 + PLACES, 200), 503]);
    assert.deepEqual([router.sessions.size, another.sessions.size], [50, 50]);
    assert.deepEqual(router.stats().rejected, { busy: 1 });
    assert.deepEqual(another.stats().rejected, { busy: 1 });
  });
});
