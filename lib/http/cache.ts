/** Header groups about caching (PROTOCOL.md section 2). */
import type { ServerResponse } from 'node:http';

const YEAR_SECONDS = 31_536_000;

/** Answers that hold for this request only. `no-transform` also keeps compression from holding frames back. */
export function setNotCached(res: ServerResponse): void {
  drop(res, 'Expires');
  drop(res, 'Last-Modified');
  res.setHeader('Cache-Control', 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
}

/** Answers that hold for a year. */
export function setCachedForYear(res: ServerResponse): void {
  res.setHeader('Cache-Control', `public, max-age=${YEAR_SECONDS}`);
  res.setHeader('Expires', new Date(Date.now() + YEAR_SECONDS * 1000).toUTCString());
  res.removeHeader('Last-Modified');
}

/** How long a browser may rely on a preflight answer, which is cached for a year as well. */
export function setPreflightCached(res: ServerResponse): void {
  setCachedForYear(res);
  res.setHeader('Access-Control-Max-Age', YEAR_SECONDS);
}

/** Takes back what earlier middleware has set, if it has; to look costs much less than to remove what is not there. */
function drop(res: ServerResponse, name: string): void {
  if (res.hasHeader(name)) {
    res.removeHeader(name);
  }
}
