/** The option `prefix`: which URLs are below it, and what is left of them. */
import { pathOf } from '../http/query.ts';

/** Returns what is left of a URL, or undefined if its path is not below the prefix. */
export type StripPrefix = (url: string) => string | undefined;

/** Returns the function that takes a prefix off URLs. An empty prefix leaves them as they are. */
export function stripperOf(prefix: string | RegExp): StripPrefix {
  if (typeof prefix !== 'string') {
    return stripperOfPattern(prefix);
  }
  return prefix === '' ? withPath : stripperOfText(prefix);
}

/** Gives a URL without a path the one that this stands for. Layers of a Router would match no such URL. */
function withPath(url: string): string {
  return url.startsWith('/') || pathOf(url) !== '' ? url : remainder(url, '', 0);
}

function stripperOfText(prefix: string): StripPrefix {
  const withSlash = `${prefix}/`;
  return (url) => {
    if (url.startsWith(withSlash)) {
      return url.slice(prefix.length);
    }
    const path = pathOf(url);
    return path === prefix || path.startsWith(withSlash) ? remainder(url, path, prefix.length) : undefined;
  };
}

/**
 * The expression is copied: `test()` of one with flag `g` or `y` begins where its last match has ended, and changes the
 * object that the application has given.
 */
function stripperOfPattern({ source, flags }: RegExp): StripPrefix {
  // Between two segments of the path. `^` and `$` would be the ends of a line where the flags have `m`.
  const boundary = '(?![^\\/])';
  // A match that ends in a slash would take the first of two, and a path with a doubled slash is unknown.
  const pattern = new RegExp(`${boundary}(?:${source})(?<!\\/)${boundary}`, `${flags.replace(/[gy]/g, '')}y`);
  return (url) => {
    const path = pathOf(url);
    pattern.lastIndex = 0;
    return pattern.test(path) ? remainder(url, path, pattern.lastIndex) : undefined;
  };
}

/** The URL without the beginning of its path, and without the host of an absolute-form target. */
function remainder(url: string, path: string, length: number): string {
  const query = url.indexOf('?');
  const rest = path.slice(length) || '/';
  return query === -1 ? rest : rest + url.slice(query);
}
