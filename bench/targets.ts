/** The targets of the package: its cost is at most `factor` times that of another server in the same run. */
import { ratioOf } from './measure/statistics.ts';
import { findRow, markdown, type Table } from './report/table.ts';
import { CLUSTERED, OURS } from './servers/names.ts';

interface Target {
  readonly scenario: string;
  /** Rows of the scenario's table. */
  readonly ours: string;
  readonly other: string;
  readonly factor: number;
}

/** Returns targets of one scenario against several servers. */
function targets(scenario: string, ours: readonly string[], factors: Readonly<Record<string, number>>): Target[] {
  return ours.flatMap((own) =>
    Object.entries(factors).map(([other, factor]) => ({ scenario, ours: own, other, factor })),
  );
}

export const TARGETS: readonly Target[] = [
  ...targets('ws-echo', OURS, { ws: 1.15, 'sockjs-go': 1, sockjs: 0.65 }),
  ...targets('polling-echo', CLUSTERED, { 'ours-bare': 1.03 }),
  ...['ws-echo', 'ws-open', 'ws-memory'].flatMap((scenario) => targets(scenario, CLUSTERED, { 'ours-bare': 1.02 })),
  ...targets('ws-pipelined', OURS, { ws: 0.25, 'sockjs-go': 0.25 }),
  ...targets('ws-broadcast', OURS, { ws: 0.9, 'sockjs-go': 0.9, prepared: 1.1 }),
  ...targets('streaming-broadcast', OURS, { sockjs: 0.7, 'sockjs-go': 0.85 }),
  ...targets('polling-echo', ['ours-bare'], { http: 1.25, 'sockjs-go': 1.1, sockjs: 0.45 }),
  ...targets('polling-echo', ['ours-express'], { express: 1.15, sockjs: 0.6 }),
  ...targets('info', ['ours-bare'], { http: 1.25 }),
  ...targets('ws-open', ['ours-express'], { ws: 1.6, sockjs: 0.8 }),
  ...['ws-memory', 'ws-memory-at-once'].flatMap((scenario) => [
    ...targets(scenario, ['ours-bare'], { ws: 1.35, sockjs: 0.65 }),
    ...targets(scenario, ['ours-express'], { ws: 1.5, sockjs: 0.65 }),
  ]),
  ...['streaming-memory', 'streaming-memory-at-once'].flatMap((scenario) => targets(scenario, OURS, { sockjs: 0.7 })),
  ...targets('idle-beside', ['ours-bare-10000'], { 'ours-bare-100': 1.1 }),
  ...targets('idle-beside', ['ours-express-10000'], { 'ours-express-100': 1.1 }),
];

/** Returns a table of the targets that were measured, and whether they were met. */
export function writeTargets(tables: readonly Table[]): string {
  const cells = TARGETS.flatMap(({ scenario, ours, other, factor }) => {
    const own = findRow(tables, scenario, ours);
    const others = findRow(tables, scenario, other);
    if (own === undefined || others === undefined) {
      return [];
    }
    const ratio = ratioOf(own.value, others.value);
    const verdict = ratio <= factor ? 'met' : `missed by ${((ratio / factor - 1) * 100).toFixed(1)} %`;
    return [[scenario, ours, `≤ ${factor.toFixed(2)} × ${other}`, ratio.toFixed(2), verdict]];
  });
  return cells.length === 0 ? '' : `${markdown(['Scenario', 'Ours', 'Target', 'Measured', 'Verdict'], cells)}\n`;
}
