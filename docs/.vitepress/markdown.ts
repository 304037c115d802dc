/** What makes VitePress read Markdown as the pages of a repository do: links to files, anchors of headings, diagrams. */
import { posix } from 'node:path';
import { type Files, targetOf } from './files.ts';

/** What is used of the parser of VitePress, which is markdown-it. */
interface Token {
  type: string;
  tag: string;
  nesting: number;
  content: string;
  readonly info: string;
  readonly children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}
interface State {
  readonly tokens: Token[];
  readonly env: { readonly relativePath?: string };
}
type Fence = (tokens: Token[], index: number, ...rest: unknown[]) => string;
export interface Parser {
  readonly core: { readonly ruler: { push(name: string, rule: (state: State) => void): void } };
  readonly linkify: { set(options: { fuzzyLink: boolean; fuzzyEmail: boolean }): void };
  readonly renderer: { readonly rules: { fence?: Fence; code_block?: Fence } };
}

/** The anchor of a heading, as the pages of a repository have it. */
export function slugify(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

/** A link as it stands in a file of the project, for the site; undefined where the reader cannot follow it from there. */
function linkOnSite(files: Files, path: string, link: string): string | undefined {
  if (/^https?:\/\/(localhost|127\.0\.0\.1)\b/.test(link)) {
    return undefined;
  }
  const target = targetOf(path, link);
  if (target === undefined) {
    return link;
  }
  const [from, to] = [files.get(path), files.get(target)];
  if (from === undefined || to === undefined) {
    return undefined;
  }
  const [, anchor] = link.split('#', 2);
  const address = to.startsWith('public/') ? to.slice('public'.length) : posix.relative(posix.dirname(from), to);
  return anchor === undefined ? address : `${address}#${anchor}`;
}

/** Has the links and images of tokens lead to files of the site. Any other link becomes its text. */
function mendLinks(tokens: readonly Token[], mend: (link: string) => string | undefined): void {
  let isDropped = false;
  for (const token of tokens) {
    if (token.type === 'link_open') {
      const link = mend(token.attrGet('href') ?? '');
      isDropped = link === undefined;
      token.attrSet('href', link ?? '');
    } else if (token.type === 'image') {
      token.attrSet('src', mend(token.attrGet('src') ?? '') ?? '');
    } else if (token.type === 'html_block' || token.type === 'html_inline') {
      token.content = token.content.replace(
        /\b(src|srcset|href)="([^"]*)"/g,
        (_, name: string, link: string) => `${name}="${mend(link) ?? ''}"`,
      );
    }
    if (isDropped && (token.type === 'link_open' || token.type === 'link_close')) {
      isDropped = token.type === 'link_open';
      Object.assign(token, { type: 'text', tag: '', nesting: 0, content: '' });
    }
    mendLinks(token.children ?? [], mend);
  }
}

const escapeHtml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

export function extend(md: Parser, files: Files): void {
  const paths = new Map(Array.from(files, ([path, place]) => [place, path]));
  md.core.ruler.push('project-links', ({ tokens, env }) => {
    const path = paths.get(env.relativePath ?? '');
    if (path !== undefined) {
      mendLinks(tokens, (link) => linkOnSite(files, path, link));
    }
  });
  // Else README.md would be a link to a host in Moldova.
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  const { fence } = md.renderer.rules;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const token = tokens[index];
    return token?.info.trim() === 'mermaid'
      ? `<Diagram code="${escapeHtml(token.content)}" />\n`
      : (fence?.(tokens, index, ...rest) ?? '');
  };
  // VitePress gives a frame, which scrolls, to code between fences only.
  md.renderer.rules.code_block = md.renderer.rules.fence;
}
