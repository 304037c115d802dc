/** What all transports that receive over HTTP have in common (docs/protocol.md, section 6), as one suite for each. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@sinonjs/fake-timers';
import type { Express } from 'express';
import type { Session, SessionCloseEvent, SockjsOptions, TransportName } from '../../lib/index.ts';
import { stopClock } from './clock.ts';
import {
  goAway,
  holdBackUntilFlush,
  LARGE_BUFFER,
  noMiddleware,
  STALL_HEADER,
  stallOnRequest,
} from './contract-app.ts';
import { EDGE_CASE_TEXTS, MUST_BE_ESCAPED } from './edge-case-texts.ts';
import { type Answer, post, RawSocket } from './http.ts';
import { ResponseReader } from './response-reader.ts';
import { echo, serve, sessionCatcher, type TestServer } from './test-server.ts';

/** A clock that only the test advances. */
export type TestClock = Pick<Clock, 'tick' | 'countTimers' | 'uninstall'>;

/** A response that is read chunk by chunk. */
export type Reader = Pick<ResponseReader, 'response' | 'next' | 'ended' | 'abort'>;

/** How the requests of a client travel. */
export interface ClientWire {
  receive(port: number, path: string, transport: HttpReceiver): Reader;
  post(port: number, path: string, body: string | Buffer, headers: Record<string, string>): Promise<Answer>;
}

const HTTP_1: ClientWire = {
  receive: (port, path, { method }) => new ResponseReader(port, path, method),
  post: (port, path, body, headers) => post(`http://127.0.0.1:${port}${path}`, body, headers),
};

/** A receiving transport as docs/protocol.md describes it. Nothing in it is taken from lib/. */
export interface HttpReceiver {
  readonly name: TransportName;
  readonly method: 'GET' | 'POST';
  /** Last segment of the path, with the query. */
  readonly endpoint: string;
  readonly sendEndpoint: 'xhr_send' | 'jsonp_send';
  /** The first chunk of a streaming response. Undefined for polling. */
  readonly prelude?: string;
  /** Returns the bytes of one frame. */
  wrap(frame: string): string;
  /** Returns what a browser reads from one chunk. */
  unwrap(chunk: string): string;
  /**
   * Serves an endpoint.
   * @default `serve`, which keeps the sessions in this process
   */
  readonly serve?: typeof serve;
  /**
   * How requests travel.
   * @default HTTP/1.1
   */
  readonly wire?: ClientWire;
  /**
   * Waits until the session knows all that the test has seen.
   * @default nothing to wait for: sessions of this process know it at once
   */
  readonly settle?: () => Promise<void>;
  /**
   * Counts the timers of requests and sessions.
   * @default all timers of the stopped clock
   */
  readonly countTimers?: () => number;
  /**
   * Stops the clock of the endpoint that is served next.
   * @default that of this process is stopped
   */
  readonly stopClock?: () => TestClock;
  /** Clauses of the contract that do not hold for this transport: title and reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

/** Returns the headers of a response without those of Node and Express. */
export function ownHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { date, connection, 'x-powered-by': poweredBy, 'keep-alive': keepAlive, ...own } = headers;
  return own;
}

/** The caching headers of all responses of transports and sends. */
export const NOT_CACHED = {
  'cache-control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
};

/** The CORS headers of a response to a request without `Origin`. */
export const CORS = { 'access-control-allow-origin': '*', vary: 'Origin' };

/** One receiving request. It compares the chunks of the response with the expected frames. */
export class Receiving {
  readonly stream: Reader;
  readonly #transport: HttpReceiver;
  /** Settles when the server has finished the response. */
  readonly #left: Promise<unknown>;
  #preludeDue: boolean;
  over = false;

  constructor(stream: Reader, left: Promise<unknown>, transport: HttpReceiver) {
    this.stream = stream;
    this.#left = left;
    this.#transport = transport;
    this.#preludeDue = transport.prelude !== undefined;
  }

  /** Expects the next chunks to be exactly these frames. */
  async gets(...frames: string[]): Promise<void> {
    for (const frame of frames) {
      assert.equal(await this.chunk(), this.#transport.wrap(frame));
    }
    await this.#transport.settle?.();
  }

  /** Expects these frames, then the end of the response. */
  async endsWith(...frames: string[]): Promise<void> {
    await this.gets(...frames);
    this.over = true;
    assert.deepEqual(await this.stream.ended, { aborted: false });
    await assert.rejects(this.stream.next(), /the response has ended/);
    await this.#left;
    await this.#transport.settle?.();
  }

  /** Returns the next chunk after the prelude. */
  async chunk(): Promise<string> {
    if (this.#preludeDue) {
      this.#preludeDue = false;
      assert.equal(await this.stream.next(), this.#transport.prelude);
    }
    return this.stream.next();
  }
}

/** The client side of one session. */
export class Client {
  readonly server: TestServer;
  readonly transport: HttpReceiver;
  readonly id: string;
  #current: Receiving | undefined;

  constructor(server: TestServer, transport: HttpReceiver, id = 'session') {
    this.server = server;
    this.transport = transport;
    this.id = id;
  }

  path(endpoint: string = this.transport.endpoint, serverId = '000'): string {
    return `/echo/${serverId}/${this.id}/${endpoint}`;
  }

  /** Sends a receiving request. Settles when it has reached the server. */
  async receive(serverId?: string): Promise<Receiving> {
    const asked = new Promise<[Promise<unknown>]>((resolve) => {
      // Before the app, which may have responded by the time that Node has called all listeners of `request`.
      this.server.server.prependOnceListener('request', (_req, res) => resolve([once(res, 'close')]));
    });
    const path = this.path(this.transport.endpoint, serverId);
    const stream = this.#wire.receive(this.server.port, path, this.transport);
    const [left] = await asked;
    await this.transport.settle?.();
    return new Receiving(stream, left, this.transport);
  }

  /** Returns the open receiving request, or sends one. */
  async attached(): Promise<Receiving> {
    if (this.#current === undefined || this.#current.over) {
      this.#current = await this.receive();
    }
    return this.#current;
  }

  /** Expects these frames, over as many requests as the transport needs for them. */
  async gets(...frames: string[]): Promise<void> {
    for (const frame of frames) {
      const receiving = await this.attached();
      await (this.transport.prelude === undefined ? receiving.endsWith(frame) : receiving.gets(frame));
    }
  }

  /** Opens the session, and leaves a receiver attached. */
  async open(): Promise<Receiving> {
    await this.gets('o');
    return this.attached();
  }

  post(body: string | Buffer, headers: Record<string, string> = { 'Content-Type': 'text/plain' }): Promise<Answer> {
    return this.#wire.post(this.server.port, this.path(this.transport.sendEndpoint), body, headers);
  }

  get #wire(): ClientWire {
    return this.transport.wire ?? HTTP_1;
  }

  /** Sends messages, and expects success. */
  async send(...messages: string[]): Promise<void> {
    const { status } = await this.post(JSON.stringify(messages));
    assert.equal(status, this.transport.sendEndpoint === 'xhr_send' ? 204 : 200);
  }

  /** Returns the lines of a receiving request, for a raw socket. */
  requestLines(...headers: string[]): string[] {
    const length = this.transport.method === 'POST' ? ['Content-Length: 0'] : [];
    return [`${this.transport.method} ${this.path()} HTTP/1.1`, 'Host: localhost', ...length, ...headers, '', ''];
  }
}

/** A server with a stopped clock, one client, and the sessions that the application gets. */
export interface Setup {
  readonly clock: TestClock;
  readonly client: Client;
  readonly sessions: ReturnType<typeof sessionCatcher>;
}

function stopClockOf(transport: HttpReceiver): TestClock {
  return (transport.stopClock ?? stopClock)();
}

/** Sets up one test. */
export async function setUp(
  transport: HttpReceiver,
  options: SockjsOptions = {},
  before: (app: Express) => void = noMiddleware,
): Promise<Setup> {
  const clock = stopClockOf(transport);
  const sessions = sessionCatcher();
  const server = await (transport.serve ?? serve)(options, sessions.onSession, { before });
  return { clock, sessions, client: new Client(server, transport) };
}

/** Settles with the `close` event of a session. A second one fails the test. */
export function closeOf(session: Session): Promise<SessionCloseEvent> {
  return new Promise((resolve) => {
    let count = 0;
    session.on('close', (event) => {
      count += 1;
      assert.equal(count, 1, 'closed twice');
      resolve(event);
    });
  });
}

const INTERRUPTED: SessionCloseEvent = { code: 1002, reason: 'Connection interrupted', wasClean: false };
const INTERRUPTED_FRAME = 'c[1002,"Connection interrupted"]';

/** Settles when the server knows that a connection is closed, with or without an error. */
function closedAtServer(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

/** Connects a raw client that never reads. Settles when its request has reached the server. */
async function connectStalled(client: Client): Promise<{ reset(): Promise<void> }> {
  const asked = once(client.server.server, 'request') as Promise<[IncomingMessage]>;
  const raw = new RawSocket(client.server.port);
  raw.socket.pause();
  raw.send(...client.requestLines(STALL_HEADER));
  const [{ socket }] = await asked;
  await client.transport.settle?.();
  return {
    reset: async () => {
      const closed = closedAtServer(socket);
      raw.socket.resetAndDestroy();
      await closed;
    },
  };
}

function countTimers(clock: TestClock, transport: HttpReceiver): number {
  return transport.countTimers?.() ?? clock.countTimers();
}

/** Expects that nothing is left of the session: no timer runs, and a send gets 404. */
async function assertOver({ clock, client }: Setup): Promise<void> {
  assert.equal(countTimers(clock, client.transport), 0);
  assert.equal((await client.post('["x"]')).status, 404);
}

/**
 * Expects that an ended session is remembered for twice `disconnectDelay` (the default). Until then receivers get the
 * frame, sends get 404, and no second session opens. Then the id is free.
 */
async function assertRemembered(setup: Setup, frame: string): Promise<void> {
  for (const passing of [0, 5000, 4999]) {
    setup.clock.tick(passing);
    await (await setup.client.receive()).endsWith(frame);
    await assertOver(setup);
  }
  setup.clock.tick(1);
  await assertOver(setup);
  assert.equal(setup.sessions.count(), 1);
  await (await setup.client.receive()).gets('o');
  assert.equal(setup.sessions.count(), 2);
}

/** Declares the contract for one transport. */
export function itReceivesOverHttp(transport: HttpReceiver): void {
  const streaming = transport.prelude !== undefined;
  const serveEndpoint = transport.serve ?? serve;

  /** Declares a clause of the contract. It is pending, with its reason, where the transport is an exception. */
  const holds = (title: string, test: () => Promise<void>) => {
    const reason = transport.exceptions?.[title];
    if (reason === undefined) {
      it(title, test);
    } else {
      it(`${title} (not here: ${reason})`);
    }
  };

  /** With a limit of 1, all transports end a response after one frame. So a session can be without a receiver. */
  const oneFrame = { responseLimit: 1 };

  describe('opening', () => {
    holds('opens a session with the first request and tells the application once', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      assert.equal(session.id, 'session');
      assert.equal(session.transport, transport.name);
      assert.equal(session.state, 'active');
      const second = await client.receive();
      session.send('x');
      await second.endsWith('a["x"]');
      assert.equal(sessions.count(), 1);
    });

    holds('finds the session again under another server id', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      await (await client.receive('000')).endsWith('o');
      const session = await sessions.next();
      session.send('x');
      await (await client.receive('another')).endsWith('a["x"]');
      assert.equal(sessions.count(), 1);
    });

    holds('answers 404 to a send for an unknown session and makes none', async () => {
      const { client, clock, sessions } = await setUp(transport);
      const { status, headers, body } = await client.post('["x"]');
      assert.equal(status, 404);
      assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
      assert.equal(body, 'Session not found.');
      assert.equal(sessions.count(), 0);
      assert.equal(countTimers(clock, transport), 0);
      await client.gets('o');
      assert.equal(sessions.count(), 1);
    });

    holds('makes a session of its own for each id', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      const other = new Client(client.server, transport, 'other');
      await (await client.receive()).endsWith('o');
      await (await other.receive()).endsWith('o');
      const [first, second] = [await sessions.next(), await sessions.next()];
      first.send('for the first');
      second.send('for the second');
      await (await other.receive()).endsWith('a["for the second"]');
      await (await client.receive()).endsWith('a["for the first"]');
    });
  });

  describe('messages', () => {
    holds('keeps messages in order while no receiver is attached and sends them as one frame', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      assert.equal(session.send('1'), true);
      await new Promise(setImmediate);
      assert.equal(session.send('2'), true);
      await new Promise(setImmediate);
      assert.equal(session.send('3'), true);
      await (await client.receive()).endsWith('a["1","2","3"]');
    });

    holds('sends the messages of one tick as one frame', async () => {
      const { client, sessions } = await setUp(transport);
      await client.open();
      const session = await sessions.next();
      for (const message of ['1', '2', '3']) {
        session.send(message);
      }
      await client.gets('a["1","2","3"]');
      await client.attached();
      session.send('4');
      await client.gets('a["4"]');
    });

    holds('delivers what the client sends, in order', async () => {
      const { client, sessions } = await setUp(transport);
      await client.open();
      const session = await sessions.next();
      await client.send('1', '2');
      await client.send('3');
      for (const message of ['1', '2', '3']) {
        assert.equal(await session.recv(), message);
      }
    });

    holds('carries edge-case texts both ways unchanged, and escapes what must be escaped', async () => {
      stopClockOf(transport);
      const server = await serveEndpoint({}, echo);
      const client = new Client(server, transport);
      await client.open();
      for (const text of EDGE_CASE_TEXTS) {
        const receiving = await client.attached();
        await client.send(text);
        const chunk = await receiving.chunk();
        receiving.over = !streaming;
        assert.doesNotMatch(chunk.replace(/[\r\n]+|^(data: )/g, ''), MUST_BE_ESCAPED, JSON.stringify(text));
        assert.deepEqual(JSON.parse(transport.unwrap(chunk).slice(1)), [text]);
      }
    });

    holds('reaches the client at once behind middleware that waits for flush()', async () => {
      const { client, sessions } = await setUp(transport, {}, holdBackUntilFlush);
      await client.open();
      const session = await sessions.next();
      session.send('1');
      await client.gets('a["1"]');
      await client.attached();
      session.close();
      await (await client.attached()).endsWith('c[1000,"Normal closure"]');
    });
  });

  describe('a second receiver', () => {
    holds('gets 2010, the first being untouched', async () => {
      const { client, sessions } = await setUp(transport);
      const first = await client.open();
      const session = await sessions.next();
      await (await client.receive()).endsWith('c[2010,"Another connection still open"]');
      assert.equal(session.state, 'active');
      session.send('x');
      await first.gets('a["x"]');
    });

    holds('may break off before its 2010 has left, the first being untouched', async () => {
      const { client, sessions } = await setUp(transport, LARGE_BUFFER, stallOnRequest);
      const first = await client.open();
      const session = await sessions.next();
      const second = await connectStalled(client);
      await second.reset();
      assert.equal(session.state, 'active');
      session.send('x');
      await first.gets('a["x"]');
    });
  });

  describe('responseLimit', () => {
    holds('ends the response with the frame that fills the limit, in bytes, the prelude not counted', async () => {
      const frames = ['o', 'a["€"]'];
      const limit = Buffer.byteLength(frames.map((frame) => transport.wrap(frame)).join(''));
      const { client, sessions } = await setUp(transport, { responseLimit: limit });
      const receiving = await client.receive();
      (await sessions.next()).send('€');
      await receiving.endsWith(...frames);
    });

    holds('goes on while the limit lacks one byte', async () => {
      const frames = ['o', 'a["€"]'];
      const limit = Buffer.byteLength(frames.map((frame) => transport.wrap(frame)).join('')) + 1;
      const { client, sessions } = await setUp(transport, { responseLimit: limit });
      const receiving = await client.receive();
      const session = await sessions.next();
      session.send('€');
      await receiving.gets(...frames);
      session.send('x');
      await receiving.endsWith('a["x"]');
      session.send('y');
      await (await client.receive()).gets('a["y"]');
    });

    holds('counts heartbeats', async () => {
      const limit = Buffer.byteLength(transport.wrap('o') + transport.wrap('h'));
      const { client, clock } = await setUp(transport, { responseLimit: limit });
      const receiving = await client.receive();
      await receiving.gets('o');
      clock.tick(25_000);
      await receiving.endsWith('h');
    });

    holds('is 131072 bytes by default', async () => {
      const { client, sessions } = await setUp(transport);
      const receiving = await client.open();
      const session = await sessions.next();
      const length = 131_071 - Buffer.byteLength(transport.wrap('o') + transport.wrap('a[""]'));
      session.send('x'.repeat(length));
      let received = '';
      while (received.length < transport.wrap(`a["${'x'.repeat(length)}"]`).length) {
        received += await receiving.chunk();
      }
      session.send('y');
      await receiving.endsWith('a["y"]');
    });

    holds('leaves the close frame to the next receiver when the queue has filled it', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      const receiving = await client.receive();
      session.send('x');
      session.close(3000, 'Go away!');
      await receiving.endsWith('a["x"]');
      await (await client.receive()).endsWith('c[3000,"Go away!"]');
    });
  });

  describe('heartbeat', () => {
    holds('goes out after heartbeatDelay of silence, and only then', async () => {
      const { client, clock, sessions } = await setUp(transport, { heartbeatDelay: 1000 });
      await client.open();
      const session = await sessions.next();
      for (const message of ['1', '2']) {
        await client.attached();
        clock.tick(999);
        session.send(message);
        await client.gets(`a["${message}"]`);
      }
      for (let i = 0; i < 2; i++) {
        await client.attached();
        clock.tick(999);
        clock.tick(1);
        await client.gets('h');
      }
      // Exactly one heartbeat for each delay: the next frame is the message.
      await client.attached();
      session.send('3');
      await client.gets('a["3"]');
    });

    holds('comes every 25 s by default', async () => {
      const { client, clock, sessions } = await setUp(transport);
      await client.open();
      const session = await sessions.next();
      clock.tick(24_999);
      session.send('x');
      await client.gets('a["x"]');
      await client.attached();
      clock.tick(25_000);
      await client.gets('h');
    });

    holds('is switched off by a heartbeatDelay of 0', async () => {
      const { client, clock, sessions } = await setUp(transport, { heartbeatDelay: 0 });
      await client.open();
      const session = await sessions.next();
      clock.tick(29_999);
      session.send('nothing before this');
      await client.gets('a["nothing before this"]');
    });

    holds('leaves a session without a receiver alone', async () => {
      const { client, clock, sessions } = await setUp(transport, {
        ...oneFrame,
        heartbeatDelay: 1000,
        disconnectDelay: 5000,
      });
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      clock.tick(4999);
      const receiving = await client.receive();
      session.send('x');
      await receiving.endsWith('a["x"]');
    });
  });

  describe('disconnectDelay', () => {
    holds('closes a session that no receiver came back for, and forgets it in time', async () => {
      const setup = await setUp(transport, oneFrame);
      const { client, clock, sessions } = setup;
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      const closed = closeOf(session);
      clock.tick(4999);
      await client.send('still there');
      assert.equal(await session.recv(), 'still there');
      clock.tick(1);
      assert.deepEqual(await closed, INTERRUPTED);
      assert.equal(session.state, 'closed');
      assert.equal(session.send('x'), false);
      await assertRemembered(setup, INTERRUPTED_FRAME);
    });

    holds('does not run while the last answer is still on its way', async () => {
      const { client, clock, sessions } = await setUp(transport, { ...oneFrame, ...LARGE_BUFFER }, stallOnRequest);
      await connectStalled(client);
      const session = await sessions.next();
      clock.tick(29_999);
      session.send('x');
      await (await client.receive()).endsWith('a["x"]');
    });

    holds('does not wait for ever for a client that leaves the last answer unread', async () => {
      const { client, clock, sessions } = await setUp(transport, { ...oneFrame, ...LARGE_BUFFER }, stallOnRequest);
      await connectStalled(client);
      const session = await sessions.next();
      const closed = closeOf(session);
      // 30 s, and 1 s for each 32 kB that a slow connection may have to carry.
      clock.tick(30_000 + session.bufferedAmount / 32);
      assert.deepEqual(await closed, INTERRUPTED);
    });

    holds('starts anew whenever a receiver ends, and does not run while one is attached', async () => {
      const { client, clock, sessions } = await setUp(transport, { ...oneFrame, disconnectDelay: 1000 });
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      clock.tick(999);
      const receiving = await client.receive();
      clock.tick(5000);
      session.send('x');
      await receiving.endsWith('a["x"]');
      clock.tick(999);
      assert.equal(session.state, 'active');
      clock.tick(1);
      assert.equal(session.state, 'closed');
    });
  });

  describe('close()', () => {
    holds('sends what is queued, then the close frame, and repeats that for twice disconnectDelay', async () => {
      const setup = await setUp(transport);
      const { client, sessions } = setup;
      await client.open();
      const session = await sessions.next();
      const closed = closeOf(session);
      session.send('1');
      session.send('2');
      session.close(3000, 'Go "away"!');
      await client.gets('a["1","2"]');
      await (await client.attached()).endsWith('c[3000,"Go \\"away\\"!"]');
      assert.deepEqual(await closed, { code: 3000, reason: 'Go "away"!', wasClean: true });
      await assertRemembered(setup, 'c[3000,"Go \\"away\\"!"]');
    });

    holds('lets go of the receiver first: one that comes at once gets the close frame, too', async () => {
      const { client, sessions } = await setUp(transport, LARGE_BUFFER, stallOnRequest);
      const first = await connectStalled(client);
      const session = await sessions.next();
      session.close(3000, 'Go away!');
      await (await client.receive()).endsWith('c[3000,"Go away!"]');
      await first.reset();
      await (await client.receive()).endsWith('c[3000,"Go away!"]');
    });

    holds('within onSession sends the close frame after the open frame', async () => {
      stopClockOf(transport);
      const server = await serveEndpoint({}, goAway);
      const client = new Client(server, transport);
      await client.gets('o');
      await (await client.attached()).endsWith('c[3000,"Go away!"]');
    });

    holds('without a receiver keeps queue and close frame for the next', async () => {
      const { client, sessions } = await setUp(transport, oneFrame);
      await (await client.receive()).endsWith('o');
      const session = await sessions.next();
      const closed = closeOf(session);
      session.send('x');
      session.close();
      assert.equal(session.send('too late'), false);
      assert.equal(session.state, 'closing');
      await (await client.receive()).endsWith('a["x"]');
      await (await client.receive()).endsWith('c[1000,"Normal closure"]');
      assert.deepEqual(await closed, { code: 1000, reason: 'Normal closure', wasClean: true });
    });

    holds('without a receiver is over after disconnectDelay, though no receiver came', async () => {
      const setup = await setUp(transport, oneFrame);
      await (await setup.client.receive()).endsWith('o');
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      session.send('x');
      session.close(3000, 'Go away!');
      setup.clock.tick(5000);
      assert.deepEqual(await closed, { code: 3000, reason: 'Go away!', wasClean: false });
      await assertRemembered(setup, 'c[3000,"Go away!"]');
    });
  });

  describe('a client that breaks off', () => {
    /** Expects that the session has ended with 1002, is remembered, and is forgotten in time. */
    const assertInterrupted = async (setup: Setup, session: Session, closed: Promise<SessionCloseEvent>) => {
      assert.deepEqual(await closed, INTERRUPTED);
      assert.equal(session.state, 'closed');
      assert.equal(session.send('x'), false);
      await assertRemembered(setup, INTERRUPTED_FRAME);
    };

    holds('ends the session, which never silently goes on', async () => {
      const setup = await setUp(transport);
      const receiving = await setup.client.open();
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      receiving.stream.abort();
      await assertInterrupted(setup, session, closed);
    });

    holds('ends the session by a reset as well', async () => {
      const setup = await setUp(transport);
      const raw = new RawSocket(setup.client.server.port);
      await (streaming ? Promise.resolve() : setup.client.gets('o'));
      const asked = once(setup.client.server.server, 'request');
      raw.send(...setup.client.requestLines());
      await asked;
      await transport.settle?.();
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      raw.socket.resetAndDestroy();
      await assertInterrupted(setup, session, closed);
    });

    holds('ends the session also behind a large body that is not read', async () => {
      const setup = await setUp(transport);
      const raw = new RawSocket(setup.client.server.port);
      await (streaming ? Promise.resolve() : setup.client.gets('o'));
      const asked = once(setup.client.server.server, 'request');
      const size = 1_000_000;
      const lines = setup.client.requestLines().filter((line) => line !== '' && !line.startsWith('Content-Length:'));
      raw.send(...lines, `Content-Length: ${size}`, '', 'x'.repeat(size));
      await asked;
      await transport.settle?.();
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      raw.socket.end();
      await assertInterrupted(setup, session, closed);
    });

    holds('before the answer has left ends the session', async () => {
      const setup = await setUp(transport, { ...oneFrame, ...LARGE_BUFFER }, stallOnRequest);
      const receiving = await connectStalled(setup.client);
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      assert.equal(session.state, 'active');
      await receiving.reset();
      await transport.settle?.();
      assert.equal(session.state, 'closed');
      await assertInterrupted(setup, session, closed);
    });

    holds('before the answer has left ends the session under its next receiver', async () => {
      const setup = await setUp(transport, { ...oneFrame, ...LARGE_BUFFER }, stallOnRequest);
      const receiving = await connectStalled(setup.client);
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      const next = await setup.client.receive();
      await receiving.reset();
      await transport.settle?.();
      assert.equal(session.state, 'closed');
      await next.endsWith(INTERRUPTED_FRAME);
      await assertInterrupted(setup, session, closed);
    });

    holds('before an earlier answer has left ends the session, though later ones did', async () => {
      const setup = await setUp(transport, { ...oneFrame, ...LARGE_BUFFER }, stallOnRequest);
      const receiving = await connectStalled(setup.client);
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      session.send('x');
      await (await setup.client.receive()).endsWith('a["x"]');
      await receiving.reset();
      await transport.settle?.();
      assert.equal(session.state, 'closed');
      await assertInterrupted(setup, session, closed);
    });

    holds('before the close frame has left leaves nothing behind', async () => {
      const setup = await setUp(transport, LARGE_BUFFER, stallOnRequest);
      const receiving = await connectStalled(setup.client);
      const session = await setup.sessions.next();
      const closed = closeOf(session);
      session.close(3000, 'Go away!');
      await receiving.reset();
      await transport.settle?.();
      setup.clock.tick(5000);
      assert.deepEqual(await closed, { code: 3000, reason: 'Go away!', wasClean: false });
      await assertOver(setup);
    });

    holds('while earlier middleware is busy makes no session', async () => {
      let proceed = () => {};
      const setup = await setUp(transport, {}, (app) => {
        app.use((_req, _res, next) => {
          proceed = next;
          if (busy) {
            busy = false;
          } else {
            next();
          }
        });
      });
      let busy = true;
      const asked = once(setup.client.server.server, 'request') as Promise<[IncomingMessage]>;
      const stream = new ResponseReader(setup.client.server.port, setup.client.path(), transport.method);
      const [{ socket }] = await asked;
      const left = closedAtServer(socket);
      stream.abort();
      await left;
      proceed();
      assert.equal(setup.sessions.count(), 0);
      await assertOver(setup);
    });

    holds('whose request waits behind another on the same connection leaves nothing behind', async () => {
      const setup = await setUp(transport, {}, (app) => {
        app.get('/never', () => {});
      });
      const { server, port } = setup.client.server;
      const asked = new Promise<IncomingMessage>((resolve) => {
        // Before the app, which removes the mount path from the URL.
        server.prependListener('request', (req) => req.url === setup.client.path() && resolve(req));
      });
      const raw = new RawSocket(port);
      raw.send('GET /never HTTP/1.1', 'Host: localhost', '', setup.client.requestLines().join('\r\n'));
      const { socket } = await asked;
      const left = closedAtServer(socket);
      raw.socket.resetAndDestroy();
      await left;
      // A heartbeat timer that still runs would fire within this time.
      setup.clock.tick(60_000);
      await assertOver(setup);
    });
  });
}

/** Reasons why polling transports are exceptions. */
export const POLLING_EXCEPTIONS: Readonly<Record<string, string>> = {
  'ends the response with the frame that fills the limit, in bytes, the prelude not counted':
    'a poll ends with its first frame',
  'goes on while the limit lacks one byte': 'a poll ends with its first frame',
  'counts heartbeats': 'a poll ends with its first frame',
  'is 131072 bytes by default': 'a poll ends with its first frame',
};
