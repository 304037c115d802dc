/**
 * The Express Router of one endpoint, and all that is done to it.
 *
 * Bypass: `router.handle` is replaced, and the Router's layers are skipped.
 *
 * - What: Express calls `router.handle` for each request below the mount path. The method that replaces it adds what a
 *   Router lacks: a prefix, an answer where there is no `next`, the parameters of the mount path, a check for doubled
 *   slashes. It then looks the route up in a table, instead of trying the pattern of one layer after the other.
 * - Gain: without the table, `/info` costs 1.22 times as much on Node 26.
 * - Guard: once the application has added a layer to the Router, all requests go through its layers. Express 4 and 5
 *   both dispatch by `handle`, though their types do not say so.
 * - Spec: spec/unit/router/router.spec.ts, spec/unit/router/route-table.spec.ts, spec/neighbours/mounting.spec.ts.
 * - To switch it off: compare `router.stack.length` with -1. Only the table is skipped then, the rest is needed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router } from 'express';
import type { EndpointContext, Route } from '../context.ts';
import type { MaybeExpressRequest } from '../http/express.ts';
import { pathOf } from '../http/query.ts';
import { sendError } from '../http/respond.ts';
import { printError } from '../options/resolve.ts';
import { handleRequest, type Next } from './handle-request.ts';
import { type StripPrefix, stripperOf } from './prefix.ts';
import { RouteTable } from './route-table.ts';

/** A request with the properties that Express, Connect and this router set. */
interface MountedRequest extends MaybeExpressRequest {
  [MOUNT_PARAMS]?: unknown;
}

/** Keeps `req.params` of the mount path: while the Router dispatches, it sets those of the route instead. */
const MOUNT_PARAMS = Symbol('express-sockjs.mount-params');

/** Answers a request, or calls `next`. */
type Dispatch = (req: MountedRequest, res: ServerResponse, next: Next) => void;

/** A Router with the method by which Express 4 and 5 dispatch. It is public, but missing from their types. */
interface DispatchingRouter {
  readonly stack: readonly unknown[];
  handle(req: MountedRequest, res: ServerResponse, next?: Next): void;
}

/** Makes the Router that answers requests to the routes of an endpoint, and calls `next` for all others. */
export function createRouter<Data, Req extends IncomingMessage>(
  endpoint: EndpointContext<Data, Req>,
  routes: readonly Route[],
): Router {
  const router = Router({ strict: true, caseSensitive: true });
  const table = new RouteTable(routes);
  const dispatch: Dispatch = (req, res, next) => {
    const match = table.find(pathOf(req.url ?? '') || '/');
    if (match === undefined) {
      next();
    } else {
      // The application chooses Req as the type that its own middleware makes of a request.
      handleRequest(endpoint, match, req as unknown as Req & MountedRequest, res, next);
    }
  };
  for (const { path } of routes) {
    router.all(path, (req, res, next) => {
      const mounted: MountedRequest = req;
      mounted.params = mounted[MOUNT_PARAMS];
      dispatch(mounted, res, next);
    });
  }
  replaceHandle(stripperOf(endpoint.options.prefix), router as unknown as DispatchingRouter, dispatch);
  return router;
}

/**
 * Replaces `router.handle`; the top of this file says why.
 *
 * @param strip takes the prefix off a URL
 * @param direct dispatches without the Router's layers
 */
function replaceHandle(strip: StripPrefix, router: DispatchingRouter, direct: Dispatch): void {
  const dispatch = router.handle.bind(router);
  const ownLayers = router.stack.length;
  router.handle = (req, res, next = lastHandler(res)) => {
    // Code in front may have set it to anything, and what comes behind has to find the same.
    const given = req.url;
    const rest = strip(given ?? '');
    if (rest === undefined || hasDoubledSlash(req)) {
      next();
      return;
    }
    const done: Next = (error) => {
      req.url = given;
      next(error);
    };
    req.url = rest;
    if (router.stack.length === ownLayers) {
      req.originalUrl ??= given ?? '';
      req.baseUrl ??= '';
      direct(req, res, done);
    } else {
      req[MOUNT_PARAMS] = req.params;
      dispatch(req, res, done);
    }
  };
}

/**
 * Whether the client has sent `/echo//…`, which is 404 (docs/protocol.md, section 1). Express 4 removes the second
 * slash, so only `originalUrl` tells. Middleware in front may have rewritten what precedes the two slashes.
 */
function hasDoubledSlash({ baseUrl, originalUrl, url }: MountedRequest): boolean {
  if (!baseUrl || !originalUrl?.includes('//')) {
    return false;
  }
  const sent = pathOf(originalUrl);
  return sent.startsWith(`${baseUrl}//`) || sent.endsWith(`/${pathOf(url ?? '') || '/'}`);
}

/** Replaces a `next` that no framework has given: answers 404, or 500 and prints the error. */
function lastHandler(res: ServerResponse): Next {
  return (error) => {
    if (error !== undefined) {
      printError(error);
    }
    if (res.headersSent) {
      res.destroy();
    } else if (error === undefined) {
      sendError(res, 404, 'Not found.');
    } else {
      sendError(res, 500, 'Internal server error.');
    }
  };
}
