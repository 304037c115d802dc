/** Sessions as streams, over real connections: much in both directions, clients that vanish, and a shutdown. */
import assert from 'node:assert/strict';
import { PassThrough, Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { type SessionCloseEvent, SessionNotOpenError, type SockjsOptions } from '../../lib/index.ts';
import { stopClock } from '../support/clock.ts';
import { post, Stream } from '../support/http.ts';
import { WebSocketClient } from '../support/websocket-client.ts';
import { serveTransports, type TransportServer } from '../support/wire-transports.ts';

const KIB = 1024;

/** The client's side of a session. */
interface Client {
  /** Asks for a session. */
  open(): void;
  /** Settles when the server has taken the messages, where it tells. */
  send(messages: readonly string[]): Promise<void>;
  /** The next messages; none where a frame of another kind came, undefined once the session is closed. */
  take(): Promise<readonly string[] | undefined>;
  /** Breaks the connection. */
  vanish(): void;
}

/** The messages of one frame. */
function messagesIn(frame: string): readonly string[] | undefined {
  return frame.startsWith('c') ? undefined : JSON.parse(frame.startsWith('a') ? frame.slice(1) : '[]');
}

function webSocket({ origin }: TransportServer, path: string, isRaw: boolean): Client {
  const client = new WebSocketClient(origin, path);
  return {
    open: () => {},
    send: async (messages) => {
      await client.opened;
      for (const text of isRaw ? messages : [JSON.stringify(messages)]) {
        client.send(text);
      }
    },
    take: async () => {
      const text = await client.next().catch((error: Error) => {
        assert.match(error.message, /^closed with 1/);
        return 'c';
      });
      return isRaw && text !== 'c' ? [text] : messagesIn(text);
    },
    vanish: () => client.socket.terminate(),
  };
}

async function sendByXhr(url: string, messages: readonly string[]): Promise<void> {
  assert.equal((await post(`${url}/xhr_send`, JSON.stringify(messages))).status, 204);
}

const CLIENTS: Readonly<Record<string, (on: TransportServer) => Client>> = {
  websocket: (on) => webSocket(on, '/echo/0/s/websocket', false),
  'websocket-raw': (on) => webSocket(on, '/echo/websocket', true),

  'xhr-streaming': ({ origin }) => {
    const url = `${origin}/echo/0/s`;
    const ask = () => new Stream(`${url}/xhr_streaming`, 'POST');
    let stream = ask();
    let rest = '';
    return {
      open: () => {},
      send: (messages) => sendByXhr(url, messages),
      take: async () => {
        const chunk = await stream.next().catch(() => {
          // The response has ended at `responseLimit`.
          stream = ask();
          return '';
        });
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        const taken = lines.map(messagesIn);
        return taken.includes(undefined) ? undefined : taken.flatMap((messages) => messages ?? []);
      },
      vanish: () => stream.abort(),
    };
  },

  'xhr-polling': ({ origin }) => {
    const url = `${origin}/echo/0/s`;
    let opening: Promise<unknown> | undefined;
    return {
      open: () => {
        opening = post(`${url}/xhr`);
      },
      send: async (messages) => {
        await opening;
        await sendByXhr(url, messages);
      },
      take: async () => {
        await opening;
        return messagesIn((await post(`${url}/xhr`)).body.trimEnd());
      },
      // Between two polls there is nothing to break.
      vanish: () => {},
    };
  },
};

async function open(clientOf: (on: TransportServer) => Client, options: SockjsOptions = {}) {
  const on = await serveTransports(options);
  const client = clientOf(on);
  client.open();
  return { on, client, session: await on.sessions.next() };
}

/** Checks that a stream has failed since its session ended, and returns how that ended. */
async function endOf(piped: Promise<void>): Promise<unknown> {
  const error = await piped.then(
    () => assert.fail('the pipeline has succeeded'),
    (reason: unknown) => reason,
  );
  assert.equal(error instanceof SessionNotOpenError, true, String(error));
  return (error as SessionNotOpenError).cause;
}

for (const [transport, clientOf] of Object.entries(CLIENTS)) {
  const isHttp = transport.startsWith('xhr');

  describe(`session.stream() over ${transport}`, () => {
    it('carries 10000 messages both ways, in order, within the limits of a slow application', async () => {
      const COUNT = 10_000;
      const BATCH = 100;
      const SIZE = 100;
      const MARK = 4 * KIB;
      const text = (i: number) => `${i}`.padEnd(SIZE, '.');
      const { on, client, session } = await open(clientOf, { maxReceiveBuffer: MARK, sendHighWaterMark: MARK });
      let transformed = 0;
      let mostUnread = 0;
      let mostQueued = 0;
      const slow = new Transform({
        objectMode: true,
        transform: (message: string, _, callback) => {
          mostUnread = Math.max(mostUnread, on.router.stats().messagesIn - transformed);
          transformed += 1;
          const done = () => {
            callback(null, message);
            mostQueued = Math.max(mostQueued, session.bufferedAmount);
          };
          // In between it sends more in a turn than may be queued.
          if (transformed % 100 === 0) {
            setImmediate(done);
          } else {
            done();
          }
        },
      });
      const piped = pipeline(session.stream(), slow, session.stream());
      const sending = (async () => {
        for (let i = 0; i < COUNT; i += BATCH) {
          await client.send(Array.from({ length: BATCH }, (_, j) => text(i + j)));
        }
      })();
      const got: string[] = [];
      while (got.length < COUNT) {
        got.push(...((await client.take()) ?? assert.fail('the session is closed')));
      }
      await sending;
      got.forEach((message, i) => {
        assert.equal(message, text(i));
      });
      assert.equal(mostQueued >= MARK, true, `${mostQueued} bytes were queued`);
      // Frames need some bytes beside the messages.
      assert.equal(mostQueued < 1.1 * MARK + SIZE, true, `${mostQueued} bytes were queued`);
      // On WebSockets, what one read brings comes in at once.
      const unreadBytes = mostUnread * SIZE;
      assert.equal(unreadBytes > MARK && unreadBytes < 200 * KIB, true, `${unreadBytes} bytes were unread`);
      session.close();
      while ((await client.take()) !== undefined) {}
      await piped;
    });

    it('fails in both directions when the client vanishes, after what it has sent', async () => {
      const clock = stopClock();
      const { client, session } = await open(clientOf);
      const taken: string[] = [];
      const sink = new Writable({
        objectMode: true,
        write: (message: string, _, callback) => {
          taken.push(message);
          callback();
        },
      });
      const ends = [pipeline(session.stream(), sink), pipeline(new PassThrough(), session.stream())].map(endOf);
      await client.send(['1', '2']);
      await client.send(['3']);
      while (taken.length < 3) {
        await turn();
      }
      client.vanish();
      while (!session.stream().destroyed) {
        clock.tick(1000);
        await turn();
      }
      for (const end of await Promise.all(ends)) {
        assert.deepEqual(
          end,
          isHttp
            ? { code: 1002, reason: 'Connection interrupted', wasClean: false }
            : { code: 1006, reason: '', wasClean: false },
        );
      }
      assert.deepEqual(taken, ['1', '2', '3']);
      assert.equal(sink.destroyed, true);
    });

    it('fails when the router closes, and what was written until then arrives', async () => {
      const { on, client, session } = await open(clientOf);
      let count = 0;
      const endless = new Readable({
        objectMode: true,
        read() {
          this.push(String(count++));
        },
      });
      const end = endOf(pipeline(endless, session.stream()));
      const got: string[] = [];
      while (got.length < 1000) {
        got.push(...((await client.take()) ?? assert.fail('the session is closed')));
      }
      const closing = on.router.close();
      for (let messages = await client.take(); messages !== undefined; messages = await client.take()) {
        got.push(...messages);
      }
      const { code, reason } = (await end) as SessionCloseEvent;
      assert.deepEqual([code, reason], [1001, 'Server shutting down']);
      assert.deepEqual(await closing, { closed: 1, flushed: 1, dropped: 0 });
      assert.deepEqual(
        got,
        Array.from(got, (_, i) => String(i)),
      );
      assert.equal(got.length, on.router.stats().messagesOut);
    });
  });
}
