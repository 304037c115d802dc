/** The greeting at the path of an endpoint. */
import assert from 'node:assert/strict';
import { fetchText } from '../../support/http.ts';
import { serve } from '../../support/test-server.ts';

describe('greeting', () => {
  for (const path of ['', '/', '?x=y', '/?x=y']) {
    for (const method of ['GET', 'HEAD']) {
      it(`answers ${method} BASE${path} with these headers and no others`, async () => {
        const { origin } = await serve({ jsessionid: true }, undefined, {
          before: (app) => app.disable('x-powered-by'),
        });
        const { status, headers, body } = await fetchText(`${origin}/echo${path}`, method, {
          headers: { Origin: 'http://page.example', Cookie: 'JSESSIONID=abc' },
        });
        const { date, connection, ...rest } = headers;
        assert.ok(date && connection);
        assert.equal(status, 200);
        assert.deepEqual(rest, { 'content-type': 'text/plain; charset=UTF-8', 'content-length': '19' });
        assert.equal(body, method === 'GET' ? 'Welcome to SockJS!\n' : '');
      });
    }
  }
});
