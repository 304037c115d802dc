/** `/info`: what the server can do (PROTOCOL.md section 3). Clients time it, so it waits for nothing. */
import { randomInt } from 'node:crypto';
import { setNotCached } from '../http/cache.ts';
import { send } from '../http/respond.ts';
import type { Handler } from '../mount.ts';

const ENTROPY_RANGE = 2 ** 32;

export const info: Handler = ({ mount, req, res }) => {
  const { websocket, jsessionid, baseUrl } = mount.options;
  setNotCached(res);
  send(
    res,
    200,
    'application/json; charset=UTF-8',
    JSON.stringify({
      websocket,
      origins: ['*:*'],
      cookie_needed: jsessionid !== false,
      entropy: randomInt(ENTROPY_RANGE),
      base_url: typeof baseUrl === 'function' ? baseUrl(req) : baseUrl,
    }),
  );
};
