/** Mutants as Stryker reports them, and those that the list allows to survive, in one notation: rows of a table. */

interface Position {
  /** From 1 on. */
  readonly line: number;
  /** From 1 on; that of an end is the one behind. */
  readonly column: number;
}

/** What the run needs of Stryker's JSON report. */
export interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string;
        readonly mutants: readonly {
          readonly mutatorName: string;
          readonly replacement: string;
          readonly status: string;
          readonly location: { readonly start: Position; readonly end: Position };
        }[];
      }
    >
  >;
}

/** One mutant. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly status: string;
  /** Text of its line, mutator, original and replacement, as a row of the list begins. */
  readonly row: string;
}

/** One mutant that the list allows to survive. */
export interface Listed {
  readonly file: string;
  /** As of a mutant. */
  readonly row: string;
}

/** Whether the specs noticed: a mutant that never ends, or that ends the process of the tests, was noticed. */
export function isKilled({ status }: Mutant): boolean {
  return status === 'Killed' || status === 'Timeout' || status === 'RuntimeError';
}

/** All mutants that ran or that no test reached. */
export function mutantsIn({ files }: Report): Mutant[] {
  const ran = ['Killed', 'Timeout', 'RuntimeError', 'Survived', 'NoCoverage'];
  return Object.entries(files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split('\n');
    return mutants
      .filter(({ status }) => ran.includes(status))
      .map(({ mutatorName, replacement, status, location: { start, end } }) => {
        const first = lines[start.line - 1] ?? '';
        const isOneLine = start.line === end.line;
        const original = first.slice(start.column - 1, isOneLine ? end.column - 1 : undefined);
        const cells = [code(first), mutatorName, code(isOneLine ? original : `${original}\n`), code(replacement)];
        return { file, line: start.line, status, row: `| ${cells.join(' | ')} |` };
      });
  });
}

/** The rows below each heading that names a file. */
export function listedIn(markdown: string): Listed[] {
  const listed: Listed[] = [];
  let file: string | undefined;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('#')) {
      file = /^## `(lib\/.+\.ts)`$/.exec(line)?.[1];
    }
    // Four cells, in which a bar is escaped, before the one with the reason.
    const row = /^(?:\| (?:\\\||[^|])+ ){4}\|/.exec(line)?.[0];
    if (file !== undefined && row?.startsWith('| `')) {
      listed.push({ file, row });
    }
  }
  return listed;
}

/** Code in a cell of a table: its first line, and a sign where there are more. */
function code(text: string): string {
  const [first = '', ...more] = text.split('\n');
  const shown = `${first.trim()}${more.length > 0 ? ' …' : ''}`.replaceAll('|', '\\|');
  return shown.includes('`') ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}
