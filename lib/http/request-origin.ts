/** The origins that a request names: of the page that makes it, and of the server that it is sent to. */
import type { IncomingMessage } from 'node:http';
import type { MaybeExpressRequest } from './express.ts';

/** The Origin header, else the origin of the Referer. Undefined without both; the whole Referer if it is no URL. */
export function embedderOrigin(req: IncomingMessage): string | undefined {
  const { origin, referer } = req.headers;
  return origin ?? (referer === undefined ? undefined : (parseOrigin(referer) ?? referer));
}

/** The origin by which the client knows this server. Undefined if the Host header is missing or malformed. */
export function ownOrigin(req: MaybeExpressRequest): string | undefined {
  const { protocol } = req;
  const scheme = typeof protocol === 'string' ? protocol : 'encrypted' in req.socket ? 'https' : 'http';
  return originAt(scheme, req);
}

/** The origin by which the client knows this server, if it uses that scheme. */
export function originAt(scheme: string, { headers }: IncomingMessage): string | undefined {
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

/** Whether a browser says that a page of this server makes the request. No page can set the header. */
export function isSameOriginFetch(req: IncomingMessage): boolean {
  return req.headers['sec-fetch-site'] === 'same-origin';
}

/** Whether a browser says that a page of another origin makes the request. */
export function isForeignFetch(req: IncomingMessage): boolean {
  const site = req.headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}
