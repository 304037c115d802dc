/** CPU of one server under several loads, of which each is a row. */
import type { LoadOptions } from '../load/protocol.ts';
import { measureCpu } from '../measure/cpu.ts';
import type { Run } from '../measure/run.ts';
import type { Row } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';

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
export async function cpuOfVariants(run: Run, server: ServerName, variants: readonly Variant[]): Promise<Row[]> {
  const contenders = variants.flatMap(({ suffix, title, load }) =>
    run.participants([server]).map((participant) => ({
      name: `${server}-${suffix}${participant.checkout.suffix}`,
      title: `${SERVERS[server].title}, ${title}`,
      participant,
      load,
    })),
  );
  const results = await measureCpu(run, contenders, Math.max(MIN_ROUNDS, run.options.rounds));
  return contenders.flatMap(({ name: key, title }) => {
    const result = results.get(key);
    return result === undefined ? [] : [{ key, title, value: result.cpu, throughput: result.throughput }];
  });
}
