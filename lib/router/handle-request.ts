/** One request to one route: pipeline bound, caching, cookie, method, origin, CORS, handler, in this order. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isOriginAllowed } from '../admission/origin.ts';
import { reject } from '../admission/reject.ts';
import type { EndpointContext, RequestContext, Route } from '../context.ts';
import { setNotCached } from '../http/cache.ts';
import { setCookie } from '../http/cookie.ts';
import { addVary, sendPreflight, setCors } from '../http/cors.ts';
import type { MaybeExpressRequest } from '../http/express.ts';
import { applyDeferredHeaders, deferHeaders, setHeader } from '../http/head.ts';
import { restoreHeadersSent } from '../http/headers-sent.ts';
import { isPipelined, takePlace } from '../http/pipeline.ts';
import { reportWhenEnded } from '../http/report.ts';
import { endConnectionIfClosing, sendEmpty, setConnectionClose } from '../http/respond.ts';
import { hasRequestSubscribers } from '../metrics.ts';
import { debugRequest } from '../util/debug.ts';
import { isThenable } from '../util/promises.ts';
import type { Match } from './route-table.ts';

/** Continues with what comes after the router; an argument is an error. */
export type Next = (error?: unknown) => void;

/**
 * Answers a request to the route that matched.
 *
 * @param next gets the error if a function of the application throws or rejects
 */
export function handleRequest<Data, Req extends IncomingMessage>(
  endpoint: EndpointContext<Data, Req>,
  match: Match,
  req: Req & MaybeExpressRequest,
  res: ServerResponse,
  next: Next,
): void {
  const fail = (error: unknown) => {
    applyDeferredHeaders(res);
    next(error);
  };
  restoreHeadersSent(res);
  if (hasRequestSubscribers()) {
    reportWhenEnded(req, res);
  }
  try {
    answer(endpoint, match, req, res, fail);
  } catch (error) {
    fail(error);
  }
}

/** Does all that comes before the decision of the origin check. */
function answer<Data, Req extends IncomingMessage>(
  endpoint: EndpointContext<Data, Req>,
  { route, sessionId }: Match,
  req: Req & MaybeExpressRequest,
  res: ServerResponse,
  next: Next,
): void {
  debugRequest('%s %s', req.method, req.originalUrl ?? req.url);
  const context: RequestContext<Data, Req> = { endpoint, req, res, sessionId, next };
  deferHeaders(res);
  if (isPipelined(req, res) && !takePlace(req, res)) {
    setConnectionClose(res);
    reject(context, 'busy', 503, 'Too many pipelined requests.');
    return;
  }
  endConnectionIfClosing(context);
  if (route.setsSessionCookie) {
    setNotCached(res);
    setCookie(context);
    if (res.writableEnded) {
      return;
    }
  }
  if (!isAllowedMethod(route, req.method)) {
    setHeader(res, 'Allow', allowedMethods(route).join(', '));
    sendEmpty(res, 405);
    return;
  }
  const isAllowed = route.origin === undefined || isOriginAllowed(endpoint.options, req, route.origin);
  if (!isThenable(isAllowed)) {
    proceed(context, route, isAllowed);
    return;
  }
  applyDeferredHeaders(res);
  Promise.resolve(isAllowed)
    .then((allowed) => {
      endConnectionIfClosing(context);
      proceed(context, route, allowed);
    })
    .catch(next);
}

/** Does all that comes after the decision of the origin check. */
function proceed<Data, Req extends IncomingMessage>(
  context: RequestContext<Data, Req>,
  route: Route,
  isAllowed: boolean,
): void {
  const { req, res } = context;
  if (!isAllowed) {
    addVary(res, 'Origin');
    reject(context, 'origin', 403, 'Origin not allowed (see the allowedOrigins option).');
    return;
  }
  if (route.origin !== undefined) {
    addVary(res, 'Origin');
  }
  const corsAllowed = route.cors === true && setCors(context);
  if (req.method === 'OPTIONS') {
    sendPreflight(context, route.methods.POST === undefined ? 'GET' : 'POST', corsAllowed);
    return;
  }
  const handler = route.methods[req.method === 'POST' ? 'POST' : 'GET'];
  handler?.(context);
}

function isAllowedMethod({ methods, head, preflight }: Route, method: string | undefined): boolean {
  switch (method) {
    case 'GET':
    case 'POST':
      return methods[method] !== undefined;
    case 'HEAD':
      return head === true;
    case 'OPTIONS':
      return preflight === true;
    default:
      return false;
  }
}

/** The methods of a route in the order of its `Allow` header. */
function allowedMethods(route: Route): string[] {
  return [...(route.preflight ? ['OPTIONS'] : []), ...Object.keys(route.methods), ...(route.head ? ['HEAD'] : [])];
}
