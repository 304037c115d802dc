/** Servers that take turns, each with loads of its own; what a round measures is the scenario's. */
import type { LoadOptions } from '../load/protocol.ts';
import type { LoadProcess } from '../measure/load.ts';
import { keyOf, type Participant } from '../measure/participant.ts';
import type { Run } from '../measure/run.ts';
import type { ServerProcess } from '../measure/server.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Row, Table } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';

/** A server, and the processes that put loads on it. */
export interface Side {
  readonly server: ServerProcess;
  readonly startLoad: (options: LoadOptions) => Promise<LoadProcess>;
}

/** Measures one round, or warms up. Returns a figure for each table. */
export type MeasureRound<Figure extends string> = () => Promise<Readonly<Record<Figure, number>>>;

/** A table of one of the figures. */
export interface FigureTable {
  readonly title: string;
  readonly measure: string;
}

/**
 * Measures all servers in turns.
 *
 * @param prepare opens the loads of one server; what it returns measures one round
 * @param reference the server that the ratios of the tables refer to
 * @param tables by the figure that they show; a table is named `<name>-<figure>`
 */
export async function* measureSideBySide<Figure extends string>(
  run: Run,
  name: string,
  servers: readonly ServerName[],
  tables: Readonly<Record<Figure, FigureTable>>,
  prepare: (side: Side) => Promise<MeasureRound<Figure>>,
  reference: ServerName = 'ours-bare',
): AsyncGenerator<Table> {
  const sides: { readonly participant: Participant; readonly measure: MeasureRound<Figure> }[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  const rounds: Readonly<Record<Figure, number>>[][] = [];
  try {
    for (const participant of run.participants(servers)) {
      const server = await run.startServer(participant);
      ends.unshift(() => server.end());
      const startLoad = async (options: LoadOptions) => {
        const load = run.startLoad(server);
        ends.unshift(() => load.end());
        await load.open(options);
        return load;
      };
      sides.push({ participant, measure: await prepare({ server, startLoad }) });
    }
    for (const { measure } of sides) {
      await measure();
    }
    for (let round = 0; round < run.options.rounds; round += 1) {
      const order = sides.map((side, i) => ({ side, i }));
      for (const { side, i } of round % 2 === 0 ? order : order.toReversed()) {
        rounds[i] = [...(rounds[i] ?? []), await side.measure()];
      }
    }
  } finally {
    for (const end of ends) {
      await end();
    }
  }
  for (const figure of Object.keys(tables) as Figure[]) {
    const rows = sides.map(({ participant }, i): Row => {
      const value = spreadOf((rounds[i] ?? []).map((figures) => figures[figure]));
      return { key: keyOf(participant), title: SERVERS[participant.server].title, value };
    });
    yield { name: `${name}-${figure}`, ...tables[figure], reference, rows };
  }
}
