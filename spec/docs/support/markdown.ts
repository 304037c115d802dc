/** Parts of Markdown pages. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib-source.ts';

/** Reads a page, as in `docs/internals/bypasses.md`. */
export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
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

/** What a text has in backticks. */
export function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** Whether a path of the package exists. */
export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}
