/** Which origin a request comes from, and which one it was sent to. */
import type { IncomingMessage } from 'node:http';
import type { MaybeExpressRequest } from './express.ts';

/** Origin, else the origin of the Referer: undefined where there is neither, the whole Referer where it is no URL. */
export function embedderOrigin(req: IncomingMessage): string | undefined {
  const { origin, referer } = req.headers;
  return origin ?? (referer === undefined ? undefined : (parseOrigin(referer) ?? referer));
}

/** The origin at which clients see this server, or undefined where the Host header is none. */
export function ownOrigin(req: MaybeExpressRequest): string | undefined {
  const { protocol } = req;
  const scheme = typeof protocol === 'string' ? protocol : 'encrypted' in req.socket ? 'https' : 'http';
  return originAt(scheme, req);
}

/** The same by a scheme that is given. */
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

/** Browsers say so themselves, and no page can make them lie. */
export function isSameOriginFetch(req: IncomingMessage): boolean {
  return req.headers['sec-fetch-site'] === 'same-origin';
}

/** Whether a browser says that another site's page makes the request. */
export function isForeignFetch(req: IncomingMessage): boolean {
  const site = req.headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}
