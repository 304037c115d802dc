/** CPU of one server under several loads, of which each is a row. */
import type { LoadOptions } from '../load/protocol.ts';
import type { Run } from '../measure/run.ts';
import type { Row } from '../report/table.ts';
import type { ServerName } from '../servers/names.ts';
import { cpuRows } from './cpu-rows.ts';

/** The differences are small, so fewer rounds would not show them. */
const MIN_ROUNDS = 7;

export interface Variant {
  /** What the key of its row has behind the name of the server. */
  readonly suffix: number;
  /** What its title has behind that of the server. */
  readonly title: string;
  readonly load: LoadOptions;
}

/** Measures all variants side by side: each has a process of its own, and they take turns. */
export function cpuOfVariants(run: Run, server: ServerName, variants: readonly Variant[]): Promise<Row[]> {
  const entrants = variants.map(({ suffix, title, load }) => ({
    key: `${server}-${suffix}`,
    server,
    as: `, ${title}`,
    load,
  }));
  return cpuRows(run, entrants, Math.max(MIN_ROUNDS, run.options.rounds));
}
