/** Parts of a request's URL. */
import type { IncomingMessage } from 'node:http';
import { MAX_ID_LENGTH } from '../protocol/limits.ts';

/** The path of a URL: without its query, and without the host of an absolute-form target (`http://host/path`). */
export function pathOf(url: string): string {
  const path = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** Every value of the named query parameters, percent-decoded. */
export function queryValues(req: IncomingMessage, ...names: string[]): string[] {
  const url = req.url ?? '';
  const start = url.indexOf('?');
  const query = new URLSearchParams(start === -1 ? '' : url.slice(start));
  return names.flatMap((name) => query.getAll(name));
}

/**
 * Decodes a path segment that holds a server or session id.
 *
 * @returns undefined if the encoding is malformed, or the id is not allowed (docs/protocol.md, section 1)
 */
export function decodeId(segment: string): string | undefined {
  if (!segment.includes('%')) {
    return isId(segment) ? segment : undefined;
  }
  try {
    const id = decodeURIComponent(segment);
    return isId(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

function isId(id: string): boolean {
  return id !== '' && id.length <= MAX_ID_LENGTH && !id.includes('.') && !id.includes('/');
}
