/** Survived mutants, from Stryker's report and from the list of accepted ones, both as rows of a table. */

interface Position {
  /** 1-based. */
  readonly line: number;
  /** 1-based. That of an end is one behind the last character. */
  readonly column: number;
}

/** The parts of Stryker's JSON report that the run needs. */
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

/** A mutant of the report. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly status: string;
  /** Its line of code, mutator, original and replacement, as cells of a row. */
  readonly row: string;
}

/** A mutant that the list accepts. */
export interface Listed {
  readonly file: string;
  /** As {@link Mutant.row}. */
  readonly row: string;
}

/** Whether the specs have killed it. A mutant that never ends, or that ends the test process, counts as killed. */
export function isKilled({ status }: Mutant): boolean {
  return status === 'Killed' || status === 'Timeout' || status === 'RuntimeError';
}

/** Returns the mutants that ran, and those that no test covers. */
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

/** Returns the rows below each heading that names a file. */
export function listedIn(markdown: string): Listed[] {
  const listed: Listed[] = [];
  let file: string | undefined;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('#')) {
      file = /^## `(lib\/.+\.ts)`$/.exec(line)?.[1];
    }
    // Four cells, in which a bar is escaped, before the cell with the reason.
    const row = /^(?:\| (?:\\\||[^|])+ ){4}\|/.exec(line)?.[0];
    if (file !== undefined && row?.startsWith('| `')) {
      listed.push({ file, row });
    }
  }
  return listed;
}

/** Formats code for a cell of a table: its first line, and an ellipsis where there are more. */
function code(text: string): string {
  const [first = '', ...more] = text.split('\n');
  const shown = `${first.trim()}${more.length > 0 ? ' …' : ''}`.replaceAll('|', '\\|');
  return shown.includes('`') ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}
