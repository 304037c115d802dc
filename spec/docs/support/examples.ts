/** The blocks of the documents, and the examples of the documentation comments. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES, ROOT } from './markdown.ts';

/** Whose blocks marked `ts`, `tsx` and `js` are examples. */
export const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'compat/README.md',
  'demo/deploy/README.md',
  ...PAGES,
];

/** A block of a document, or an example of a documentation comment. */
export interface Example {
  readonly file: string;
  readonly language: string;
  /** The line in that file on which it begins. */
  readonly line: number;
  readonly text: string;
}

/** The blocks of a document, those that are indented within a list as well. */
export function blocksOf(file: string): Example[] {
  return blocksIn(file, readFileSync(join(ROOT, file), 'utf8'));
}

/** The same for its text. */
export function blocksIn(file: string, text: string): Example[] {
  return [...text.matchAll(/^( *)```([^\n]*)\n(.*?)^\1```$/gms)].map((match) => ({
    file,
    language: match[2] ?? '',
    line: lineAt(text, match.index) + 1,
    text: match[3] ?? '',
  }));
}

/** What follows `@example` in a documentation comment, up to the next tag or the end. */
export function commentExamplesOf(file: string): Example[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^ *\* @example\n((?:^ *\*(?!\/| @).*\n)+)/gm)].map((match) => ({
    file,
    language: 'ts',
    line: lineAt(text, match.index) + 1,
    text: (match[1] ?? '').replace(/^ *\* ?/gm, ''),
  }));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
