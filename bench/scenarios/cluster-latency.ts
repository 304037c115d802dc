/** How long a relayed echo takes, beside one at the owner, a bare relay, and a ping on a link. */
import type { LoadOptions } from '../load/protocol.ts';
import type { LoadProcess } from '../measure/load.ts';
import { keyOf } from '../measure/participant.ts';
import type { Run } from '../measure/run.ts';
import type { ServerProcess } from '../measure/server.ts';
import { quantile, spreadOf } from '../measure/statistics.ts';
import type { Row } from '../report/table.ts';
import { SERVERS, type ServerName } from '../servers/names.ts';
import type { Scenario } from './scenario.ts';

/** Echoes, and pings, of a round. */
const EACH = 400;

/** Echoes before the first round. */
const WARM_UP = 3000;

/** µs that a relayed echo may take beside the echo and two ways to and fro. */
const ALLOWANCE = 300;

interface Timed {
  readonly key: string;
  readonly title: string;
  /** µs in each round. */
  readonly p50: number[];
  readonly p99: number[];
  readonly time: () => Promise<readonly number[]>;
  readonly end: () => Promise<unknown>;
}

export function clusterLatency(links: 'tcp' | 'unix'): Scenario {
  const name = `cluster-latency-${links}`;
  const [relayed, floor] = [`pair-${links}`, `relay-${links}`] as const;
  return {
    name,
    async *measure(run) {
      const load = { kind: 'latency', size: 64 } as const;
      const timed: Timed[] = [];
      try {
        for (const [server, options] of [
          [relayed, { ...load, isRelayed: true }],
          ['pair-plain', load],
          [floor, { ...load, isRelayed: true }],
        ] as const) {
          timed.push(...(await start(run, server, options)));
        }
        for (let round = 0; round < run.options.rounds; round += 1) {
          for (const { p50, p99, time } of timed) {
            const times = await time();
            p50.push(1000 * quantile(times, 0.5));
            p99.push(1000 * quantile(times, 0.99));
          }
        }
      } finally {
        await Promise.all(timed.map(({ end }) => end()));
      }
      const title = 'One relayed xhr-polling echo at a time, and a ping on a link';
      yield { name, title, measure: 'µs', reference: relayed, rows: rowsOf(timed) };
    },
  };
}

/** Starts a server and its load. Of a bare relay the link is timed, too. */
async function start(run: Run, name: ServerName, options: LoadOptions): Promise<Timed[]> {
  const timed: Timed[] = [];
  for (const participant of run.participants([name])) {
    const server = await run.startServer(participant);
    const load = run.startLoad(server);
    await load.open(options);
    await load.round(WARM_UP);
    const spread = (key: string, title: string) => ({ key, title, p50: [], p99: [] });
    timed.push({
      ...spread(keyOf(participant), SERVERS[name].title),
      time: async () => (await load.round(EACH)).times,
      end: () => endBoth(server, load),
    });
    if (name.startsWith('relay-')) {
      const time = async (): Promise<readonly number[]> => JSON.parse(await server.ask(`at 0 roundTrips ${EACH}`));
      await time();
      timed.push({ ...spread('link', 'a ping on the link of the floor'), time, end: async () => {} });
    }
  }
  return timed;
}

async function endBoth(server: ServerProcess, load: LoadProcess): Promise<void> {
  await load.end();
  await server.end();
}

/** The median and the 99th percentile of each, and the bound of the median. */
function rowsOf(timed: readonly Timed[]): Row[] {
  const rows = timed.flatMap(({ key, title, p50, p99 }): Row[] => [
    { key, title: `${title}, p50`, value: spreadOf(p50) },
    { key: `${key}-p99`, title: `${title}, p99`, value: spreadOf(p99) },
  ]);
  const [local, link] = ['pair-plain', 'link'].map((key) => timed.find((one) => one.key === key)?.p50);
  if (local !== undefined && link !== undefined) {
    const bound = local.map((each, i) => each + 2 * (link[i] ?? 0) + ALLOWANCE);
    rows.push({ key: 'bound', title: 'bound: at the owner + 2 pings + 0.3 ms', value: spreadOf(bound) });
  }
  return rows;
}
