/** Cross-origin headers (docs/protocol.md, section 2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../context.ts';
import { ignoreRejection } from '../util/promises.ts';
import { setPreflightCached } from './cache.ts';
import { getHeader, removeHeader, setGivenHeader, setHeader } from './head.ts';
import { sendEmpty } from './respond.ts';

/**
 * Sets the headers that let pages of other origins read this answer.
 *
 * @returns whether they were set; `checkOrigin` may forbid them
 */
export function setCors<Data, Req extends IncomingMessage>({ endpoint, req, res }: RequestContext<Data, Req>): boolean {
  const { checkOrigin, origin } = endpoint.options;
  if (checkOrigin !== undefined) {
    const verdict: unknown = checkOrigin(req);
    // Compared with true, since the promise of an async function would always be truthy.
    if (verdict !== true) {
      ignoreRejection(verdict);
      return false;
    }
  }
  const allowed = (checkOrigin === undefined && origin) || req.headers.origin || '*';
  setGivenHeader(res, 'Access-Control-Allow-Origin', allowed);
  if (allowed !== '*') {
    setHeader(res, 'Access-Control-Allow-Credentials', 'true');
  }
  const headers = req.headers['access-control-request-headers'];
  if (headers) {
    setGivenHeader(res, 'Access-Control-Allow-Headers', headers);
  }
  return true;
}

/**
 * Answers OPTIONS.
 *
 * @param method the method that the route takes beside OPTIONS
 * @param corsAllowed whether {@link setCors} has set its headers
 */
export function sendPreflight<Data, Req extends IncomingMessage>(
  { res }: RequestContext<Data, Req>,
  method: string,
  corsAllowed: boolean,
): void {
  setPreflightCached(res);
  if (corsAllowed) {
    setHeader(res, 'Access-Control-Allow-Methods', `OPTIONS, ${method}`);
  } else {
    removeHeader(res, 'Access-Control-Max-Age');
  }
  sendEmpty(res, 204);
}

/** Adds a request header that the answer depends on to `Vary`, beside those that earlier middleware has named. */
export function addVary(res: ServerResponse, field: string): void {
  const before = getHeader(res, 'Vary');
  if (before === undefined) {
    setHeader(res, 'Vary', field);
    return;
  }
  const fields = before.split(/\s*,\s*/);
  if (!fields.some((given) => given === '*' || given.toLowerCase() === field.toLowerCase())) {
    setHeader(res, 'Vary', [...fields, field].join(', '));
  }
}
