/** What Express leaves on a request, and keeps alive by it. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request in Express, if there is Express. */
interface MaybeExpressRequest extends IncomingMessage {
  res?: unknown;
  next?: unknown;
}

/**
 * Takes the way back into the Router from a request that is answered for good: with its closures it is as large as all
 * else of an idle session, and leads nowhere any more.
 */
export function dropNext(req: MaybeExpressRequest, res: ServerResponse): void {
  if (req.res === res) {
    req.next = undefined;
  }
}

/** Takes the response, too, where it is the one that stood for a handshake; a session keeps its request. */
export function dropResponse(req: MaybeExpressRequest, res: ServerResponse): void {
  if (req.res === res) {
    dropNext(req, res);
    req.res = undefined;
  }
}
