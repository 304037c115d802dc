/** `/info`: what the server can do (docs/protocol.md, section 3). */
import { randomInt } from 'node:crypto';
import type { Handler } from '../context.ts';
import { setNotCached } from '../http/cache.ts';
import { sendAfterTurn } from '../http/respond.ts';
import { withHelp } from '../util/help.ts';
import { ignoreRejection } from '../util/promises.ts';

/** Clients get an integer from 0 to one less than this. */
const ENTROPY_RANGE = 2 ** 32;

/**
 * Answers with JSON. Clients derive their timeouts from the time that this request takes, so it waits for nothing.
 *
 * @throws TypeError where the function in option `baseUrl` returns anything but a string, and what that function throws
 */
export const info: Handler = (context) => {
  const { endpoint, req, res } = context;
  const { websocket, jsessionid, baseUrl } = endpoint.options;
  const url: unknown = typeof baseUrl === 'function' ? baseUrl(req) : baseUrl;
  if (url !== undefined && typeof url !== 'string') {
    ignoreRejection(url);
    throw withHelp(
      'a-function-in-an-option-must-return-a-string',
      new TypeError('sockjs: the function in option "baseUrl" must return a string'),
    );
  }
  const body = JSON.stringify({
    websocket,
    origins: ['*:*'],
    cookie_needed: jsessionid !== false,
    entropy: randomInt(ENTROPY_RANGE),
    base_url: url,
  });
  setNotCached(res);
  sendAfterTurn(context, 200, 'application/json; charset=UTF-8', body);
};
