/** The files that the site shows: the pages of docs/, and the files of the project that they link to, one after another. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where VitePress finds the pages. */
export const SOURCE = fileURLToPath(new URL('./pages', import.meta.url));

const IMAGE = /\.(png|svg|jpe?g|gif|webp)$/;

/** The file of the site for each file of the project, both as paths from their folders. */
export type Files = ReadonlyMap<string, string>;

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The pages below docs/, sorted. */
export function docsPages(folder = 'docs'): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && !name.startsWith('.'))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? docsPages(path) : path.endsWith('.md') ? [path] : [];
    })
    .sort();
}

/** The file that a link of a file leads to; undefined for an address of the web, and for an anchor of the same page. */
export function targetOf(path: string, link: string): string | undefined {
  const [target = ''] = link.split('#', 1);
  const isElsewhere = target === '' || /^([a-z][a-z+.-]*:|\/)/i.test(target);
  return isElsewhere ? undefined : posix.join(posix.dirname(path), decodeURIComponent(target));
}

/** The files that a Markdown file links to or shows. */
function linkedFrom(path: string): string[] {
  const text = read(path)
    .replace(/^( *)```.*?^\1```$/gms, '')
    .replace(/(`+).*?\1(?!`)/g, '');
  const links = text.matchAll(/\]\(([^()\s]*)(?: "[^"]*")?\)|^\[[^\]]+\]: *(\S+)|\b(?:src|srcset|href)="([^"]*)"/gm);
  return [...links].flatMap(([, inline, reference, html]) => targetOf(path, inline ?? reference ?? html ?? '') ?? []);
}

/** A page of docs/ keeps its path, and the map becomes the first page. Other files are pages or images below `project/`. */
function placeOf(path: string): string {
  if (path.startsWith('docs/')) {
    return path.slice('docs/'.length).replace(/^README\.md$/, 'index.md');
  }
  if (IMAGE.test(path)) {
    return `public/project/${path}`;
  }
  return path.endsWith('.md') ? `project/${path}` : `project/${path}.md`;
}

/** All files of the site. A link to a file that does not exist adds none. */
export function siteFiles(): Files {
  const files = new Map<string, string>();
  const waiting = docsPages();
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const isFile = statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile() ?? false;
    if (isFile && !path.startsWith('..') && !files.has(path)) {
      files.set(path, placeOf(path));
      waiting.push(...(path.endsWith('.md') ? linkedFrom(path) : []));
    }
  }
  return files;
}

/** A program as a page: its path for a title, and its text. */
function pageOf(path: string): string {
  const text = read(path).trimEnd();
  const [longest = ''] = (text.match(/`{3,}/g) ?? []).sort((a, b) => b.length - a.length);
  const fence = '`'.repeat(Math.max(3, longest.length + 1));
  const language = extname(path).slice(1) || (path.endsWith('Dockerfile') ? 'docker' : 'text');
  return `# ${path}\n\n${fence}${language}\n${text}\n${fence}\n`;
}

/** Writes one file of the site. */
export function writeFile(files: Files, path: string): void {
  const place = files.get(path);
  if (place === undefined) {
    return;
  }
  const target = join(SOURCE, place);
  mkdirSync(dirname(target), { recursive: true });
  if (path.endsWith('.md') || IMAGE.test(path)) {
    copyFileSync(join(ROOT, path), target);
  } else {
    writeFileSync(target, pageOf(path));
  }
}

/** Writes all files of the site, in place of those of an earlier run. */
export function writeFiles(files: Files): void {
  rmSync(SOURCE, { recursive: true, force: true });
  for (const path of files.keys()) {
    writeFile(files, path);
  }
}

/** The path of a file of the project on this machine. */
export function locate(path: string): string {
  return join(ROOT, path);
}
