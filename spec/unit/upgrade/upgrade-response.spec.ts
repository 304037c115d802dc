/** The response to a handshake: whether it is marked as ended or ends as any other does, the application sees the same. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, sockjs } from '../../../lib/index.ts';
import { AsyncQueue } from '../../support/async-queue.ts';
import { afterTest } from '../../support/cleanup.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { echo, listen } from '../../support/test-server.ts';
import { clientFrame, serverFrame } from '../../support/upgrade-client.ts';

const PATH = '/echo/000/ws/websocket';

type Middleware = (res: ServerResponse, next: () => void) => void;

const MOUNTINGS: readonly [title: string, mount: (middleware: Middleware) => ReturnType<typeof createServer>][] = [
  [
    'a bare listener',
    (middleware) => {
      const router = sockjs({ prefix: '/echo' }, echo);
      return createServer((req, res) => middleware(res, () => router(req, res)));
    },
  ],
  [
    'Express',
    (middleware) => {
      const app = express().use((_req, res, next) => middleware(res, next));
      return createServer(app.use('/echo', sockjs(echo)));
    },
  ],
];

type Mount = (typeof MOUNTINGS)[number][1];

/** Opens a WebSocket behind middleware. Settles once all events of the response to its handshake are over. */
async function openRaw(mount: Mount, middleware: Middleware): Promise<{ raw: RawSocket; response: ServerResponse }> {
  let response: ServerResponse | undefined;
  const server = mount((res, next) => {
    response = res;
    middleware(res, next);
    if (middleware.length < 2) {
      next();
    }
  });
  attachUpgrade(server);
  const { port } = await listen(server);
  const raw = new RawSocket(port).send(...handshake(PATH));
  await raw.until(serverFrame(1, 'o'));
  await turn();
  return { raw, response: response ?? assert.fail() };
}

/** The same. Returns the response to the handshake. */
async function open(mount: Mount, middleware: Middleware = () => {}): Promise<ServerResponse> {
  return (await openRaw(mount, middleware)).response;
}

/** Whether a response was marked as ended. The head that Node puts together has a date. */
function isMarked(res: ServerResponse): boolean {
  return !/^Date: /m.test((res as ServerResponse & { readonly _header: string })._header);
}

/** What an entry for a request says, of what these specs need. */
interface HttpDetail {
  readonly req: { readonly url: string };
  readonly res: { readonly statusCode: number };
}

/** What the application may read of a response. */
const read = (res: ServerResponse) => ({
  finished: res.finished,
  headersSent: res.headersSent,
  writableEnded: res.writableEnded,
  writableFinished: res.writableFinished,
  writableLength: res.writableLength,
  destroyed: res.destroyed,
  statusCode: res.statusCode,
  statusMessage: res.statusMessage,
  socket: res.socket,
});

describe('the response to a handshake', () => {
  for (const [title, mount] of MOUNTINGS) {
    describe(`in ${title}`, () => {
      it('shows that it has ended, whether it was observed or not', async () => {
        const unobserved = await open(mount);
        const observed = await open(mount, (res) => res.on('prefinish', () => {}));
        assert.deepEqual(read(unobserved), read(observed));
        assert.equal(unobserved.statusCode, 101);
        assert.equal(unobserved.headersSent, true);
        assert.equal(unobserved.writableFinished, true);
      });

      it('takes no more headers, and no more bytes', async () => {
        const res = await open(mount);
        assert.throws(() => res.setHeader('X-Late', 'yes'), { code: 'ERR_HTTP_HEADERS_SENT' });
        assert.throws(() => res.writeHead(500), { code: 'ERR_HTTP_HEADERS_SENT' });
        res.end('late');
        res.destroy();
      });

      it('has finish and close emitted once, to listeners of before and to those that come when next() returns', async () => {
        const events: string[] = [];
        await open(mount, (res) => {
          res.on('finish', () => events.push('finish')).on('close', () => events.push('close'));
        });
        assert.deepEqual(events, ['finish', 'close']);
        events.length = 0;
        await open(mount, (res, next) => {
          next();
          assert.equal(res.writableEnded, true);
          res.on('finish', () => events.push('late finish')).on('close', () => events.push('late close'));
        });
        assert.deepEqual(events, ['late finish', 'late close']);
      });

      it('has the end of its socket told to listeners', async () => {
        const events: string[] = [];
        await open(mount, (res) => {
          res.socket?.on('finish', () => events.push('finish'));
        });
        assert.deepEqual(events, ['finish']);
      });

      it('is still whole when next() returns', async () => {
        let seen: unknown[] = [];
        await open(mount, (res, next) => {
          next();
          seen = [res.headersSent, res.destroyed, res.socket?.remoteAddress];
        });
        assert.deepEqual(seen, [true, false, '127.0.0.1']);
      });

      it('does not take the connection along when middleware destroys its socket later', async () => {
        let socket: ServerResponse['socket'] = null;
        const { raw } = await openRaw(mount, (res) => {
          ({ socket } = res);
        });
        assert.notEqual(socket, null);
        (socket as unknown as Socket).destroy();
        await turn();
        raw.send(clientFrame(1, '["x"]'));
        await raw.until(serverFrame(1, 'a["x"]'));
      });

      it('is measured for a PerformanceObserver', async () => {
        const seen = new AsyncQueue<string>();
        const observer = new PerformanceObserver((list) => {
          for (const { detail } of list.getEntries() as (PerformanceEntry & { detail?: HttpDetail })[]) {
            if (detail?.res.statusCode === 101) {
              seen.push(detail.req.url);
            }
          }
        });
        observer.observe({ entryTypes: ['http'] });
        afterTest(() => observer.disconnect());
        await open(mount);
        assert.match(await seen.next(), /websocket$/);
      });

      it('is marked as ended where nothing looks at it', async () => {
        assert.equal(isMarked(await open(mount)), true);
      });

      for (const method of [
        'writeHead',
        'end',
        'write',
        'emit',
        'setHeader',
        'removeHeader',
        '_implicitHeader',
      ] as const) {
        it(`is not marked where middleware has its own ${method}`, async () => {
          const res = await open(mount, (given) => {
            const target = given as unknown as Record<string, (...args: unknown[]) => unknown>;
            const original = target[method] ?? assert.fail();
            target[method] = function (this: unknown, ...args) {
              return Reflect.apply(original, this, args);
            };
          });
          assert.equal(isMarked(res), false);
        });
      }

      for (const event of ['finish', 'close', 'prefinish'] as const) {
        it(`is not marked where middleware listens for ${event}`, async () => {
          assert.equal(isMarked(await open(mount, (res) => res.on(event, () => {}))), false);
        });
      }

      it('is reported with its status to subscribers of sockjs:request', async () => {
        const seen: unknown[] = [];
        const onMessage = (message: unknown) => seen.push((message as { status: number }).status);
        subscribe('sockjs:request', onMessage);
        afterTest(() => void unsubscribe('sockjs:request', onMessage));
        assert.equal(isMarked(await open(mount)), false);
        assert.deepEqual(seen, [101]);
      });
    });
  }
});
