/** The targets of the package: its cost is at most `factor` times that of another server in the same run. */
import { HTTP_TRANSPORT_NAMES } from './load/protocol.ts';
import { type Interval, medianInterval, ratioOf, ratiosOf } from './measure/statistics.ts';
import { findRow, markdown, type Table } from './report/table.ts';
import { COMPAT_SCENARIOS } from './scenarios/compat.ts';
import { ESCAPES_TABLES } from './scenarios/escapes.ts';
import { LARGE_TABLES } from './scenarios/large.ts';
import { CLUSTERED, OURS } from './servers/names.ts';

export interface Target {
  readonly scenario: string;
  /** Rows of the scenario's table. */
  readonly ours: string;
  /** Undefined where `factor` is the limit itself. */
  readonly other?: string;
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
  ...targets('cluster-owner-polling', CLUSTERED, { 'ours-bare': 1.03 }),
  ...['ws-echo', 'ws-open', 'ws-memory'].flatMap((scenario) =>
    targets(`cluster-owner-${scenario}`, CLUSTERED, { 'ours-bare': 1.02 }),
  ),
  ...targets('ws-pipelined', OURS, { ws: 0.25, 'sockjs-go': 0.25 }),
  ...targets('ws-broadcast', OURS, { ws: 0.9, 'sockjs-go': 0.9, prepared: 1.1 }),
  ...targets('streaming-broadcast', OURS, { sockjs: 0.7, 'sockjs-go': 0.85 }),
  ...targets('polling-echo', ['ours-bare'], { http: 1.25, 'sockjs-go': 1.1, sockjs: 0.45 }),
  ...targets('polling-echo', ['ours-express'], { express: 1.05, sockjs: 0.6 }),
  ...targets('info', ['ours-bare'], { http: 1.25 }),
  ...HTTP_TRANSPORT_NAMES.flatMap((transport) =>
    targets(`http-open-${transport}`, ['ours-express'], { express: 1.15 }),
  ),
  ...targets('streaming-storm-cpu', ['ours-express'], { sockjs: 0.7, express: 1.2 }),
  ...targets('ws-open', ['ours-express'], { ws: 1.6, sockjs: 0.8 }),
  ...targets('ws-memory', ['ours-bare'], { ws: 1.35, sockjs: 0.65 }),
  ...targets('ws-memory-at-once', ['ours-bare'], { ws: 1.25, sockjs: 0.65 }),
  ...['ws-memory', 'ws-memory-at-once'].flatMap((scenario) =>
    targets(scenario, ['ours-express'], { ws: 1.5, sockjs: 0.65 }),
  ),
  ...['streaming-memory', 'streaming-memory-at-once'].flatMap((scenario) => targets(scenario, OURS, { sockjs: 0.7 })),
  ...targets('streaming-memory', ['ours-bare'], { held: 1.25 }),
  ...targets('streaming-memory', ['ours-express'], { 'held-express': 1.25 }),
  ...targets('mixed-memory', ['ours-bare'], { held: 1.2 }),
  ...targets('mixed-memory', ['ours-express'], { 'held-express': 1.2 }),
  ...targets('growth-sessions', ['ours-bare-15000'], { 'ours-bare-100': 1.05, 'ours-bare-1000': 1.05 }),
  ...['heartbeats', 'heartbeats-streaming'].flatMap((scenario) => [
    ...targets(`${scenario}-pause`, ['ours-bare-15000'], { 'ours-bare-0': 1.5 }),
    ...targets(`${scenario}-cpu`, ['ours-bare-15000'], {
      'ours-bare-100': 1.05,
      'ours-bare-1000': 1.05,
    }),
  ]),
  ...targets('start-up-cpu', ['express-sockjs'], { 'ws+express': 1.1 }),
  ...targets('broadcast-tail-p99', OURS, { ws: 0.35 }),
  ...targets('broadcast-tail-pause', OURS, { ws: 0.25 }),
  ...targets('ws-storm-cpu', ['ours-bare'], { ws: 1.2 }),
  ...targets('ws-storm-cpu', ['ours-express'], { ws: 1.3 }),
  ...targets('ws-storm-pause', OURS, { ws: 1 }),
  ...targets('idle-beside', ['ours-bare-10000'], { 'ours-bare-100': 1.1 }),
  ...LARGE_TABLES.flatMap((scenario) =>
    targets(scenario, OURS, { [scenario === 'large-websocket' ? 'ws-json' : 'http-json']: 1.1 }),
  ),
  ...ESCAPES_TABLES.flatMap((scenario) => targets(scenario, ['quoting'], { stringify: 1.15 })),
  ...targets('tls-ws-echo', ['ours-bare'], { ws: 1.05 }),
  ...targets('tls-polling-echo', ['ours-bare'], { http: 1.05 }),
  ...targets('tls-polling-echo', ['ours-express'], { express: 1.05 }),
  ...[32, 128].flatMap((sessions) => [
    ...targets(`cluster-polling-${sessions}`, ['pair-tcp', 'pair-unix'], { 'pair-nginx': 1.8 }),
    ...targets(`cluster-polling-${sessions}`, ['pair-tcp'], { 'relay-tcp': 1.25 }),
    ...targets(`cluster-polling-${sessions}`, ['pair-unix'], { 'relay-unix': 1.25 }),
    ...targets(`cluster-polling-${sessions}`, ['pair-owner'], { 'pair-plain': 1.03 }),
  ]),
  // 2 ÷ 1.8: two workers on two cores carry 1.8 times what one does on one.
  ...['cluster-workers-echo', 'cluster-workers-polling'].flatMap((scenario) => [
    ...targets(scenario, ['two-workers'], { 'one-worker': 2 / 1.8, 'one-worker-plain': 2 / 1.8, 'sockjs-go': 1 }),
  ]),
  ...targets('cluster-workers-echo', ['two-workers-plain'], { 'one-worker-plain': 2 / 1.8 }),
  ...targets('cluster-opening', ['pair-brief-tcp', 'pair-brief-ioredis'], { 'pair-brief': 1.4 }),
  ...['tcp', 'unix'].flatMap((links) => [
    ...targets(`cluster-latency-${links}`, [`pair-${links}`], { bound: 1 }),
    ...targets(`cluster-latency-${links}`, [`pair-${links}-p99`], { [`pair-${links}`]: 3 }),
  ]),
  ...targets('cluster-memory', ['requester'], { local: 1.5 }),
  ...limits('cluster-memory', { owner: 2, redis: 300 / 1024 }),
  ...limits('cluster-commands', { opening: 1.01, 'unknown-send': 1.01 }),
  ...limits('cluster-rooms', { 'in-vain': 0 }),
  // `maxSendBuffer` and two windows of 64 KiB.
  ...limits('cluster-stalled', {
    buffered: 1024,
    owner: 1024 + 128,
    requester: 1024 + 128,
    early: 0,
    waiting: 0,
    open: 0,
  }),
  ...targets('cluster-streaming', ['pair-tcp', 'pair-unix'], { 'ours-bare': 1.8 }),
  ...targets('cluster-broadcast', ['four'], { 'four-socketio': 0.7 }),
  ...targets('cluster-broadcast', ['four-workers'], { 'four-workers-socketio': 0.7 }),
  ...COMPAT_SCENARIOS.flatMap(({ name }) => (name.endsWith('-memory') ? [name, `${name}-at-once`] : [name])).flatMap(
    (scenario) => [
      ...targets(scenario, ['compat'], { sockjs: 1 }),
      ...targets(scenario, ['compat-log'], { 'sockjs-log': 1 }),
    ],
  ),
  ...targets('idle-beside', ['ours-express-10000'], { 'ours-express-100': 1.1 }),
];

/** Returns limits of one scenario. */
function limits(scenario: string, rows: Readonly<Record<string, number>>): Target[] {
  return Object.entries(rows).map(([ours, factor]) => ({ scenario, ours, factor }));
}

/** Returns a table of the targets that were measured, and whether they were met. */
export function writeTargets(tables: readonly Table[]): string {
  const cells = TARGETS.flatMap(({ scenario, ours, other, factor }) => {
    const own = findRow(tables, scenario, ours);
    const others = other === undefined ? undefined : findRow(tables, scenario, other);
    if (own !== undefined && other === undefined) {
      const isMet = own.value.max <= factor;
      return [[scenario, ours, `≤ ${factor}`, own.value.max.toFixed(2), '–', isMet ? 'met' : 'missed']];
    }
    if (own === undefined || others === undefined) {
      return [];
    }
    const ratio = ratioOf(own.value, others.value);
    const interval = medianInterval(ratiosOf(own.value, others.value));
    const verdict = ratio <= factor ? 'met' : `missed by ${((ratio / factor - 1) * 100).toFixed(1)} %`;
    return [[scenario, ours, `≤ ${factor.toFixed(2)} × ${other}`, ratio.toFixed(2), writeInterval(interval), verdict]];
  });
  return cells.length === 0
    ? ''
    : `${markdown(['Scenario', 'Ours', 'Target', 'Measured', '95 % interval', 'Verdict'], cells)}\n`;
}

function writeInterval(interval: Interval | undefined): string {
  return interval === undefined ? '–' : `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}`;
}
