/** The map of the documents: the tables of docs/README.md, which the sidebar and the navigation are made of. */
import { posix } from 'node:path';

export interface Entry {
  readonly title: string;
  /** From the folder of the project, such as `docs/guide/vite.md`. */
  readonly path: string;
}

/** A heading of the map with the pages in the table below it. */
export interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

export const MAP = 'docs/README.md';

/** The sections of the map: each row of a table begins with a link to its page. */
export function sectionsOf(map: string): Section[] {
  const [, ...sections] = map.split(/^## /m);
  return sections
    .map((section) => ({
      title: section.split('\n', 1)[0] ?? '',
      entries: Array.from(section.matchAll(/^\| \[(.+?)\]\(([^)#\s]+)\)/gm), ([, title = '', link = '']) => ({
        title: title.replaceAll('`', ''),
        path: posix.join(posix.dirname(MAP), link),
      })),
    }))
    .filter(({ entries }) => entries.length > 0);
}

/**
 * Has every page listed by the map.
 *
 * @throws Error that names the pages which the map does not list
 */
export function expectListed(sections: readonly Section[], pages: readonly string[]): void {
  const listed = new Set(sections.flatMap(({ entries }) => entries.map(({ path }) => path)));
  const missing = pages.filter((path) => path !== MAP && !listed.has(path));
  if (missing.length > 0) {
    throw new Error(`${MAP} does not list ${missing.join(', ')}: the site would have no way to them`);
  }
}
