/** The JSESSIONID cookie, by which load balancers keep a client on one server (docs/protocol.md, section 2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie } from 'cookie';
import type { RequestContext } from '../context.ts';
import type { JsessionidAttributes } from '../options/options.ts';
import { isThenable } from '../util/promises.ts';
import { applyDeferredHeaders } from './head.ts';

/** The values that RFC 6265 allows for a cookie, quoted or not. */
const COOKIE_VALUE = /^("?)[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+\1$/;

/**
 * Sets the cookie `JSESSIONID` to the value that the request sent, or to `dummy` if it sent none that may be repeated.
 * The option `jsessionid: true` does the same; a function in that option may call this one, and do more.
 *
 * @param attributes further attributes of the cookie
 */
export function jsessionid(
  req: IncomingMessage,
  res: ServerResponse,
  { sameSite, secure, httpOnly }: JsessionidAttributes = {},
): void {
  const { JSESSIONID: given = '' } = parseCookie(req.headers.cookie ?? '', { decode: (verbatim) => verbatim });
  const value = COOKIE_VALUE.test(given) ? given : 'dummy';
  // The cookie package would write "Path", the protocol has "path" in lower case.
  const attributes = [
    `JSESSIONID=${value}; path=/`,
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
    ...(sameSite === undefined ? [] : [`SameSite=${sameSite.charAt(0).toUpperCase()}${sameSite.slice(1)}`]),
  ];
  res.appendHeader('Set-Cookie', attributes.join('; '));
}

/** Sets the cookie as the `jsessionid` option says. */
export function setCookie<Data, Req extends IncomingMessage>({
  endpoint,
  req,
  res,
  next,
}: RequestContext<Data, Req>): void {
  const option = endpoint.options.jsessionid;
  if (typeof option === 'function') {
    // The function may read headers, change them, or answer.
    applyDeferredHeaders(res);
    // The type allows async functions, too. If one rejects, the process must not end.
    const result: unknown = option(req, res);
    if (isThenable(result)) {
      result.then(undefined, next);
    }
  } else if (option !== false) {
    jsessionid(req, res, option === true ? {} : option);
  }
}
