/**
 * What Express adds to a request, and what this package takes off it again.
 *
 * Bypass: `req.next`, on a WebSocket `req.res` as well, is set to undefined.
 *
 * - What: a session keeps its opening request, for the application. Express leaves on it the way back into its Router,
 *   and the response. Once the answer has begun neither is of use, but they keep closures and the response in memory.
 * - Gain: 4 KiB for each idle WebSocket session in an Express app, as much as all the rest of the session.
 * - Guard: only where `req.res` is the response at hand, so that nothing is taken off a request without Express. Only
 *   once a stream's head is written or a handshake is done, so that no error can be handed to `next` any more.
 * - Spec: spec/unit/http/express.spec.ts, spec/unit/upgrade/attach-upgrade.spec.ts.
 * - To switch it off: make both functions do nothing.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request that may have the properties which Express adds. */
export interface MaybeExpressRequest extends IncomingMessage {
  /** Honours the setting `trust proxy`. */
  readonly ip?: unknown;
  /** Honours the setting `trust proxy`. */
  readonly protocol?: unknown;
  baseUrl?: string;
  originalUrl?: string;
  params?: unknown;
  res?: unknown;
  next?: unknown;
}

/** Removes the way back into the Router from a request whose answer has begun. */
export function dropNext(req: MaybeExpressRequest, res: ServerResponse): void {
  if (req.res === res) {
    req.next = undefined;
  }
}

/** Removes the response as well, from a request whose handshake is done. */
export function dropResponse(req: MaybeExpressRequest, res: ServerResponse): void {
  dropNext(req, res);
  if (req.res === res) {
    req.res = undefined;
  }
}
