/** The JSESSIONID cookie, by which load balancers keep a client on one server (PROTOCOL.md section 2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie } from 'cookie';
import type { Exchange } from '../mount.ts';

/** What RFC 6265 allows as the value of a cookie, quoted or not. */
const COOKIE_VALUE = /^("?)[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+\1$/;

/**
 * Sets `JSESSIONID` to the request's own value, or to `dummy` where it has none that may be sent back: what
 * `jsessionid: true` does, for functions that want to do it and more.
 */
export function jsessionid(req: IncomingMessage, res: ServerResponse): void {
  const { JSESSIONID: given = '' } = parseCookie(req.headers.cookie ?? '', { decode: (verbatim) => verbatim });
  const value = COOKIE_VALUE.test(given) ? given : 'dummy';
  // Written by hand: the cookie package writes "Path", and balancers in the field look for "path".
  res.appendHeader('Set-Cookie', `JSESSIONID=${value}; path=/`);
}

/** Does what the `jsessionid` option says. */
export function setCookie<Data, Req extends IncomingMessage>({ mount, req, res }: Exchange<Data, Req>): void {
  const option = mount.options.jsessionid;
  if (option === true) {
    jsessionid(req, res);
  } else if (option !== false) {
    option(req, res);
  }
}
