/** Collects the costs of the present checkout and of a revision, round by round, and pairs them. */
import { ratioOf, spreadOf } from '../measure/statistics.ts';
import type { Row, Table } from '../report/table.ts';
import { type Judgement, judge } from './verdict.ts';

/** One row of a table, over all rounds. */
export interface Compared extends Judgement {
  readonly key: string;
  readonly title: string;
  /** The median of the absolute values. Compare by `ratio`, not by these. */
  readonly present: number;
  readonly revision: number;
}

/** All rounds of one table of a scenario. */
export class Comparison {
  readonly name: string;
  readonly title: string;
  readonly measure: string;
  readonly #suffix: string;
  readonly #pairs = new Map<string, [present: Row, revision: Row][]>();

  /** @param suffix what the key of a row of the revision has behind that of the present checkout */
  constructor({ name, title, measure }: Omit<Table, 'rows'>, suffix: string) {
    this.name = name;
    this.title = title;
    this.measure = measure;
    this.#suffix = suffix;
  }

  /** Adds the table of one more round. */
  add({ rows }: Table): void {
    for (const present of rows) {
      const revision = rows.find(({ key }) => key === present.key + this.#suffix);
      if (revision !== undefined) {
        const pairs = this.#pairs.get(present.key) ?? [];
        pairs.push([present, revision]);
        this.#pairs.set(present.key, pairs);
      }
    }
  }

  /** The rows so far. Each round counts once, by the median of the ratios within it. */
  rows(): Compared[] {
    return [...this.#pairs].map(([key, pairs]) => ({
      key,
      title: pairs[0]?.[0].title ?? key,
      present: spreadOf(pairs.map(([present]) => present.value.median)).median,
      revision: spreadOf(pairs.map(([, revision]) => revision.value.median)).median,
      ...judge(pairs.map(([present, revision]) => ratioOf(present.value, revision.value))),
    }));
  }
}
