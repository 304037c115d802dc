/** Headers for what a foreign page loads as frame or script, in place of what middleware such as helmet has set. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../context.ts';
import type { ResolvedOptions } from '../options/options.ts';
import { removeHeader, setHeader } from './head.ts';
import { embedderOrigin } from './request-origin.ts';

/** Takes back what would keep the pages that may from embedding this answer; whether they may is judged elsewhere. */
export function allowEmbedding(res: ServerResponse): void {
  removeHeader(res, 'X-Frame-Options');
  setHeader(res, 'Cross-Origin-Resource-Policy', 'cross-origin');
}

/** Sets what a framed page of ours may do, by the directives of its policy, and who may frame it. */
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
 * Lets the plain text that answers a form be shown in a frame of any page that may load it: a policy which earlier
 * middleware has set could forbid that, and protects nothing in a text.
 */
export function allowFraming(res: ServerResponse): void {
  allowEmbedding(res);
  removeHeader(res, 'Content-Security-Policy');
  removeHeader(res, 'Content-Security-Policy-Report-Only');
}

/** The source by which a policy allows one inline script, given to the letter. */
export function hashSource(inlineScript: string): string {
  return `'sha256-${createHash('sha256').update(inlineScript).digest('base64')}'`;
}

/**
 * Who may frame the page. What a policy cannot express, a function or a regular expression, has been asked about the
 * page that this request comes from, so that page is named.
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

/** Nothing that could end the directive or begin another may get into the header. */
function isSource(origin: unknown): boolean {
  return typeof origin === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._:[\]-]+$/.test(origin);
}
