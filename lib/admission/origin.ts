/** Decides by the `allowedOrigins` option whether the page that makes a request may connect. */
import type { IncomingMessage } from 'node:http';
import type { OriginRule } from '../context.ts';
import { embedderOrigin, isForeignFetch, isSameOriginFetch, originAt, ownOrigin } from '../http/request-origin.ts';
import type { ResolvedOptions } from '../options/options.ts';
import { hasWarned, warnOnce } from '../util/warn-once.ts';

/**
 * Whether a request may go on.
 *
 * @returns a promise only if the function in the option returned one
 * @throws the error that the function in the option throws
 */
export function isOriginAllowed<Data, Req extends IncomingMessage>(
  options: ResolvedOptions<Data, Req>,
  req: Req,
  rule: OriginRule,
): boolean | Promise<boolean> {
  const { allowedOrigins } = options;
  // For an image or a link of a foreign page a browser sends no Origin, but says that the request is cross-site.
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

/** Whether the expression matches the whole origin. A part would let `https://example.com.evil.org` in. */
function matchesWhole(pattern: RegExp, origin: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(origin);
}

/** Warns once if a foreign page sends cookies of this site, which is what makes open origins dangerous. */
function warnOfOpenOrigins(req: IncomingMessage, origin: string | undefined): void {
  if (hasWarned('SOCKJS_OPEN_ORIGINS') || origin === undefined || req.headers.cookie === undefined) {
    return;
  }
  // Either scheme: behind a proxy that Express does not trust, ownOrigin() would take our own pages for foreign ones.
  if (origin === originAt('http', req) || origin === originAt('https', req)) {
    return;
  }
  const shown = JSON.stringify(origin.slice(0, 200).replace(/[^ -~]/g, '?'));
  warnOnce(
    'SOCKJS_OPEN_ORIGINS',
    `sockjs: a page of ${shown} connected with this site's cookies, as any site can ` +
      "while allowedOrigins is '*'; set allowedOrigins to 'same-origin' or to the list of origins you trust",
  );
}
