/** What Express adds to a request, and what it keeps alive by it. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request in Express, if there is Express. */
export interface MaybeExpressRequest extends IncomingMessage {
  /** Honours `trust proxy`, as the next does. */
  readonly ip?: unknown;
  readonly protocol?: unknown;
  baseUrl?: string;
  originalUrl?: string;
  params?: unknown;
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
  dropNext(req, res);
  if (req.res === res) {
    req.res = undefined;
  }
}
