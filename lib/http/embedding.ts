/** Headers of answers that foreign pages load as frame or script. They replace those of middleware such as helmet. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../context.ts';
import type { ResolvedOptions } from '../options/options.ts';
import { removeHeader, setHeader } from './head.ts';
import { embedderOrigin } from './request-origin.ts';

/** Removes headers that forbid embedding. The origin check has already decided who may embed. */
export function allowEmbedding(res: ServerResponse): void {
  removeHeader(res, 'X-Frame-Options');
  setHeader(res, 'Cross-Origin-Resource-Policy', 'cross-origin');
}

/**
 * Sets the policy of a page that this package serves into a frame.
 *
 * @param directives what the page may load and do; everything else is forbidden
 */
export function protectPage<Data, Req extends IncomingMessage>(
  { endpoint, req, res }: RequestContext<Data, Req>,
  directives: Readonly<Record<string, string>>,
): void {
  const policy = [
    "default-src 'none'",
    ...Object.entries(directives).map(([name, sources]) => `${name} ${sources}`),
    "base-uri 'none'",
    `frame-ancestors ${ancestors(endpoint.options, req)}`,
  ];
  allowEmbedding(res);
  setHeader(res, 'Content-Security-Policy', policy.join('; '));
  removeHeader(res, 'Content-Security-Policy-Report-Only');
  setHeader(res, 'X-Content-Type-Options', 'nosniff');
  setHeader(res, 'Referrer-Policy', 'same-origin');
}

/**
 * Lets any page that may load a plain text show it in a frame, as jsonp clients do with the answer to their form.
 * Removes the policy that earlier middleware may have set: it could forbid the frame, and protects nothing in a text.
 */
export function allowFraming(res: ServerResponse): void {
  allowEmbedding(res);
  removeHeader(res, 'Content-Security-Policy');
  removeHeader(res, 'Content-Security-Policy-Report-Only');
}

/** The source expression by which a policy allows one inline script. The script must be the same byte for byte. */
export function hashSource(inlineScript: string): string {
  return `'sha256-${createHash('sha256').update(inlineScript).digest('base64')}'`;
}

/**
 * The sources of `frame-ancestors`. A policy cannot express a function or a regular expression. The origin check has
 * asked those about the page that makes this request, so its origin is named.
 */
function ancestors<Data, Req extends IncomingMessage>(
  { allowedOrigins }: ResolvedOptions<Data, Req>,
  req: Req,
): string {
  if (allowedOrigins === '*') {
    return '*';
  }
  const listed = typeof allowedOrigins === 'object' ? allowedOrigins : [];
  const strings = listed.filter((item) => typeof item === 'string' && isSource(item));
  const isOpen = typeof allowedOrigins === 'function' || listed.some((item) => item instanceof RegExp);
  const embedder = isOpen ? embedderOrigin(req) : undefined;
  return [...new Set(["'self'", ...strings, ...(isSource(embedder) ? [embedder] : [])])].join(' ');
}

/** Whether it is one origin, without characters that could end the directive or begin another. */
function isSource(origin: unknown): boolean {
  return typeof origin === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._:[\]-]+$/.test(origin);
}
