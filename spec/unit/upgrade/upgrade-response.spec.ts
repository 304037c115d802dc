/** The response to a handshake: whether it is marked as ended or ends as any other does, the application sees the same. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import express from 'express';
import { attachUpgrade, sockjs } from '../../../lib/index.ts';
import { afterTest } from '../../support/cleanup.ts';
import { handshake, RawSocket } from '../../support/http.ts';
import { echo, listen } from '../../support/test-server.ts';
import { serverFrame } from '../../support/upgrade-client.ts';

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

/** Opens a WebSocket behind middleware. Returns the response to its handshake, once all its events are over. */
async function open(mount: (typeof MOUNTINGS)[number][1], middleware: Middleware = () => {}): Promise<ServerResponse> {
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
  await new RawSocket(port).send(...handshake(PATH)).until(serverFrame(1, 'o'));
  await turn();
  return response ?? assert.fail();
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

      for (const method of ['writeHead', 'end', 'write', 'emit', '_implicitHeader', 'setHeader'] as const) {
        it(`calls ${method} of middleware where Node would`, async () => {
          const calls = (ends: ServerResponse) => {
            let count = 0;
            const target = ends as unknown as Record<string, (...args: unknown[]) => unknown>;
            const original = target[method] ?? assert.fail();
            target[method] = function (this: unknown, ...args) {
              count += 1;
              return Reflect.apply(original, this, args);
            };
            return () => count;
          };
          let counted = () => 0;
          await open(mount, (res) => {
            counted = calls(res);
          });
          // Node calls `write` for a body, and `_implicitHeader` for a head that was not written.
          assert.equal(counted() > 0, method !== 'write' && method !== '_implicitHeader');
        });
      }

      it('is reported with its status to subscribers of sockjs:request', async () => {
        const seen: unknown[] = [];
        const onMessage = (message: unknown) => seen.push((message as { status: number }).status);
        subscribe('sockjs:request', onMessage);
        afterTest(() => void unsubscribe('sockjs:request', onMessage));
        await open(mount);
        assert.deepEqual(seen, [101]);
      });
    });
  }
});
