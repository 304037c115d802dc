/** Where the links of the documents lead. */
import { dirname, join, normalize } from 'node:path';
import { linksOf, readDocument } from './markdown.ts';

/** Whether a link names a scheme, as `https:` and `mailto:` do. */
export const isExternal = (link: string) => /^[a-z][a-z+.-]*:/i.test(link);

/** The file that a link of a document leads to, as a path from the folder of the project. */
export function targetOf(document: string, link: string): string {
  const [path = ''] = link.split('#', 1);
  return path === '' ? document : normalize(join(dirname(document), decodeURIComponent(path)));
}

/** The files that the links of a document lead to. */
export function linkedFrom(document: string): ReadonlySet<string> {
  const links = linksOf(readDocument(document)).filter((link) => !isExternal(link));
  return new Set(links.map((link) => targetOf(document, link)));
}
