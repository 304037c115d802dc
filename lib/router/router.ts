/** The Express Router of one endpoint, and all that is done to it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router } from 'express';
import type { EndpointContext, Route } from '../context.ts';
import type { MaybeExpressRequest } from '../http/express.ts';
import { pathOf } from '../http/query.ts';
import { sendError } from '../http/respond.ts';
import { printError } from '../options/resolve.ts';
import { handleRequest, type Next } from './handle-request.ts';
import { RouteTable } from './route-table.ts';

/** What Express, Connect and this router put on a request. */
interface MountedRequest extends MaybeExpressRequest {
  [MOUNT_PARAMS]?: unknown;
}

/** The parameters as they were at the mount: the Router puts its own in their place while it dispatches. */
const MOUNT_PARAMS = Symbol('express-sockjs.mount-params');

/** Answers a request, or passes it on. */
type Dispatch = (req: MountedRequest, res: ServerResponse, next: Next) => void;

/** A Router with the method by which Express dispatches; public in both majors, missing from their types. */
interface DispatchingRouter {
  readonly stack: readonly unknown[];
  handle(req: MountedRequest, res: ServerResponse, next?: Next): void;
}

/** Makes the Router that answers the routes of an endpoint, and passes every other request on. */
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
      // The application vouches for Req by naming it: it is what its own middleware makes of a request.
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
  dispatchUnder(endpoint.options.prefix, router as unknown as DispatchingRouter, dispatch);
  return router;
}

/**
 * Puts before the Router's own dispatch what it lacks: a prefix, a last handler where there is no `next`, the memory
 * of the mount's parameters, and an eye on slashes. As long as the application has added nothing to the Router,
 * `direct` finds the route in its place: the same table without the cost of a layer for each.
 */
function dispatchUnder(prefix: string, router: DispatchingRouter, direct: Dispatch): void {
  const dispatch = router.handle.bind(router);
  const ownLayers = router.stack.length;
  router.handle = (req, res, next = lastHandler(res)) => {
    const url = req.url ?? '/';
    const rest = prefix === '' ? url : stripPrefix(url, prefix);
    if (rest === undefined || hasDoubledSlash(req)) {
      next();
      return;
    }
    const done: Next = (error) => {
      req.url = url;
      next(error);
    };
    req.url = rest;
    if (router.stack.length === ownLayers) {
      req.originalUrl ??= url;
      req.baseUrl ??= '';
      direct(req, res, done);
    } else {
      req[MOUNT_PARAMS] = req.params;
      dispatch(req, res, done);
    }
  };
}

/** What is left of a URL under the prefix, or undefined where it is not under it. */
function stripPrefix(url: string, prefix: string): string | undefined {
  if (url.startsWith(`${prefix}/`)) {
    return url.slice(prefix.length);
  }
  const path = pathOf(url);
  if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    return undefined;
  }
  const query = url.indexOf('?');
  const rest = path.slice(prefix.length) || '/';
  return query === -1 ? rest : rest + url.slice(query);
}

/** Express 4 swallows the second slash of `/echo//…`, which is no path of ours (PROTOCOL.md section 1). */
function hasDoubledSlash({ baseUrl, originalUrl }: MountedRequest): boolean {
  return Boolean(baseUrl) && pathOf(originalUrl ?? '').startsWith(`${baseUrl}//`);
}

/** What happens to requests that nobody took, where there is no framework to say. */
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
