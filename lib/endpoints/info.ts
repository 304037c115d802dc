/** `/info`: what the server can do (PROTOCOL.md section 3). Clients time it, so it waits for nothing. */
import { randomInt } from 'node:crypto';
import { setNotCached } from '../http/cache.ts';
import { endAfterTurn } from '../http/respond.ts';
import type { Handler } from '../mount.ts';
import { disregard } from '../thenable.ts';

const ENTROPY_RANGE = 2 ** 32;

export const info: Handler = (exchange) => {
  const { mount, req, res } = exchange;
  const { websocket, jsessionid, baseUrl } = mount.options;
  const url: unknown = typeof baseUrl === 'function' ? baseUrl(req) : baseUrl;
  if (url !== undefined && typeof url !== 'string') {
    disregard(url);
    throw new TypeError('sockjs: the function in option "baseUrl" must return a string');
  }
  const body = JSON.stringify({
    websocket,
    origins: ['*:*'],
    cookie_needed: jsessionid !== false,
    entropy: randomInt(ENTROPY_RANGE),
    base_url: url,
  });
  setNotCached(res);
  res.statusCode = 200;
  res.setHeader('Content-Type', 'application/json; charset=UTF-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  endAfterTurn(exchange, body);
};
