/** Servers that take turns, each with loads of its own; what a round measures is the scenario's. */
import type { LoadOptions } from '../load/protocol.ts';
import type { LoadProcess } from '../measure/load.ts';
import { keyOf, type Participant } from '../measure/participant.ts';
import type { Run } from '../measure/run.ts';
import type { ServerProcess } from '../measure/server.ts';
import { spreadOf } from '../measure/statistics.ts';
import type { Row, Table } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { ServerSettings } from '../servers/server-settings.ts';

/** A server, and the processes that put loads on it. */
export interface Side {
  readonly server: ServerProcess;
  readonly startLoad: (options: LoadOptions) => Promise<LoadProcess>;
}

/** Figures of one round, by the table that shows them. A side that has no such figure is left out of that table. */
type Figures<Figure extends string> = Readonly<Partial<Record<Figure, number>>>;

/** Measures one round, or warms up. */
export type MeasureRound<Figure extends string> = () => Promise<Figures<Figure>>;

/** Opens the loads of one server; what it returns measures one round. */
export type Prepare<Figure extends string> = (side: Side) => Promise<MeasureRound<Figure>>;

/** A table of one of the figures. */
export interface FigureTable {
  readonly title: string;
  readonly measure: string;
}

/** A server with a load of its own. A server may be measured with several. */
export interface Contestant<Figure extends string> {
  readonly participant: Participant;
  /** The key of its row. */
  readonly key: string;
  readonly title: string;
  readonly prepare: Prepare<Figure>;
}

/** What all contestants have in common. */
export interface Conditions<Figure extends string> {
  /** A table is named `<name>-<figure>`. */
  readonly name: string;
  readonly tables: Readonly<Record<Figure, FigureTable>>;
  /** The row that the ratios of the tables refer to. */
  readonly reference: string;
  readonly rounds: number;
  /** How the servers run, where that is not as usual. */
  readonly settings?: ServerSettings;
}

/**
 * Measures servers in turns, all with the same load.
 *
 * @param reference the server that the ratios of the tables refer to
 */
export function measureSideBySide<Figure extends string>(
  run: Run,
  name: string,
  servers: readonly ServerName[],
  tables: Readonly<Record<Figure, FigureTable>>,
  prepare: Prepare<Figure>,
  reference: ServerName = 'ours-bare',
): AsyncGenerator<Table> {
  const contestants = run.participants(servers).map((participant) => {
    return { participant, key: keyOf(participant), title: SERVERS[participant.server].title, prepare };
  });
  return measureContestants(run, contestants, { name, tables, reference, rounds: run.options.rounds });
}

/** Measures all contestants in turns. */
export async function* measureContestants<Figure extends string>(
  run: Run,
  contestants: readonly Contestant<Figure>[],
  { name, tables, reference, rounds, settings }: Conditions<Figure>,
): AsyncGenerator<Table> {
  const sides: { readonly measure: MeasureRound<Figure>; readonly results: Figures<Figure>[] }[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  try {
    for (const { participant, prepare } of contestants) {
      const server = await run.startServer(participant, settings);
      ends.unshift(() => server.end());
      const startLoad = async (options: LoadOptions) => {
        const load = run.startLoad(server);
        ends.unshift(() => load.end());
        await load.open(options);
        return load;
      };
      sides.push({ measure: await prepare({ server, startLoad }), results: [] });
    }
    for (const { measure } of sides) {
      await measure();
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const { measure, results } of round % 2 === 0 ? sides : sides.toReversed()) {
        results.push(await measure());
      }
    }
  } finally {
    for (const end of ends) {
      await end();
    }
  }
  for (const figure of Object.keys(tables) as Figure[]) {
    const rows = contestants.flatMap(({ key, title }, i): Row[] => {
      const values = (sides[i]?.results ?? []).flatMap((figures) => figures[figure] ?? []);
      return values.length === 0 ? [] : [{ key, title, value: spreadOf(values) }];
    });
    yield { name: `${name}-${figure}`, ...tables[figure], reference, rows };
  }
}
