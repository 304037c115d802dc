/** The documents of the project, and what stands in them: links, headings, tables and code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The pages below `docs/`, as paths from the folder of the project. */
export const PAGES: readonly string[] = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `docs/${path}`)
  .sort();

/** The text of a document. */
export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The fenced blocks of a language, as they stand between the fences. */
export function codeBlocks(markdown: string, language: string): string[] {
  const blocks = markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].filter(([, found]) => found === language).map(([, , code = '']) => code);
}

/** The targets of all links and images, in Markdown and in HTML, in their order; code has none. */
export function linksOf(markdown: string): string[] {
  const text = markdown.replace(/^( *)```.*?^\1```$/gms, '').replace(/(`+).*?\1(?!`)/g, '');
  const links = text.matchAll(/\]\(([^()\s]*)(?: "[^"]*")?\)|^\[[^\]]+\]: *(\S+)|\b(?:src|srcset|href)="([^"]*)"/gm);
  return [...links].map(([, inline, reference, html]) => inline ?? reference ?? html ?? '');
}

/** The anchors that GitHub makes of the headings of a document. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of markdown.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let unique = anchor;
    for (let i = 1; anchors.has(unique); i += 1) {
      unique = `${anchor}-${i}`;
    }
    anchors.add(unique);
  }
  return anchors;
}

/** The rows of all tables of a document, less heads and rules, each as its cells. A `\|` in a cell is part of it. */
export function tableRows(markdown: string): string[][] {
  const lines = markdown.split('\n');
  const isRule = (line: string | undefined) => line !== undefined && /^\|(-+\|)+$/.test(line.replaceAll(' ', ''));
  return lines
    .filter((line, i) => line.startsWith('|') && !isRule(line) && !isRule(lines[i + 1]))
    .map((line) => line.slice(1, -1).split(/(?<!\\)\|/))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** The code spans of a text. */
export function codeSpans(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, code = '']) => code);
}
