/** The callback parameter of htmlfile and jsonp. The answer holds it as script (docs/protocol.md, section 7). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DOTTED_NAMES, MAX_CALLBACK_LENGTH } from '../protocol/limits.ts';
import { queryValues } from './query.ts';
import { sendError } from './respond.ts';

/** The callback that the request names, or undefined once 500 has been answered. */
export function readCallback(req: IncomingMessage, res: ServerResponse): string | undefined {
  const [callback, ...others] = queryValues(req, 'c', 'callback');
  if (!callback) {
    sendError(res, 500, '"callback" parameter required');
    return undefined;
  }
  if (others.length > 0 || callback.length > MAX_CALLBACK_LENGTH || !DOTTED_NAMES.test(callback)) {
    sendError(res, 500, 'invalid "callback" parameter');
    return undefined;
  }
  return callback;
}
