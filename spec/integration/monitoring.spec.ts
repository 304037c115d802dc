/**
 * Monitoring that replaces methods of Node and of ws, loaded before this package or after it: it sees everything that
 * it would see if this package always called those methods.
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { createServer, OutgoingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import * as ws from 'ws';
import * as loaded from '../../lib/index.ts';
import { AsyncQueue } from '../support/async-queue.ts';
import { afterTest } from '../support/cleanup.ts';
import { freshLibrary, type Library } from '../support/fresh-module.ts';
import { post, RawSocket } from '../support/http.ts';
import { listen, sessionCatcher } from '../support/test-server.ts';
import { clientFrame } from '../support/upgrade-client.ts';
import { ALL_TRANSPORTS, type WireTransport } from '../support/wire-transports.ts';

type Method = (this: unknown, ...args: unknown[]) => unknown;

const { WebSocket, WebSocketServer } = ws;
/** Not in the types of ws. */
const { Sender, Receiver } = ws as unknown as { Sender: typeof EventEmitter; Receiver: typeof EventEmitter };

const STREAMING = ALL_TRANSPORTS.find(({ name }) => name === 'xhr-streaming') as WireTransport;
const WEBSOCKET = ALL_TRANSPORTS.find(({ name }) => name === 'websocket') as WireTransport;

const MESSAGES = ['one', 'two', 'three', 'four', 'five', 'six'];

/** Replaces a method until the test is over. */
function replace(owner: object, name: string, wrap: (original: Method) => Method): void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  const value = wrap(Reflect.get(owner, name));
  Object.defineProperty(owner, name, { configurable: true, writable: true, ...own, value });
  afterTest(() => {
    if (own === undefined) {
      Reflect.deleteProperty(owner, name);
    } else {
      Object.defineProperty(owner, name, own);
    }
  });
}

/** Replaces a method by one that tells what it is called with, and calls the original. */
function watch(owner: object, name: string, onCall: (self: unknown, args: unknown[]) => void): void {
  replace(
    owner,
    name,
    (original) =>
      function (this: unknown, ...args) {
        onCall(this, args);
        return Reflect.apply(original, this, args);
      },
  );
}

/** How often each message was seen. */
function countEach(seen: readonly string[]): number[] {
  return MESSAGES.map((message) => seen.filter((text) => text.includes(message)).length);
}

const ONCE_EACH = MESSAGES.map(() => 1);

/** All channels of this package. */
const CHANNELS = [
  'sockjs:session:open',
  'sockjs:session:close',
  'sockjs:message:in',
  'sockjs:message:out',
  'sockjs:rejected',
  'sockjs:receiver',
  'sockjs:request',
];

const MOMENTS: readonly [moment: string, load: (monitor: () => void) => Promise<Library>][] = [
  [
    'before the package',
    (monitor) => {
      monitor();
      return freshLibrary();
    },
  ],
  [
    'after the package',
    async (monitor) => {
      monitor();
      return loaded;
    },
  ],
];

/** A server, its responses, and its connections from its own side. */
async function endpoint({ sockjs, attachUpgrade }: Library) {
  const { onSession, next } = sessionCatcher();
  const responses = new AsyncQueue<ServerResponse>();
  const connections = new AsyncQueue<Socket>();
  const router = sockjs({ prefix: '/echo', heartbeatDelay: 0 }, onSession);
  const server = createServer((req, res) => {
    responses.push(res);
    router(req, res);
  });
  server.on('connection', (socket: Socket) => connections.push(socket));
  attachUpgrade(server);
  const { port, origin } = await listen(server);
  const open = async (transport: WireTransport) => {
    const raw = new RawSocket(port).send(...transport.requestLines('session'));
    const session = await next();
    await raw.until(transport.wrap('o'));
    return { raw, session, connection: await connections.next() };
  };
  return { origin, responses, open };
}

/** Sends the messages to a client, each when the one before has arrived; what was written to the connection. */
async function sendAll(library: Library, transport: WireTransport, onOpen = () => {}): Promise<string[]> {
  const { raw, session, connection } = await (await endpoint(library)).open(transport);
  onOpen();
  const written: string[] = [];
  watch(connection, 'write', (_self, [chunk]) => written.push(String(chunk)));
  for (const message of MESSAGES) {
    session.send(message);
    await raw.until(transport.wrap(`a["${message}"]`));
  }
  return written;
}

/** Has a WebSocket client send the messages; what the session was given. */
async function receiveAll(library: Library, onOpen = () => {}): Promise<string[]> {
  const { raw, session } = await (await endpoint(library)).open(WEBSOCKET);
  onOpen();
  raw.socket.setNoDelay();
  const received: string[] = [];
  for (const message of MESSAGES) {
    raw.socket.write(clientFrame(1, JSON.stringify([message])), 'latin1');
    const [text] = await once(session, 'message');
    received.push(text);
  }
  return received;
}

/** Answers a poll: what its head said, and what was on the response then. */
async function poll(library: Library) {
  const { origin, responses } = await endpoint(library);
  const { headers } = await post(`${origin}/echo/0/a/xhr`);
  const res = await responses.next();
  return { said: headers['content-type'], known: res.getHeader('Content-Type') };
}

describe('where nothing is replaced', () => {
  for (const transport of [STREAMING, WEBSOCKET]) {
    it(`a message by ${transport.name} is one write to the connection`, async () => {
      assert.equal((await sendAll(loaded, transport)).length, MESSAGES.length);
    });
  }

  it('headers are deferred', async () => {
    const { said, known } = await poll(loaded);
    assert.equal(said, 'application/javascript; charset=UTF-8');
    assert.equal(known, undefined);
  });

  it('it is the same for a package that is loaded anew, and where monitoring only listens', async () => {
    const ignore = () => {};
    for (const channel of ['http.server.request.start', ...CHANNELS]) {
      subscribe(channel, ignore);
      afterTest(() => void unsubscribe(channel, ignore));
    }
    await new AsyncLocalStorage<string>().run('context', async () => {
      const library = await freshLibrary();
      assert.notEqual(library.sockjs, loaded.sockjs);
      assert.equal((await sendAll(library, STREAMING)).length, MESSAGES.length);
      assert.equal((await sendAll(library, WEBSOCKET)).length, MESSAGES.length);
      assert.equal((await poll(library)).known, undefined);
    });
  });
});

for (const [moment, load] of MOMENTS) {
  describe(`monitoring that is loaded ${moment}`, () => {
    for (const [owner, names] of [
      [ServerResponse, ['write', '_send', '_writeRaw']],
      [OutgoingMessage, ['write', '_send', '_writeRaw']],
    ] as const) {
      for (const name of names) {
        it(`sees each message in ${owner.name}.prototype.${name}`, async () => {
          const seen: string[] = [];
          const library = await load(() => watch(owner.prototype, name, (_self, [chunk]) => seen.push(String(chunk))));
          await sendAll(library, STREAMING);
          assert.deepEqual(countEach(seen), ONCE_EACH);
        });
      }
    }

    for (const [owner, names] of [
      [ServerResponse, ['writeHead', '_implicitHeader', 'setHeader', 'removeHeader', 'write', 'end', 'emit']],
      [OutgoingMessage, ['setHeader', 'removeHeader', 'write', 'end', 'emit']],
      [EventEmitter, ['emit']],
    ] as const) {
      for (const name of names) {
        it(`finds headers on a response by ${owner.name}.prototype.${name}`, async () => {
          const library = await load(() => watch(owner.prototype, name, () => {}));
          const { said, known } = await poll(library);
          assert.equal(known, said);
        });
      }
    }

    it('sees the head in ServerResponse.prototype.writeHead', async () => {
      const seen: unknown[] = [];
      const library = await load(() =>
        watch(ServerResponse.prototype, 'writeHead', (self, [status]) => {
          seen.push(status, (self as ServerResponse).getHeader('Content-Type'));
        }),
      );
      const { said } = await poll(library);
      assert.deepEqual(seen, [200, said]);
    });

    for (const [owner, path, name] of [
      [WebSocket.prototype, 'WebSocket.prototype', 'send'],
      [Sender.prototype, 'Sender.prototype', 'send'],
      [Sender.prototype, 'Sender.prototype', 'dispatch'],
      [Sender.prototype, 'Sender.prototype', 'sendFrame'],
      [Sender, 'Sender', 'frame'],
    ] as const) {
      it(`sees each message that a WebSocket sends in ${path}.${name}`, async () => {
        const seen: string[] = [];
        const library = await load(() => watch(owner, name, (_self, [data]) => seen.push(String(data))));
        await sendAll(library, WEBSOCKET);
        assert.deepEqual(countEach(seen), ONCE_EACH);
      });
    }

    for (const [owner, emitter] of [
      [WebSocket, WebSocket],
      [Receiver, Receiver],
      [EventEmitter, WebSocket],
      [EventEmitter, Receiver],
    ] as const) {
      it(`sees each message that a ${emitter.name} receives in ${owner.name}.prototype.emit`, async () => {
        const seen: string[] = [];
        const library = await load(() =>
          watch(owner.prototype, 'emit', (self, [event, data]) => {
            if (self instanceof emitter && event === 'message') {
              seen.push(String(data));
            }
          }),
        );
        assert.deepEqual(await receiveAll(library), MESSAGES);
        assert.deepEqual(countEach(seen), ONCE_EACH);
      });

      it(`sees each message by a listener of a ${emitter.name} that ${owner.name}.prototype.on wraps`, async () => {
        const seen: string[] = [];
        const library = await load(() =>
          replace(
            owner.prototype,
            'on',
            (original) =>
              function (this: unknown, event, listener) {
                const isWatched = this instanceof emitter && event === 'message';
                const watched = function (this: unknown, ...args: unknown[]) {
                  seen.push(String(args[0]));
                  return Reflect.apply(listener as Method, this, args);
                };
                return Reflect.apply(original, this, [event, isWatched ? watched : listener]);
              },
          ),
        );
        assert.deepEqual(await receiveAll(library), MESSAGES);
        assert.deepEqual(countEach(seen), ONCE_EACH);
      });
    }

    it('sees each message by a listener of its own on the WebSocket', async () => {
      const seen: string[] = [];
      const library = await load(() =>
        replace(
          WebSocketServer.prototype,
          'handleUpgrade',
          (original) =>
            function (this: unknown, ...args) {
              const [req, socket, head, onOpen] = args;
              const onWebSocket = (webSocket: ws.WebSocket, ...rest: unknown[]) => {
                Reflect.apply(onOpen as Method, undefined, [webSocket, ...rest]);
                webSocket.on('message', (data) => seen.push(String(data)));
              };
              return Reflect.apply(original, this, [req, socket, head, onWebSocket]);
            },
        ),
      );
      assert.deepEqual(await receiveAll(library), MESSAGES);
      assert.deepEqual(countEach(seen), ONCE_EACH);
    });
  });
}

describe('monitoring that is loaded while a client is connected', () => {
  it('sees each message in ServerResponse.prototype.write', async () => {
    const seen: string[] = [];
    await sendAll(loaded, STREAMING, () =>
      watch(ServerResponse.prototype, 'write', (_self, [chunk]) => seen.push(String(chunk))),
    );
    assert.deepEqual(countEach(seen), ONCE_EACH);
  });

  it('sees each message that a WebSocket sends', async () => {
    const seen: string[] = [];
    await sendAll(loaded, WEBSOCKET, () =>
      watch(WebSocket.prototype, 'send', (_self, [data]) => seen.push(String(data))),
    );
    assert.deepEqual(countEach(seen), ONCE_EACH);
  });

  it('sees each message that a WebSocket receives', async () => {
    const seen: string[] = [];
    const received = await receiveAll(loaded, () =>
      watch(WebSocket.prototype, 'emit', (_self, [event, data]) => {
        if (event === 'message') {
          seen.push(String(data));
        }
      }),
    );
    assert.deepEqual(received, MESSAGES);
    assert.deepEqual(countEach(seen), ONCE_EACH);
  });
});
