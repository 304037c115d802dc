/** Headers that are gathered: what middleware sees of them, and what comes of those that it has set itself. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler } from 'express';
import { sockjs } from '../../lib/index.ts';
import { fetchText, post } from '../support/http.ts';
import { listen } from '../support/server.ts';

const NO_STORE = 'no-store, no-cache, no-transform, must-revalidate, max-age=0';

/** An endpoint behind a function, without a framework. */
async function behind(before: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const router = sockjs({ prefix: '/echo' }, () => {});
  const { origin } = await listen(
    createServer((req, res) => {
      before(req, res);
      router(req, res);
    }),
  );
  return `${origin}/echo`;
}

const ANSWERS = [
  ['/info', (url: string) => fetchText(`${url}/info`)],
  ['a poll', (url: string) => post(`${url}/0/a/xhr`)],
  ['a send', (url: string) => post(`${url}/0/a/xhr`).then(() => post(`${url}/0/a/xhr_send`, '["x"]'))],
  ['an error', (url: string) => post(`${url}/0/none/xhr_send`, '["x"]')],
] as const;

describe('the head of', () => {
  for (const [title, ask] of ANSWERS) {
    describe(title, () => {
      it('is complete where nothing was set before', async () => {
        const { headers } = await ask(await behind(() => {}));
        assert.equal(headers['access-control-allow-origin'], '*');
        assert.equal(headers.vary, 'Origin');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.match(headers['content-type'] ?? '', /; charset=UTF-8$/);
      });

      it('has what was set before, but for what it sets itself, in whatever letters either is', async () => {
        const url = await behind((_req, res) => {
          res.setHeader('x-mine', 'yes');
          res.setHeader('CACHE-CONTROL', 'public');
          res.setHeader('last-modified', 'yesterday');
          res.setHeader('EXPIRES', 'tomorrow');
          res.setHeader('vary', 'Accept-Encoding');
          res.setHeader('content-type', 'text/css');
          res.setHeader('Set-Cookie', ['a=1', 'b=2']);
        });
        const { headers } = await ask(url);
        assert.equal(headers['x-mine'], 'yes');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.equal(headers['last-modified'], undefined);
        assert.equal(headers.expires, undefined);
        assert.equal(headers.vary, 'Accept-Encoding, Origin');
        assert.doesNotMatch(headers['content-type'] ?? '', /css/);
        assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
      });

      it('is seen by what wraps writeHead, which may add to it', async () => {
        const seen: unknown[] = [];
        const url = await behind((_req, res) => {
          const writeHead = res.writeHead.bind(res) as (status: number, headers?: object) => ServerResponse;
          res.writeHead = ((status: number, headers: Record<string, unknown> = {}) => {
            seen.push(headers['Cache-Control'] ?? res.getHeader('cache-control'));
            res.setHeader('x-late', 'yes');
            return writeHead(status, headers);
          }) as never;
        });
        const { headers } = await ask(url);
        assert.equal(seen.at(-1), NO_STORE);
        assert.equal(headers['x-late'], 'yes');
        assert.equal(headers['cache-control'], NO_STORE);
        assert.equal(headers.vary, 'Origin');
      });
    });
  }

  it('what an error handler answers has what was gathered before', async () => {
    const failure = () => {
      throw new Error('from the application');
    };
    const app = express().use(
      '/echo',
      sockjs({ authorize: failure }, () => {}),
    );
    app.use(((_error, _req, res, _next) => {
      res.status(418).end();
    }) satisfies ErrorRequestHandler);
    const { origin } = await listen(app);
    const { status, headers } = await post(`${origin}/echo/0/a/xhr`, '', { Origin: 'https://page.example' });
    assert.equal(status, 418);
    assert.equal(headers['access-control-allow-origin'], 'https://page.example');
    assert.equal(headers['cache-control'], NO_STORE);
    assert.equal(headers.vary, 'Origin');
  });

  it('an answer is on the response for a jsessionid function, which may change it', async () => {
    const seen: unknown[] = [];
    const router = sockjs(
      {
        prefix: '/echo',
        jsessionid: (_req, res) => {
          seen.push(res.getHeader('Cache-Control'));
          res.setHeader('Cache-Control', 'private');
        },
      },
      () => {},
    );
    const { origin } = await listen(createServer(router));
    const { headers } = await post(`${origin}/echo/0/a/xhr`);
    assert.deepEqual(seen, [NO_STORE]);
    assert.equal(headers['cache-control'], 'private');
  });

  it('a poll is not written where somebody else has answered while it waited', async () => {
    const router = sockjs({ prefix: '/echo' }, () => {});
    const { origin } = await listen(
      createServer((req, res) => {
        router(req, res);
        if (req.headers['x-limit'] !== undefined) {
          res.writeHead(503, { 'Content-Length': 0 }).end();
        }
      }),
    );
    await post(`${origin}/echo/0/a/xhr`);
    assert.equal((await post(`${origin}/echo/0/a/xhr`, '', { 'X-Limit': '1' })).status, 503);
    assert.equal(router.broadcast('x'), 1);
    assert.equal((await post(`${origin}/echo/0/a/xhr`)).body, 'a["x"]\n');
  });
});
