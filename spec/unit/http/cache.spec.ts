/** Caching headers: which answers hold for this request only, which for a year, and how streams get past buffers. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { install } from '@sinonjs/fake-timers';
import type { SockjsOptions } from '../../../lib/index.ts';
import { afterTest } from '../../support/cleanup.ts';
import { type Answer, fetchText, Stream } from '../../support/http.ts';
import {
  PAGE_CASES,
  PREFLIGHT_CASES,
  RECEIVE_CASES,
  SEND_CASES,
  sendRequest,
  titleOf,
} from '../../support/request-cases.ts';
import { serve } from '../../support/test-server.ts';
import { WebSocketClient } from '../../support/websocket-client.ts';

const ON: SockjsOptions = { rawWebsocket: true };
const NEVER = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';
const A_YEAR = 'public, max-age=31536000';

/** The headers that say how long an answer holds. */
function caching({ headers }: Pick<Answer, 'headers'>) {
  return {
    control: headers['cache-control'],
    expires: headers.expires,
    modified: headers['last-modified'],
    maxAge: headers['access-control-max-age'],
  };
}

const NOT_CACHED = { control: NEVER, expires: undefined, modified: undefined, maxAge: undefined };

/** Middleware in front that says the opposite. */
function stale(_req: IncomingMessage, res: ServerResponse, next: () => void): void {
  res.setHeader('Cache-Control', 'public');
  res.setHeader('Expires', 'Thu, 01 Jan 2037 00:00:00 GMT');
  res.setHeader('Last-Modified', 'Thu, 01 Jan 1970 00:00:00 GMT');
  next();
}

describe('not cached', () => {
  const info = { method: 'GET', path: '/info', status: 200 };
  for (const requestCase of [info, { ...info, method: 'HEAD' }, ...RECEIVE_CASES, ...SEND_CASES]) {
    it(`is ${titleOf(requestCase)}`, async () => {
      const { origin } = await serve(ON);
      const answer = await sendRequest(`${origin}/echo`, requestCase);
      assert.equal(answer.status, requestCase.status);
      assert.deepEqual(caching(answer), NOT_CACHED);
    });
  }

  for (const requestCase of [info, ...RECEIVE_CASES, ...SEND_CASES]) {
    it(`is ${titleOf(requestCase)}, in spite of middleware`, async () => {
      const { origin } = await serve(ON, undefined, { before: (app) => app.use(stale) });
      assert.deepEqual(caching(await sendRequest(`${origin}/echo`, requestCase)), NOT_CACHED);
    });
  }

  it('is the answer to a wrong method, which caches would keep otherwise', async () => {
    const { origin } = await serve(ON);
    const found = caching(await fetchText(`${origin}/echo/0/s/xhr`));
    assert.deepEqual(found, NOT_CACHED);
  });

  it('is a WebSocket handshake', async () => {
    const { origin } = await serve();
    const client = new WebSocketClient(origin, '/echo/0/s/websocket');
    const handshake = new Promise<IncomingMessage>((resolve) => client.socket.once('upgrade', resolve));
    assert.deepEqual(caching(await handshake), NOT_CACHED);
  });
});

describe('cached for a year', () => {
  const iframe = PAGE_CASES.filter(({ path }) => path.startsWith('/iframe'));
  const infoPreflight = { method: 'OPTIONS', path: '/info', status: 204 };

  for (const requestCase of [...iframe, infoPreflight, ...PREFLIGHT_CASES]) {
    it(`is ${titleOf(requestCase)}`, async () => {
      // The date alone: no timer has a part in this.
      const clock = install({ now: Date.UTC(2024, 1, 29, 12, 30, 15), toFake: ['Date'] });
      afterTest(() => clock.uninstall());
      const { origin } = await serve(ON, undefined, { before: (app) => app.use(stale) });
      const answer = await sendRequest(`${origin}/echo`, requestCase);
      assert.equal(answer.status, requestCase.status);
      assert.deepEqual(caching(answer), {
        control: A_YEAR,
        expires: 'Fri, 28 Feb 2025 12:30:15 GMT',
        modified: undefined,
        maxAge: requestCase.method === 'OPTIONS' ? '31536000' : undefined,
      });
    });
  }
});

describe('streaming answers', () => {
  for (const requestCase of [...RECEIVE_CASES, ...SEND_CASES]) {
    const expected = requestCase.streaming === true ? 'no' : undefined;
    it(`say ${expected ? 'X-Accel-Buffering: no' : 'nothing of buffering'} in ${titleOf(requestCase)}`, async () => {
      const { origin } = await serve(ON);
      assert.equal((await sendRequest(`${origin}/echo`, requestCase)).headers['x-accel-buffering'], expected);
    });
  }

  for (const { method, path } of RECEIVE_CASES.filter(({ streaming }) => streaming)) {
    it(`are flushed through middleware that holds writes back: ${path}`, async () => {
      const { origin } = await serve({}, (session) => void session.send('message'), {
        before: (app) => app.use(holdBack),
      });
      const stream = new Stream(`${origin}/echo${path}`, method);
      await stream.until('message');
    });
  }
});

/** What compression middleware does: writes are kept until there are enough, or `flush()` is called. */
function holdBack(_req: IncomingMessage, res: ServerResponse & { flush?: () => void }, next: () => void): void {
  const write = res.write.bind(res);
  const end = res.end.bind(res);
  let held = '';
  res.write = (chunk: unknown) => {
    held += String(chunk);
    return true;
  };
  res.flush = () => {
    if (held !== '') {
      write(held);
      held = '';
    }
  };
  res.end = (chunk?: unknown) => {
    // A complete answer: nothing was held.
    return end(held + String(chunk ?? ''));
  };
  next();
}
