/** Answers to requests that get no session. Each is counted with its reason. */
import type { IncomingMessage } from 'node:http';
import type { RequestContext } from '../context.ts';
import { setHeader } from '../http/head.ts';
import { endConnectionIfClosing, sendError, setConnectionClose } from '../http/respond.ts';
import type { RejectionReason } from '../metrics.ts';
import type { RefusalReason } from '../session/directory.ts';

const REFUSALS: Record<RefusalReason, { status: number; text: string }> = {
  closing: { status: 503, text: 'Server shutting down.' },
  sessions: { status: 503, text: 'Too many sessions (see the maxSessions option).' },
  'client-sessions': { status: 429, text: 'Too many sessions (see the maxSessionsPerClient option).' },
};

/** Seconds after which a client that found no place may ask again. */
const RETRY_AFTER = 5;

/** Answers an error and counts it. Where the request has been answered already, it is only counted. */
export function reject<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  reason: RejectionReason,
  status: number,
  text: string,
): void {
  const { endpoint, req, res } = context;
  endpoint.metrics.rejected(req, reason, status);
  if (!res.headersSent && !res.destroyed) {
    endConnectionIfClosing(context);
    sendError(res, status, text);
  }
}

/**
 * Answers that the session cannot be reached now, and when the client may ask again. The connection ends, so that a
 * load balancer may choose another process.
 */
export function rejectAsUnavailable<Data, Req extends IncomingMessage>(context: RequestContext<Data, Req>): void {
  if (!context.res.headersSent) {
    setHeader(context.res, 'Retry-After', RETRY_AFTER);
    setConnectionClose(context.res);
  }
  reject(context, 'unavailable', 503, 'Session not reachable.');
}

/** Answers that there is no place for a new session, and when the client may ask again. */
export function rejectForLackOfPlace<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  reason: RefusalReason,
): void {
  const { status, text } = REFUSALS[reason];
  if (!context.res.headersSent) {
    setHeader(context.res, 'Retry-After', RETRY_AFTER);
  }
  reject(context, reason, status, text);
}
