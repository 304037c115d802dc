/** What the process tells of its sessions: `router.stats()`, and the channels of `node:diagnostics_channel`. */
import assert from 'node:assert/strict';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { type RejectionReason, Session, type SockjsOptions } from '../../lib/index.ts';
import { hasRequestSubscribers, Metrics } from '../../lib/metrics.ts';
import { afterTest } from '../support/cleanup.ts';
import { stopClock } from '../support/clock.ts';
import { fetchText, handshake, post, RawSocket, Stream } from '../support/http.ts';
import { type RoutedServer, serveRouter } from '../support/routed-server.ts';
import { pauseTracking } from '../support/session-cleanup.ts';
import { WebSocketClient } from '../support/websocket-client.ts';

const NO_SESSIONS = {
  websocket: 0,
  'websocket-raw': 0,
  'xhr-polling': 0,
  'xhr-streaming': 0,
  eventsource: 0,
  htmlfile: 0,
  'jsonp-polling': 0,
};

const NOTHING = {
  sessions: NO_SESSIONS,
  opened: 0,
  closed: 0,
  messagesIn: 0,
  bytesIn: 0,
  messagesOut: 0,
  bytesOut: 0,
  rejected: {},
  queuedBytes: 0,
};

const CHANNELS = [
  'sockjs:session:open',
  'sockjs:session:close',
  'sockjs:message:in',
  'sockjs:message:out',
  'sockjs:rejected',
] as const;

/** Everything published until the test is over, in order; `log` also takes what the test adds. */
function listenIn(...names: readonly (typeof CHANNELS)[number][]): { log: unknown[] } {
  const log: unknown[] = [];
  // Channels are the whole process's: sessions of earlier tests may be expiring on them.
  const opened = new Set<unknown>();
  const listen = (name: string, listener: (message: unknown) => void) => {
    subscribe(name, listener);
    afterTest(() => {
      unsubscribe(name, listener);
    });
  };
  const sessionOf = (message: unknown) => (message as { session?: unknown }).session;
  listen('sockjs:session:open', (message) => opened.add(sessionOf(message)));
  for (const name of names) {
    listen(name, (message) => {
      const session = sessionOf(message);
      if (session === undefined || opened.has(session)) {
        log.push([name, message]);
      }
    });
  }
  return { log };
}

async function openWebSocket({ origin }: RoutedServer, path = '/0/w/websocket'): Promise<WebSocketClient> {
  const client = new WebSocketClient(origin, `/echo${path}`);
  await client.opened;
  return client;
}

interface Rejection {
  readonly title: string;
  readonly reason: RejectionReason;
  readonly status: number;
  readonly options?: SockjsOptions;
  /** Does what is rejected; settles with the status or close code that the client got. */
  provoke(server: RoutedServer): Promise<number>;
}

const statusOf = async (answer: Promise<{ status: number }>) => (await answer).status;

const upgradeStatus = async ({ port }: RoutedServer, ...headers: string[]) => {
  const received = await new RawSocket(port).send(...handshake('/echo/0/w/websocket', ...headers)).closed;
  return Number(received.slice('HTTP/1.1 '.length).slice(0, 3));
};

/** What a WebSocket is told that sends this. */
const webSocketEnd = async (server: RoutedServer, text: string | Buffer, path?: string) => {
  const client = await openWebSocket(server, path);
  client.socket.send(text);
  return (await client.closed).code;
};

const opened = async (server: RoutedServer, headers: Record<string, string> = {}) => {
  await post(`${server.url}/0/s/xhr`, '', headers);
  return `${server.url}/0/s`;
};

const REJECTIONS: readonly Rejection[] = [
  {
    title: 'a foreign page',
    reason: 'origin',
    status: 403,
    options: { allowedOrigins: 'same-origin' },
    provoke: ({ url }) => statusOf(post(`${url}/0/s/xhr`, '', { Origin: 'https://example.com' })),
  },
  {
    title: 'a foreign WebSocket',
    reason: 'origin',
    status: 403,
    options: { allowedOrigins: [] },
    provoke: (server) => upgradeStatus(server, 'Origin: https://example.com'),
  },
  {
    title: 'a foreign page that asks for /info',
    reason: 'origin',
    status: 403,
    options: { allowedOrigins: () => Promise.resolve(false) },
    provoke: ({ url }) => statusOf(fetchText(`${url}/info`, 'GET', { headers: { Origin: 'https://example.com' } })),
  },
  {
    title: 'a client that authorize refuses',
    reason: 'authorize',
    status: 403,
    options: { authorize: () => false },
    provoke: ({ url }) => statusOf(post(`${url}/0/s/xhr`)),
  },
  {
    title: 'a client for which authorize throws a status',
    reason: 'authorize',
    status: 401,
    options: { authorize: () => Promise.reject(Object.assign(new Error('who?'), { status: 401 })) },
    provoke: (server) => upgradeStatus(server),
  },
  {
    title: 'a poll for the session of another client',
    reason: 'identity',
    status: 404,
    options: { identify: (req) => String(req.headers['x-user']) },
    provoke: async (server) => statusOf(post(`${await opened(server, { 'X-User': 'a' })}/xhr`)),
  },
  {
    title: 'a send to the session of another family',
    reason: 'identity',
    status: 404,
    provoke: async (server) => statusOf(post(`${await opened(server)}/jsonp_send`, '["m"]')),
  },
  {
    title: 'a second receiver',
    reason: 'busy',
    status: 2010,
    provoke: async (server) => {
      const stream = new Stream(`${server.url}/0/s/eventsource`);
      await stream.until('data: o');
      const { body } = await post(`${server.url}/0/s/xhr`);
      return JSON.parse(body.slice(1))[0];
    },
  },
  {
    title: 'a second receiver while authorize is pending',
    reason: 'busy',
    status: 2010,
    options: { authorize: () => new Promise<boolean>(() => {}) },
    provoke: async (server) => {
      const arrived = once(server.server, 'request');
      new RawSocket(server.port).send('GET /echo/0/s/eventsource HTTP/1.1', 'Host: localhost', '', '');
      await arrived;
      const { body } = await post(`${server.url}/0/s/xhr`);
      return JSON.parse(body.slice(1))[0];
    },
  },
  {
    title: 'one session too many',
    reason: 'sessions',
    status: 503,
    options: { maxSessions: 0 },
    provoke: ({ url }) => statusOf(fetchText(`${url}/0/s/jsonp?c=cb`)),
  },
  {
    title: 'one session too many of a client',
    reason: 'client-sessions',
    status: 429,
    options: { maxSessionsPerClient: 0 },
    provoke: (server) => upgradeStatus(server),
  },
  {
    title: 'a new session after close()',
    reason: 'closing',
    status: 503,
    provoke: async (server) => {
      await server.router.close();
      return statusOf(post(`${server.url}/0/s/xhr`));
    },
  },
  {
    title: 'a body that is too large',
    reason: 'size',
    status: 413,
    options: { maxMessageSize: 4 },
    provoke: async (server) => statusOf(post(`${await opened(server)}/xhr_send`, '["m"]')),
  },
  {
    title: 'a body of too many messages',
    reason: 'size',
    status: 413,
    options: { maxMessagesPerRequest: 1 },
    provoke: async (server) => statusOf(post(`${await opened(server)}/xhr_send`, '["m","n"]')),
  },
  {
    title: 'a WebSocket message that is too large',
    reason: 'size',
    status: 1009,
    options: { maxMessageSize: 4 },
    provoke: (server) => webSocketEnd(server, '["m"]'),
  },
  {
    title: 'a raw WebSocket message that is too large',
    reason: 'size',
    status: 1009,
    options: { maxMessageSize: 4, rawWebsocket: true },
    provoke: (server) => webSocketEnd(server, '12345', '/websocket'),
  },
  {
    title: 'a WebSocket message of too many messages',
    reason: 'size',
    status: 1009,
    options: { maxMessagesPerRequest: 1 },
    provoke: (server) => webSocketEnd(server, '["m","n"]'),
  },
  {
    title: 'a body that is not JSON',
    reason: 'payload',
    status: 500,
    provoke: async (server) => statusOf(post(`${await opened(server)}/xhr_send`, '["m')),
  },
  {
    title: 'a body that is not UTF-8',
    reason: 'payload',
    status: 500,
    provoke: async (server) => statusOf(post(`${await opened(server)}/xhr_send`, Buffer.from([0x22, 0xff, 0x22]))),
  },
  {
    title: 'an empty body',
    reason: 'payload',
    status: 500,
    provoke: async (server) => statusOf(post(`${await opened(server)}/xhr_send`)),
  },
  {
    title: 'a WebSocket message that is not JSON',
    reason: 'payload',
    status: 1007,
    provoke: (server) => webSocketEnd(server, '["m'),
  },
  {
    title: 'a binary WebSocket message',
    reason: 'payload',
    status: 1003,
    provoke: (server) => webSocketEnd(server, Buffer.from('["m"]')),
  },
];

/** A body that does not come. */
async function stall(server: RoutedServer): Promise<RawSocket> {
  await post(`${server.url}/0/s/xhr`);
  const arrived = once(server.server, 'request');
  const raw = new RawSocket(server.port);
  raw.send('POST /echo/0/s/xhr_send HTTP/1.1', 'Host: localhost', 'Content-Length: 5', '', '["');
  await arrived;
  return raw;
}

describe('router.stats()', () => {
  it('has nothing to tell at first', async () => {
    const { router, url } = await serveRouter();
    await fetchText(`${url}/info`);
    assert.deepEqual(router.stats(), NOTHING);
  });

  it('counts sessions by the transport they use now, messages and bytes, to the last one', async () => {
    const server = await serveRouter(
      { rawWebsocket: true },
      { onSession: (session) => session.on('message', (message) => session.send(message)) },
    );
    const { router, url } = server;
    await post(`${url}/0/poll/xhr`);
    await post(`${url}/0/poll/xhr_send`, '["a","ä€"]');
    assert.equal((await post(`${url}/0/poll/xhr`)).body, 'a["a","ä€"]\n');
    const bytesOfPoll = 13;
    assert.deepEqual(router.stats(), {
      ...NOTHING,
      sessions: { ...NO_SESSIONS, 'xhr-polling': 1 },
      opened: 1,
      messagesIn: 2,
      bytesIn: bytesOfPoll,
      messagesOut: 2,
      bytesOut: 6,
    });

    await fetchText(`${url}/0/script/jsonp?c=cb`);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    await post(`${url}/0/script/jsonp_send`, 'd=%5B%22m%22%5D', form);
    // An empty array is a keep-alive: bytes, but no message.
    await post(`${url}/0/poll/xhr_send`, '[]');
    const streams = ['eventsource', 'htmlfile?c=cb'].map((path) => new Stream(`${url}/0/${path.slice(0, 3)}/${path}`));
    await Promise.all(streams.map((stream) => stream.until('o')));
    // The session that polled goes on by a stream.
    const stream = new Stream(`${url}/0/poll/xhr_streaming`, 'POST');
    await stream.next();
    const framed = await openWebSocket(server);
    assert.equal(await framed.next(), 'o');
    framed.send('"one"');
    assert.equal(await framed.next(), 'a["one"]');
    const plain = await openWebSocket(server, '/websocket');
    plain.send('plain');
    assert.equal(await plain.next(), 'plain');
    const bytesIn = bytesOfPoll + 'd=%5B%22m%22%5D'.length + '[]'.length + '"one"'.length + 'plain'.length;
    assert.deepEqual(router.stats(), {
      sessions: {
        websocket: 1,
        'websocket-raw': 1,
        'xhr-polling': 0,
        'xhr-streaming': 1,
        eventsource: 1,
        htmlfile: 1,
        'jsonp-polling': 1,
      },
      opened: 6,
      closed: 0,
      messagesIn: 5,
      bytesIn,
      messagesOut: 5,
      bytesOut: 6 + 'm'.length + 'one'.length + 'plain'.length,
      rejected: {},
      queuedBytes: 'm'.length,
    });

    const result = router.close();
    assert.equal((await fetchText(`${url}/0/script/jsonp?c=cb`)).body, '/**/cb("a[\\"m\\"]");\r\n');
    assert.equal(router.stats().queuedBytes, 0);
    await fetchText(`${url}/0/script/jsonp?c=cb`);
    assert.deepEqual(await result, { closed: 6, flushed: 6, dropped: 0 });
    const { sessions, opened: all, closed } = router.stats();
    assert.deepEqual({ sessions, all, closed }, { sessions: NO_SESSIONS, all: 6, closed: 6 });
  });

  it('does not count what send() did not accept', async () => {
    const server = await serveRouter({ maxSendBuffer: 3 });
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    session.send('abc');
    assert.equal(server.router.stats().queuedBytes, 3);
    assert.equal(session.send('d'), false);
    assert.equal(session.send('after the end'), false);
    const { messagesOut, bytesOut } = server.router.stats();
    assert.deepEqual({ messagesOut, bytesOut }, { messagesOut: 1, bytesOut: 3 });
  });

  it('does not count what came too late to be received', async () => {
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    (await server.next()).close();
    assert.equal((await post(`${server.url}/0/s/xhr_send`, '["m"]')).status, 404);
    assert.deepEqual(server.router.stats(), {
      ...NOTHING,
      sessions: { ...NO_SESSIONS, 'xhr-polling': 1 },
      opened: 1,
    });
  });

  it('is a picture of its moment, of one router alone', async () => {
    const [one, two] = [await serveRouter(), await serveRouter()];
    const before = one.router.stats();
    await post(`${one.url}/0/s/xhr`);
    assert.deepEqual(before, NOTHING);
    assert.equal(one.router.stats().opened, 1);
    assert.deepEqual(two.router.stats(), NOTHING);
  });

  for (const { title, reason, status, options = {}, provoke } of REJECTIONS) {
    it(`counts ${title} under ${reason}, and publishes ${status}`, async () => {
      const { log } = listenIn('sockjs:rejected');
      const server = await serveRouter(options);
      assert.equal(await provoke(server), status);
      assert.deepEqual(server.router.stats().rejected, { [reason]: 1 });
      assert.equal(log.length, 1);
      const [[, message]] = log as [[string, { request: IncomingMessage }]];
      const { request, ...rest } = message;
      assert.deepEqual(rest, { reason, status });
      assert.match(request.url ?? '', /(websocket|xhr|xhr_send|jsonp_send|jsonp\?c=cb|info)$/);
    });
  }

  it('counts a body that does not come under timeout, and publishes 408', async () => {
    const clock = stopClock();
    const { log } = listenIn('sockjs:rejected');
    const server = await serveRouter({ receiveTimeout: 1000 });
    const raw = await stall(server);
    clock.tick(1000);
    await raw.until('HTTP/1.1 408');
    assert.deepEqual(server.router.stats().rejected, { timeout: 1 });
    assert.equal(log.length, 1);
  });

  it('counts each reason by itself, as often as it comes', async () => {
    const server = await serveRouter();
    const url = await opened(server);
    for (const body of ['', '["m', '{}']) {
      await post(`${url}/xhr_send`, body);
    }
    await post(`${url}/jsonp_send`, '["m"]');
    assert.deepEqual(server.router.stats().rejected, { payload: 3, identity: 1 });
  });

  it('does not count what is no refusal: a client that is gone, a session that is unknown', async () => {
    const server = await serveRouter();
    const raw = await stall(server);
    const [session] = server.router.sessions;
    assert.equal(session instanceof Session, true);
    const closed = new Promise((resolve) => raw.socket.once('close', resolve));
    raw.socket.destroy();
    await closed;
    await post(`${server.url}/0/unknown/xhr_send`, '["m"]');
    await fetchText(`${server.url}/0/s/xhr`, 'DELETE');
    assert.deepEqual(server.router.stats().rejected, {});
  });
});

describe('diagnostics channels', () => {
  const carried: [what: string, send: (server: RoutedServer) => Promise<unknown>][] = [
    [
      'polling',
      async ({ url }) => {
        await post(`${url}/0/s/xhr`);
        await post(`${url}/0/s/xhr_send`, '["in"]');
        // Queue and close frame.
        await post(`${url}/0/s/xhr`);
        await post(`${url}/0/s/xhr`);
      },
    ],
    [
      'WebSocket',
      async (server) => {
        const client = await openWebSocket(server);
        client.send('["in"]');
        await client.closed;
      },
    ],
  ];
  for (const [what, send] of carried) {
    it(`tell of a ${what} session in the order in which it happens`, async () => {
      const { log } = listenIn(...CHANNELS);
      const server = await serveRouter(
        {},
        {
          onSession: (session) => {
            log.push('onSession');
            session.on('message', (message) => {
              log.push(['message', message]);
              session.send('out');
              session.close(3000, 'done');
            });
            session.on('close', () => log.push('close'));
          },
        },
      );
      await send(server);
      const session = await server.next();
      while (session.state !== 'closed') {
        await setImmediate();
      }
      assert.deepEqual(log, [
        ['sockjs:session:open', { session }],
        'onSession',
        ['sockjs:message:in', { session, message: 'in' }],
        ['message', 'in'],
        ['sockjs:message:out', { session, message: 'out' }],
        ['sockjs:session:close', { session, code: 3000, reason: 'done', wasClean: true }],
        'close',
      ]);
    });
  }

  it('tell of each message by itself', async () => {
    const { log } = listenIn('sockjs:message:in', 'sockjs:message:out');
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    session.send('1');
    session.send('2');
    await post(`${server.url}/0/s/xhr_send`, '["3","4"]');
    assert.deepEqual(log, [
      ['sockjs:message:out', { session, message: '1' }],
      ['sockjs:message:out', { session, message: '2' }],
      ['sockjs:message:in', { session, message: '3' }],
      ['sockjs:message:in', { session, message: '4' }],
    ]);
  });

  it('are silent about what was not accepted', async () => {
    const { log } = listenIn('sockjs:message:in', 'sockjs:message:out');
    const server = await serveRouter();
    await post(`${server.url}/0/s/xhr`);
    const session = await server.next();
    session.close();
    session.send('late');
    await post(`${server.url}/0/s/xhr_send`, '["late"]');
    await post(`${server.url}/0/s/xhr_send`, '["broken');
    assert.deepEqual(log, []);
  });

  it('have no message built while there is no subscriber', () => {
    pauseTracking();
    const metrics = new Metrics();
    for (const name of [...CHANNELS, 'sockjs:receiver', 'sockjs:request']) {
      const published = channel(name);
      published.publish = () => assert.fail(`published on ${name}`);
      afterTest(() => {
        Reflect.deleteProperty(published, 'publish');
      });
    }
    // Reading any property of what would be published fails.
    const untouchable = <T extends object>(): T =>
      new Proxy({} as T, {
        get: () => assert.fail('was read'),
        ownKeys: () => assert.fail('was spread'),
      });
    const event = { code: 1000, reason: '', wasClean: true };
    const messages = Object.assign([''], { [Symbol.iterator]: () => assert.fail('was iterated') });
    metrics.sessionOpened(untouchable());
    metrics.sessionClosed(untouchable(), new Proxy(event, { ownKeys: () => assert.fail('was spread') }));
    metrics.received(untouchable(), messages, 1);
    metrics.sent(untouchable(), 'm', 1);
    metrics.rejected(untouchable(), 'origin', 403);
    metrics.receiverAttached(untouchable(), untouchable());
    assert.equal(hasRequestSubscribers(), false);
    assert.deepEqual(metrics.snapshot([]), {
      ...NOTHING,
      opened: 1,
      closed: 1,
      messagesIn: 1,
      bytesIn: 1,
      messagesOut: 1,
      bytesOut: 1,
      rejected: { origin: 1 },
    });
  });

  it('leave the session alone once the last subscriber has gone', async () => {
    const log: unknown[] = [];
    const listener = (message: unknown) => log.push(message);
    subscribe('sockjs:session:open', listener);
    const server = await serveRouter();
    await post(`${server.url}/0/one/xhr`);
    unsubscribe('sockjs:session:open', listener);
    await post(`${server.url}/0/two/xhr`);
    assert.deepEqual(log, [{ session: server.router.sessions.get('one') }]);
  });
});
