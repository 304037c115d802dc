/** Header groups about caching (PROTOCOL.md section 2). */
import type { ServerResponse } from 'node:http';
import { removeHeader, setHeader } from './head.ts';

const YEAR_SECONDS = 31_536_000;

/** Answers that hold for this request only. `no-transform` also keeps compression from holding frames back. */
export function setNotCached(res: ServerResponse): void {
  removeHeader(res, 'Expires');
  removeHeader(res, 'Last-Modified');
  setHeader(res, 'Cache-Control', 'no-store, no-cache, no-transform, must-revalidate, max-age=0');
}

/** Answers that hold for a year. */
export function setCachedForYear(res: ServerResponse): void {
  setHeader(res, 'Cache-Control', `public, max-age=${YEAR_SECONDS}`);
  setHeader(res, 'Expires', new Date(Date.now() + YEAR_SECONDS * 1000).toUTCString());
  removeHeader(res, 'Last-Modified');
}

/** How long a browser may rely on a preflight answer, which is cached for a year as well. */
export function setPreflightCached(res: ServerResponse): void {
  setCachedForYear(res);
  setHeader(res, 'Access-Control-Max-Age', YEAR_SECONDS);
}
