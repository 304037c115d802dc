/** The client behind a request, as far as sessions are concerned. */
import type { IncomingMessage } from 'node:http';
import type { RequestContext } from '../context.ts';
import type { MaybeExpressRequest } from '../http/express.ts';
import type { SessionIdentity } from '../session/directory.ts';
import { withHelp } from '../util/help.ts';
import { ignoreRejection } from '../util/promises.ts';

/** The same for all sessions, where no option tells clients apart. */
const ANONYMOUS: Readonly<Record<SessionIdentity['family'], SessionIdentity>> = {
  xhr: { family: 'xhr', client: '', quotaKey: '' },
  jsonp: { family: 'jsonp', client: '', quotaKey: '' },
  websocket: { family: 'websocket', client: '', quotaKey: '' },
};

/**
 * The identity that a request shows.
 *
 * @throws the error of the application's `identify`, and TypeError where that returns no string
 */
export function identityOf<Data, Req extends IncomingMessage>(
  { endpoint, req }: RequestContext<Data, Req>,
  family: SessionIdentity['family'],
): SessionIdentity {
  const { identify, maxSessionsPerClient } = endpoint.options;
  const client: unknown = identify?.(req) ?? '';
  if (typeof client !== 'string') {
    ignoreRejection(client);
    throw withHelp(
      'a-function-in-an-option-must-return-a-string',
      new TypeError('sockjs: the function in option "identify" must return a string'),
    );
  }
  if (identify === undefined && maxSessionsPerClient === Number.POSITIVE_INFINITY) {
    return ANONYMOUS[family];
  }
  if (identify !== undefined) {
    return { family, client, quotaKey: client };
  }
  const { ip } = req as MaybeExpressRequest;
  return { family, client, quotaKey: typeof ip === 'string' ? ip : (req.socket.remoteAddress ?? '') };
}
