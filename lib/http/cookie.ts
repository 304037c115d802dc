/** The JSESSIONID cookie, by which load balancers keep a client on one server (PROTOCOL.md section 2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie } from 'cookie';
import type { RequestContext } from '../context.ts';
import type { JsessionidAttributes } from '../options/options.ts';
import { isThenable } from '../util/promises.ts';
import { applyDeferredHeaders } from './head.ts';

/** What RFC 6265 allows as the value of a cookie, quoted or not. */
const COOKIE_VALUE = /^("?)[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+\1$/;

/**
 * Sets `JSESSIONID` to the request's own value, or to `dummy` where it has none that may be sent back: what
 * `jsessionid: true` does, for functions that want to do it and more.
 *
 * @param attributes what else the cookie is to carry
 */
export function jsessionid(
  req: IncomingMessage,
  res: ServerResponse,
  { sameSite, secure, httpOnly }: JsessionidAttributes = {},
): void {
  const { JSESSIONID: given = '' } = parseCookie(req.headers.cookie ?? '', { decode: (verbatim) => verbatim });
  const value = COOKIE_VALUE.test(given) ? given : 'dummy';
  // Written by hand: the protocol has "path" in lower case, the cookie package writes "Path".
  const attributes = [
    `JSESSIONID=${value}; path=/`,
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
    ...(sameSite === undefined ? [] : [`SameSite=${sameSite.charAt(0).toUpperCase()}${sameSite.slice(1)}`]),
  ];
  res.appendHeader('Set-Cookie', attributes.join('; '));
}

/** Does what the `jsessionid` option says. */
export function setCookie<Data, Req extends IncomingMessage>({
  endpoint,
  req,
  res,
  next,
}: RequestContext<Data, Req>): void {
  const option = endpoint.options.jsessionid;
  if (typeof option === 'function') {
    // It may look at what there is, change it, or answer by itself.
    applyDeferredHeaders(res);
    // Declared to return nothing, but an async function fits that as well, and must not end the process.
    const result: unknown = option(req, res);
    if (isThenable(result)) {
      result.then(undefined, next);
    }
  } else if (option !== false) {
    jsessionid(req, res, option === true ? {} : option);
  }
}
