/** Which URLs belong to a prefix, and which of them is which route. */

/** What the paths of the routes have behind the prefix. */
const ROUTES = [
  '',
  '/info',
  '/websocket',
  '/iframe[0-9-.a-z_]*\\.html',
  '/[^/.]+/[^/.]+/(?:xhr|xhr_send|xhr_streaming|eventsource|htmlfile|jsonp|jsonp_send|websocket)',
].join('|');

/** The paths of one prefix. */
export class Paths {
  readonly #own: RegExp;
  readonly #route: RegExp;

  /** @param prefix the source text of a regular expression, as npm sockjs takes it */
  constructor(prefix: string) {
    this.#own = new RegExp(`^${prefix}([/].+|[/]?)$`);
    this.#route = new RegExp(`^${prefix}(${ROUTES})[/]?$`);
  }

  /** Whether a URL is the listener's to answer; with 404, where it is no route. */
  owns(url: string): boolean {
    return this.#own.test(url);
  }

  /**
   * The path of a route without the prefix and without a slash at its end; undefined for what is no route. Its percent
   * signs are encoded: npm sockjs takes session ids as they are in the URL, and an endpoint decodes them.
   */
  routeOf(pathname: string): string | undefined {
    // Groups of the prefix come before, by number and by any name.
    const route = this.#route.exec(pathname)?.at(-1);
    return route?.includes('%') ? route.replaceAll('%', '%25') : route;
  }
}

/** The path of a URL, which may have a query, and a host in front. */
export function pathnameOf(url: string): string {
  const [path = ''] = url.split(/[?#]/, 1);
  return path.startsWith('/') ? path : path.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '');
}
