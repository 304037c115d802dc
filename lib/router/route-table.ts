/** Finds the route of a path, and the session id in it. */
import type { Route } from '../context.ts';
import { decodeId } from '../http/query.ts';

/** A path that was found: its route, and the session id in it, which is empty if the route has none. */
export interface Match {
  readonly route: Route;
  readonly sessionId: string;
}

/** The routes of one endpoint. The name finds a route of sessions, without trying one pattern after the other. */
export class RouteTable {
  /** `/<server>/<session>/<name>`, by name. Most requests are for these. */
  readonly #sessionRoutes = new Map<string, Route>();
  readonly #otherRoutes: Route[] = [];

  constructor(routes: Iterable<Route>) {
    for (const route of routes) {
      if (route.action === undefined) {
        this.#otherRoutes.push(route);
      } else {
        this.#sessionRoutes.set(route.action, route);
      }
    }
  }

  /**
   * @param path the part of the URL below the mount path, without its query, percent-encoded as the client sent it
   * @returns undefined if no route has that path, or an id in it is not allowed
   */
  find(path: string): Match | undefined {
    const sessionSlash = path.indexOf('/', 1);
    const nameSlash = path.indexOf('/', sessionSlash + 1);
    if (sessionSlash !== -1 && nameSlash !== -1 && path.startsWith('/') && !path.includes('/', nameSlash + 1)) {
      const route = this.#sessionRoutes.get(path.slice(nameSlash + 1));
      const sessionId = decodeId(path.slice(sessionSlash + 1, nameSlash));
      if (route === undefined || sessionId === undefined || decodeId(path.slice(1, sessionSlash)) === undefined) {
        return undefined;
      }
      return { route, sessionId };
    }
    const route = this.#otherRoutes.find((other) => other.path.test(path));
    return route && { route, sessionId: '' };
  }
}
