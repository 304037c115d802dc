/** Who may connect, judged by where the page comes from that asks. */
import type { IncomingMessage } from 'node:http';
import type { MaybeExpressRequest } from '../http/express.ts';
import type { ResolvedOptions } from '../options/options.ts';

/**
 * How an endpoint is judged. `script`: browsers send Origin with whatever a foreign page can do to it. `embedded`: a
 * page can load it as script or frame without one, so it is judged by its Referer.
 */
export type OriginRule = 'script' | 'embedded';

/**
 * Whether a request may go on, by the `allowedOrigins` option.
 *
 * @throws what a function in the option throws
 */
export function isOriginAllowed<Data, Req extends IncomingMessage>(
  options: ResolvedOptions<Data, Req>,
  req: Req,
  rule: OriginRule,
): boolean | Promise<boolean> {
  const { allowedOrigins } = options;
  // An image or a link of a foreign page sends no Origin either, but a browser says where such a request comes from.
  const isEmbedded = rule === 'embedded' || isForeignFetch(req);
  const origin = isEmbedded ? embedderOrigin(req) : req.headers.origin;
  if (allowedOrigins === '*') {
    warnOfOpenOrigins(req, origin);
    return true;
  }
  if (origin === undefined) {
    return !isEmbedded || isSameOriginFetch(req);
  }
  if (origin === ownOrigin(req) || (origin === 'null' && isSameOriginFetch(req))) {
    return true;
  }
  if (typeof allowedOrigins === 'function') {
    return allowedOrigins(origin, req);
  }
  return (
    allowedOrigins !== 'same-origin' &&
    allowedOrigins.some((allowed) => (typeof allowed === 'string' ? allowed === origin : matchesWhole(allowed, origin)))
  );
}

/** Origin, else the origin of the Referer: undefined where there is neither, the whole Referer where it is no URL. */
export function embedderOrigin(req: IncomingMessage): string | undefined {
  const { origin, referer } = req.headers;
  return origin ?? (referer === undefined ? undefined : (parseOrigin(referer) ?? referer));
}

/** The origin at which clients see this server, or undefined where the Host header is none. */
function ownOrigin(req: MaybeExpressRequest): string | undefined {
  const { protocol } = req;
  const scheme = typeof protocol === 'string' ? protocol : 'encrypted' in req.socket ? 'https' : 'http';
  return originAt(scheme, req);
}

function originAt(scheme: string, { headers }: IncomingMessage): string | undefined {
  // HTTP/2 has no Host.
  const host = headers[':authority'] ?? headers.host;
  return host === undefined ? undefined : parseOrigin(`${scheme}://${host}`);
}

function parseOrigin(url: string): string | undefined {
  try {
    return new URL(url).origin;
  } catch {
    return undefined;
  }
}

/** Browsers say so themselves, and no page can make them lie. */
function isSameOriginFetch(req: IncomingMessage): boolean {
  return req.headers['sec-fetch-site'] === 'same-origin';
}

function isForeignFetch(req: IncomingMessage): boolean {
  const site = req.headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}

/** An expression that is not anchored would let `https://example.com.evil.org` in. */
function matchesWhole(pattern: RegExp, origin: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(origin);
}

let warnedOfOpenOrigins = false;

/** Cookies that come along with a foreign page's request are what makes open origins dangerous. */
function warnOfOpenOrigins(req: IncomingMessage, origin: string | undefined): void {
  if (warnedOfOpenOrigins || origin === undefined || req.headers.cookie === undefined) {
    return;
  }
  // Either scheme: behind a proxy that is not trusted we would take our own pages for foreign ones.
  if (origin === originAt('http', req) || origin === originAt('https', req)) {
    return;
  }
  warnedOfOpenOrigins = true;
  const shown = JSON.stringify(origin.slice(0, 200).replace(/[^ -~]/g, '?'));
  process.emitWarning(
    `sockjs: a page of ${shown} connected with this site's cookies, as any site can ` +
      "while allowedOrigins is '*'; set allowedOrigins to 'same-origin' or to the list of origins you trust",
    { code: 'SOCKJS_OPEN_ORIGINS' },
  );
}
