/** Which route a path belongs to, and which session it names. */

import type { Route } from '../context.ts';
import { decodeId } from '../http/query.ts';

/** What a path is: its route, and the session id in it, empty where the endpoint has none. */
export interface Match {
  readonly route: Route;
  readonly sessionId: string;
}

/** The routes of one mount, found without trying one pattern after the other. */
export class RouteTable {
  /** `/<server>/<session>/<name>`, by name. */
  readonly #ofSessions = new Map<string, Route>();
  readonly #others: Route[] = [];

  constructor(routes: Iterable<Route>) {
    for (const route of routes) {
      if (route.endpoint === undefined) {
        this.#others.push(route);
      } else {
        this.#ofSessions.set(route.endpoint, route);
      }
    }
  }

  /** @param path the part of the URL under the mount, without its query, with percent-encoding as it came */
  find(path: string): Match | undefined {
    const second = path.indexOf('/', 1);
    const third = path.indexOf('/', second + 1);
    if (second !== -1 && third !== -1 && path.startsWith('/') && !path.includes('/', third + 1)) {
      const route = this.#ofSessions.get(path.slice(third + 1));
      const sessionId = decodeId(path.slice(second + 1, third));
      if (route === undefined || sessionId === undefined || decodeId(path.slice(1, second)) === undefined) {
        return undefined;
      }
      return { route, sessionId };
    }
    const route = this.#others.find((other) => other.path.test(path));
    return route && { route, sessionId: '' };
  }
}
