/** A function in the option `jsessionid`, which finds the request as npm sockjs leaves it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { withLocation } from './receivers.ts';
import type { PathRequest } from './session.ts';

/** A function that sets a cookie, and may do more. */
export type CookieFunction = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A request with its cookies. */
type CookieRequest = PathRequest & { cookies?: Record<string, string> };

/**
 * Has an endpoint call the function with the URL that the client has sent and with `req.cookies`. npm sockjs calls it
 * for no WebSocket. What the function throws would refuse one.
 *
 * @param safe whether the endpoint handles a promise that rejects. Else it reaches `unhandledRejection`, as in npm sockjs
 */
export function cookieFunction(call: CookieFunction, safe: boolean) {
  return (req: CookieRequest, res: ServerResponse): unknown => {
    if (req.pathname !== undefined && WEBSOCKET.test(req.pathname)) {
      return undefined;
    }
    req.cookies = cookiesOf(req.headers.cookie);
    const result = withLocation(req, () => call(req, res));
    return safe ? result : undefined;
  };
}

const WEBSOCKET = /\/websocket\/?$/;

/** A value ends at the second equals sign, and nothing is decoded. Programs know the values that npm sockjs makes. */
function cookiesOf(header: string | undefined): Record<string, string> {
  const pairs = header?.split(';').map((pair) => pair.split('=')) ?? [];
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name.trim(), value.trim()]));
}
