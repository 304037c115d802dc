/** The callback parameter of htmlfile and jsonp. The answer holds it as script (docs/protocol.md, section 7). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { queryValues } from './query.ts';
import { sendError } from './respond.ts';

/** Nothing but names with dots between, so that the callback cannot be other script. */
const DOTTED_NAMES = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
/** Characters of a callback. */
const MAX_LENGTH = 128;

/** The callback that the request names, or undefined once 500 has been answered. */
export function readCallback(req: IncomingMessage, res: ServerResponse): string | undefined {
  const [callback, ...others] = queryValues(req, 'c', 'callback');
  if (!callback) {
    sendError(res, 500, '"callback" parameter required');
    return undefined;
  }
  if (others.length > 0 || callback.length > MAX_LENGTH || !DOTTED_NAMES.test(callback)) {
    sendError(res, 500, 'invalid "callback" parameter');
    return undefined;
  }
  return callback;
}
