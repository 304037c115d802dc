/** What is taken off the request that a session keeps. The same for WebSockets is in spec/unit/upgrade/attach-upgrade.spec.ts. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import express from 'express';
import { type Session, sockjs } from '../../../lib/index.ts';
import { Stream } from '../../support/http.ts';
import { express4 } from '../../support/mountings.ts';
import { listen, sessionCatcher } from '../../support/test-server.ts';

/** A request as a framework leaves it. */
type FrameworkRequest = IncomingMessage & { readonly res?: unknown; readonly next?: unknown };

/** The request of a session whose stream has begun. */
async function streamed(origin: string, next: () => Promise<Session>): Promise<FrameworkRequest> {
  const stream = new Stream(`${origin}/echo/0/a/xhr_streaming`, 'POST');
  const { request } = await next();
  await stream.until('o\n');
  return request;
}

describe('the request of a stream', () => {
  for (const [title, create] of [
    ['Express 5', express],
    ['Express 4', express4],
  ] as const) {
    it(`has no way back into the Router of ${title}, but its response`, async () => {
      const sessions = sessionCatcher();
      const seen: unknown[] = [];
      const app = create().use((req, _res, next) => {
        next();
        seen.push(typeof req.next);
      });
      const { origin } = await listen(app.use('/echo', sockjs(sessions.onSession)));
      const request = await streamed(origin, sessions.next);
      assert.equal(request.next, undefined);
      assert.notEqual(request.res, undefined);
      assert.deepEqual(seen, ['undefined'], 'it is gone as soon as the stream has begun');
    });
  }

  it('keeps a property of that name which is not of Express', async () => {
    const sessions = sessionCatcher();
    const router = sockjs({ prefix: '/echo' }, sessions.onSession);
    const { origin } = await listen(
      createServer((req, res) => {
        router(Object.assign(req, { next: 'mine' }), res);
      }),
    );
    assert.equal((await streamed(origin, sessions.next)).next, 'mine');
  });
});
