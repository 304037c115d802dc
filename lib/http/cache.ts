/** Header groups about caching (docs/protocol.md, section 2). */
import type { ServerResponse } from 'node:http';
import { removeHeader, setHeader } from './head.ts';

const YEAR_SECONDS = 31_536_000;

/** Forbids to cache the answer. `no-transform` also keeps compression middleware from holding frames back. */
export function setNotCached(res: ServerResponse): void {
  removeHeader(res, 'Expires');
  removeHeader(res, 'Last-Modified');
  setHeader(res, 'Cache-Control', 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
}

/** Lets the answer be cached for a year. */
export function setCachedForYear(res: ServerResponse): void {
  setHeader(res, 'Cache-Control', `public, max-age=${YEAR_SECONDS}`);
  setHeader(res, 'Expires', new Date(Date.now() + YEAR_SECONDS * 1000).toUTCString());
  removeHeader(res, 'Last-Modified');
}

/** Lets a preflight answer be cached for a year, by caches and by the preflight cache of the browser. */
export function setPreflightCached(res: ServerResponse): void {
  setCachedForYear(res);
  setHeader(res, 'Access-Control-Max-Age', YEAR_SECONDS);
}
