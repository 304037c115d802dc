/** Tells sessions of their receivers: each poll and each stream brings the address and the URL of its own request. */
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Session as InnerSession, ReceiverMessage } from 'express-sockjs';
import type { PathRequest, Session } from './session.ts';

const sessions = new WeakMap<InnerSession, Session>();

/** The URL of a request that is being answered: the endpoint gets it without the prefix. */
const LOCATION = Symbol('sockjs-compat.location');

/** What answers the request. */
const RESPONSE = Symbol('sockjs-compat.response');

/** A request that has its URL and its response beside it. A WeakMap would cost more for each session. */
type LocatedRequest = PathRequest & { [LOCATION]?: string; [RESPONSE]?: ServerResponse | undefined };

/** Remembers the URL that a request came with, and its response. */
export function setLocation(req: LocatedRequest, url: string, res: ServerResponse): void {
  req[LOCATION] = url;
  req[RESPONSE] = res;
}

/** The response to a request, which does not keep it any longer: a session keeps the request that it was opened with. */
export function takeResponse(req: LocatedRequest): ServerResponse | undefined {
  const res = req[RESPONSE];
  req[RESPONSE] = undefined;
  return res;
}

/** From now on a session is told of its receivers. It knows of the first one already. */
export function followReceivers(inner: InnerSession, session: Session): void {
  sessions.set(inner, session);
}

/** Runs what looks at a request while it has the URL that it came with. */
export function withLocation<Result>(req: LocatedRequest, run: () => Result): Result {
  const url = req.url;
  req.url = req[LOCATION] ?? url;
  try {
    return run();
  } finally {
    req.url = url;
  }
}

subscribe('sockjs:receiver', (message) => {
  const { session: inner, request } = message as ReceiverMessage;
  const session = sessions.get(inner);
  if (session !== undefined && request !== undefined && inner.state === 'active') {
    withLocation(request, () => session.follow(request));
  }
});
