/** What the URL of a request says. */
import type { IncomingMessage } from 'node:http';

/** The part of a URL before its query, absolute-form targets (`http://host/path`) without their host. */
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

/** Clients choose some eight characters. Ids of ended sessions are remembered, so they must not be large. */
const MAX_ID_LENGTH = 256;

/**
 * One path segment, decoded.
 *
 * @returns undefined where the encoding is malformed, or the segment is not what an id may be (PROTOCOL.md section 1)
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
