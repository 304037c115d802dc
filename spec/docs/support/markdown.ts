/** The documents of the project, and what stands in them: links, headings, tables and code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The pages below `docs/`, as paths from the folder of the project. */
export const PAGES: readonly string[] = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !/^(node_modules|\.vitepress)\b/.test(path))
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

/** The text below a heading of the second level, up to the next one. */
export function sectionOf(page: string, heading: string): string {
  const [, text] = page.split(`\n## ${heading}\n`);
  if (text === undefined) {
    throw new Error(`there is no section "${heading}"`);
  }
  return text.split(/^## /m)[0] ?? '';
}

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly lines: readonly string[];
}

/** The fenced blocks of a text. Throws for a block without an end. */
export function blocksOf(text: string): Block[] {
  const blocks: { language: string; lines: string[] }[] = [];
  let open: { language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith('```')) {
      open?.lines.push(line);
    } else if (open === undefined) {
      open = { language: line.slice(3), lines: [] };
      blocks.push(open);
    } else {
      open = undefined;
    }
  }
  if (open !== undefined) {
    throw new Error(`a block of ${open.language || 'text'} has no end`);
  }
  return blocks;
}

/** The rows of a table, by the titles of their columns. Throws for a row that has another number of cells. */
export function rowsOf(text: string): ReadonlyMap<string, string>[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const [titles = [], , ...rows] = lines.map((line) => line.slice(2, -2).split(' | '));
  return rows.map((cells) => {
    if (cells.length !== titles.length) {
      throw new Error(`a row has ${cells.length} cells, not ${titles.length}: ${cells.join(' | ')}`);
    }
    return new Map(titles.map((title, i) => [title, cells[i] ?? '']));
  });
}

/** Whether a path of the package exists. */
export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}
